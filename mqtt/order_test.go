package mqtt_test

import (
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// publisherAtSent publishes once, when the first message is sent to a client.
type publisherAtSent struct {
	server *mqtt.Server
	done   atomic.Bool
}

func (h *publisherAtSent) Attach(s *mqtt.Server) { h.server = s }

func (h *publisherAtSent) OnPacketSent(_ *mqtt.Client, pk packets.Packet, _ []byte) {
	if pk.Type() == packets.TypePublish && !h.done.Swap(true) {
		_ = h.server.Publish("t", []byte("new"), false, 0) // what is missing fails the test
	}
}

// A QoS 0 message that comes while those which waited for the client are on
// their way through hooks does not arrive before them [MQTT-4.6.0-5].
func TestQoS0OrderAfterReconnect(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		over := make(ends, 10)
		hook := new(publisherAtSent)
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{QueueQoS0Messages: true}}, over, hook)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 0)
		c.Close()
		<-over
		for _, payload := range []string{"old 1", "old 2", "old 3"} {
			if err := s.Publish("t", []byte(payload), false, 0); err != nil {
				t.Fatal(err)
			}
		}
		expectMessages(t, mqtttest.Dial(t, s, lasting(v, "c")), "old 1", "old 2", "old 3", "new")
	})
}
