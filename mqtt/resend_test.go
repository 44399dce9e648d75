package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A PUBREL needs no room in the Receive Maximum [MQTT-3.3.4-9]: it is sent even
// if a PUBLISH before it must wait for the room that its PUBCOMP makes.
func TestResendingWithASmallReceiveMaximum(t *testing.T) {
	t.Parallel()
	message := func(id uint16, released bool) mqtt.StoredMessage {
		return mqtt.StoredMessage{ClientID: "c", Topic: "t", QoS: 2, PacketID: id, Released: released}
	}
	s := newServer(t, &archive{
		clients:  []mqtt.StoredClient{storedClient("c")},
		inflight: []mqtt.StoredMessage{message(1, false), message(2, true), message(3, false), message(4, true)},
	})
	connect := durable("c")
	connect.Properties.ReceiveMaximum = 1
	c := mqtttest.Dial(t, s, connect)
	for _, id := range []uint16{2, 4} {
		if pk := mqtttest.Expect[*packets.Pubrel](c); pk.PacketID != id {
			t.Errorf("PUBREL %d, want %d", pk.PacketID, id)
		}
	}
	c.Send(&packets.Pubcomp{PacketID: 2})
	c.Ping() // one is still in flight
	c.Send(&packets.Pubcomp{PacketID: 4})
	for _, id := range []uint16{1, 3} {
		if pk := c.Message(); pk.PacketID != id || !pk.Dup {
			t.Errorf("PUBLISH %d, want %d", pk.PacketID, id)
		}
	}
	c.Ping()
}
