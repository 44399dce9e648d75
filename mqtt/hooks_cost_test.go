//go:build !race

package mqtt_test

import (
	"net"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Hooks cost a message nothing unless they ask for events of messages, and
// then no memory.
func TestHooksAllocateNothingPerMessage(t *testing.T) {
	others := []any{
		fnAccept(func(net.Conn) bool { return true }),
		fnConnect(func(*mqtt.Client, *packets.Connect) error { return nil }),
		fnEstablished(func(*mqtt.Client, *packets.Connect) {}),
		fnDisconnect(func(*mqtt.Client, error, bool) {}),
		fnSubscribed(func(*mqtt.Client, *packets.Subscribe, []packets.Code) {}),
		fnUnsubscribed(func(*mqtt.Client, *packets.Unsubscribe) {}),
		fnRetain(func(*mqtt.Client, *packets.Publish, int64) {}),
		fnWill(func(_ *mqtt.Client, w *packets.Will) (*packets.Will, error) { return w, nil }),
		fnQosComplete(func(*mqtt.Client, *packets.Publish) {}),
		fnExpired(func(*mqtt.Client) {}),
		fnTick(func(*mqtt.Stats) {}),
	}
	ofMessages := []any{
		fnACL(func(*mqtt.Client, string, bool) (mqtt.Decision, error) { return mqtt.Pass, nil }),
		fnPublish(func(_ *mqtt.Client, p *packets.Publish) (*packets.Publish, error) { return p, nil }),
		fnPublished(func(*mqtt.Client, *packets.Publish) {}),
	}
	for name, hooks := range map[string][]any{"of other events": others, "of messages": ofMessages} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, 3, 0, 64, hooks...)
			for range 20 {
				f.run(t)
			}
			if got := testing.AllocsPerRun(20, func() { f.run(t) }) / float64(f.count); got > 0.02 {
				t.Errorf("%.3f allocations per message, want at most 0.02", got)
			}
		})
	}
}
