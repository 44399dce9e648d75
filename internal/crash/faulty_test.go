package crash

import (
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// every spoils one in so many messages.
type every struct {
	n     int64
	count atomic.Int64
	spoil func(s *mqtt.Server, pk *packets.Publish) (*packets.Publish, error)

	server *mqtt.Server
}

func (h *every) Attach(s *mqtt.Server) { h.server = s }

func (h *every) OnPublish(cl *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if cl.ID() == "inline" || pk.QoS == 0 || pk.Retain || h.count.Add(1)%h.n != 0 {
		return pk, nil
	}
	return h.spoil(h.server, pk.Clone())
}

// TestFaultyBrokers: the harness finds what a broker spoils on the way.
func TestFaultyBrokers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(s *mqtt.Server, pk *packets.Publish) (*packets.Publish, error)
		want  Rule
	}{
		{"acknowledges and drops", func(*mqtt.Server, *packets.Publish) (*packets.Publish, error) {
			return nil, mqtt.ErrRejectPacket
		}, MessageLost},
		{"alters the payload", func(_ *mqtt.Server, pk *packets.Publish) (*packets.Publish, error) {
			pk.Payload[len(pk.Payload)-1]++
			return pk, nil
		}, Corrupted},
		{"alters the topic", func(_ *mqtt.Server, pk *packets.Publish) (*packets.Publish, error) {
			pk.Topic = "a/elsewhere"
			return pk, nil
		}, Corrupted},
		{"sends twice", func(s *mqtt.Server, pk *packets.Publish) (*packets.Publish, error) {
			return pk, s.Publish(pk.Topic, pk.Payload, false, 2)
		}, DeliveredTwice},
		{"retains what is not to be", func(_ *mqtt.Server, pk *packets.Publish) (*packets.Publish, error) {
			pk.Retain, pk.Topic = true, "r/c0/0"
			return pk, nil
		}, RetainedWrong},
		{"refuses", func(*mqtt.Server, *packets.Publish) (*packets.Publish, error) {
			return nil, packets.ErrQuotaExceeded
		}, Protocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := &InProcess{CutOnly: true, Hooks: []any{&every{n: 40, spoil: tt.spoil}}}
			r, err := Run(testContext(t), b, Config{Seed: 1, Kills: 2, GoOn: true, Patience: patience / 10})
			if err != nil {
				t.Fatal(err)
			}
			if r.Rules()[tt.want] == 0 {
				t.Errorf("found %v, want %q\n%s", r.Rules(), tt.want, r)
			}
			if err := b.End(); err != nil {
				t.Error(err)
			}
		})
	}
}
