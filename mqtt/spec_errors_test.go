package mqtt_test

import (
	"errors"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-4.13.1-1] [MQTT-4.13.2-1] [MQTT311-4.8.0-1]
// What breaks the protocol ends the connection it came on, and no other.
func TestBreachesEndTheConnection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		bytes []byte
		code  packets.Code
	}{
		{"reserved packet type", []byte{0x00, 0}, packets.ErrMalformedPacket},
		{"Remaining Length of five bytes", []byte{0xC0, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, packets.ErrMalformedPacket},
		{"PUBLISH with QoS 3", []byte{0x36, 5, 0, 1, 'a', 0, 1}, packets.ErrMalformedPacket},
		{"packet identifier 0", []byte{0x40, 2, 0, 0}, packets.ErrProtocolError},
		{"PUBACK too short", []byte{0x40, 1, 0}, packets.ErrMalformedPacket},
		{"CONNACK from a client", []byte{0x20, 3, 0, 0, 0}, packets.ErrProtocolError},
		{"PINGRESP from a client", []byte{0xD0, 0}, packets.ErrProtocolError},
		{"packet larger than allowed", []byte{0x30, 0xFF, 0xFF, 0x7F}, packets.ErrPacketTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				s := mqtttest.NewServer(t)
				other := mqtttest.Dial(t, s, passing(v, "other"))
				c := mqtttest.Dial(t, s, passing(v, "c"))
				c.Write(tt.bytes)
				if v == packets.V5 {
					pk := mqtttest.Expect[*packets.Disconnect](c)
					if pk.Code != tt.code {
						t.Errorf("DISCONNECT with %v, want %v", pk.Code, tt.code)
					}
				}
				c.ExpectClosed()
				other.Ping()
			})
		})
	}
}

// troubled is a hook that fails at a PUBLISH: by an error or by a panic.
type troubled struct{}

func (troubled) OnPacketRead(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if p, ok := pk.(*packets.Publish); ok {
		if string(p.Payload) == "panic" {
			panic("a bug in a hook")
		}
		return pk, errors.New("the disk is full")
	}
	return pk, nil
}

// [MQTT311-4.8.0-2]
// Trouble of the server itself while it handles a packet ends that connection alone.
func TestTransientErrorsEndTheConnection(t *testing.T) {
	t.Parallel()
	for _, trouble := range []string{"error", "panic"} {
		t.Run(trouble, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				s := mqtttest.NewServer(t, troubled{})
				other := mqtttest.Dial(t, s, passing(v, "other"))
				c := mqtttest.Dial(t, s, passing(v, "c"))
				c.Send(&packets.Publish{Topic: "t", Payload: []byte(trouble)})
				if v == packets.V5 && trouble == "error" {
					if pk := mqtttest.Expect[*packets.Disconnect](c); pk.Code != packets.ErrImplementationSpecific || pk.Properties.ReasonString != pk.Code.Error() {
						t.Errorf("DISCONNECT with %v, %q", pk.Code, pk.Properties.ReasonString)
					}
				}
				c.ExpectClosed()
				other.Ping()
				mqtttest.Dial(t, s, passing(v, "c")).Ping()
			})
		})
	}
}
