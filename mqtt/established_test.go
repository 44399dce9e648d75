package mqtt_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// closesAtConnack ends a connection in the moment its CONNACK is queued.
type closesAtConnack struct {
	mu   sync.Mutex
	told []string
}

func (h *closesAtConnack) OnPacketSent(cl *mqtt.Client, pk packets.Packet, _ []byte) {
	if pk.Type() == packets.TypeConnack {
		cl.Close()
	}
}

func (h *closesAtConnack) OnSessionEstablished(*mqtt.Client, *packets.Connect) { h.tell("established") }

func (h *closesAtConnack) OnDisconnect(*mqtt.Client, error, bool) { h.tell("disconnected") }

func (h *closesAtConnack) tell(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, event)
}

// Whoever is told of the end of a connection was told of its beginning, so that
// hooks can count connections.
func TestEveryDisconnectHasItsBeginning(t *testing.T) {
	t.Parallel()
	h := &closesAtConnack{}
	s := mqtttest.NewServer(t, h)
	c := mqtttest.NewClient(t, s.Conn(t), packets.V5)
	c.Send(passing(packets.V5, "c"))
	c.ReceiveUntilClosed()
	until(t, func() bool { h.mu.Lock(); defer h.mu.Unlock(); return slices.Contains(h.told, "disconnected") })
	if !slices.Equal(h.told, []string{"established", "disconnected"}) {
		t.Errorf("told %q", h.told)
	}
}
