package mqtt_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A client may have so many subscriptions and no more; those it has it may
// replace, and one that it gives up makes room.
func TestMaximumSubscriptionsPerClient(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		var log diary
		s := mqtttest.NewServerWith(t, &mqtt.Options{
			SysTopicResendInterval: -1, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: onlyFilter})),
			Capabilities: mqtt.Capabilities{MaximumSubscriptionsPerClient: 3},
		})
		refused := map[packets.Version]packets.Code{packets.V311: packets.ErrUnspecified, packets.V5: packets.ErrQuotaExceeded}[v]
		c := mqtttest.Dial(t, s, passing(v, "c"))
		expect := func(filters string, want ...packets.Code) {
			t.Helper()
			var subs []packets.Subscription
			for filter := range strings.FieldsSeq(filters) {
				subs = append(subs, packets.Subscription{Filter: filter, QoS: 1})
			}
			for i, code := range c.SubscribeWith(packets.Properties{}, subs...) {
				if code != want[i] {
					t.Errorf("SUBSCRIBE to %s: %s is answered with %v, want %v", filters, subs[i].Filter, code, want[i])
				}
			}
		}
		expect("a b", 1, 1)
		expect("a c $share/g/d b e", 1, 1, refused, 1, refused)
		c.Send(&packets.Unsubscribe{PacketID: 9, Filters: []string{"b"}})
		mqtttest.Expect[*packets.Unsuback](c)
		expect("$share/g/d e f", 1, refused, refused)
		if n := s.Stats().Subscriptions; n != 3 {
			t.Errorf("there are %d subscriptions", n)
		}
		log.expect(t, "$share/g/d", "e") // a line for each SUBSCRIBE
		other := mqtttest.Dial(t, s, passing(v, "other"))
		other.Subscribe("e", 1)
		c.Publish("e", "x", 1, false)
		expectMessages(t, other, "x")
	})
}

// onlyFilter leaves of a log line the filter.
func onlyFilter(_ []string, a slog.Attr) slog.Attr {
	if a.Key == "filter" {
		return a
	}
	return slog.Attr{}
}

func (d *diary) Write(b []byte) (int, error) {
	if _, filter, ok := strings.Cut(strings.TrimSpace(string(b)), "filter="); ok {
		d.add("%s", filter)
	}
	return len(b), nil
}
