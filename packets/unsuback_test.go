package packets

import "testing"

func TestUnsubackWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1", V31, "\xb0\x02\x00\x01", &Unsuback{PacketID: 1}},
		{"v3.1.1", V311, "\xb0\x02\x00\x01", &Unsuback{PacketID: 1}},
		{"v5", V5, "\xb0\x09\x00\x01\x04\x1f\x00\x01r\x00\x11", &Unsuback{
			PacketID: 1, Codes: []Code{CodeSuccess, CodeNoSubscriptionExisted}, Properties: Properties{ReasonString: "r"},
		}},
	})
}

func TestUnsubackDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0xB2, "\x00\x01\x00\x00", ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"empty", V5, 0xB0, "", ErrMalformedPacket},
		{"packet ID 0", V311, 0xB0, "\x00\x00", ErrProtocolError}, // [MQTT-2.2.1-3]
		{"no codes", V5, 0xB0, "\x00\x01\x00", ErrProtocolError},
		{"codes in v3.1.1", V311, 0xB0, "\x00\x01\x00", ErrMalformedPacket},
		{"code of another packet", V5, 0xB0, "\x00\x01\x00\x01", ErrProtocolError}, // [MQTT-3.11.3-2]
		{"foreign property", V5, 0xB0, "\x00\x01\x02\x0b\x01\x00", ErrMalformedPacket},
	})
}

func TestUnsubackAppend(t *testing.T) {
	t.Parallel()
	p := &Unsuback{PacketID: 1, Codes: []Code{ErrBanned, CodeNoSubscriptionExisted}}
	if got := string(mustAppend(t, p, V311)); got != "\xb0\x02\x00\x01" {
		t.Errorf("v3.1.1 got %q", got)
	}
	if got := string(mustAppend(t, p, V5)); got != "\xb0\x05\x00\x01\x00\x87\x11" { // [MQTT-3.11.3-2]
		t.Errorf("v5 got %q", got)
	}
	testUnsendable(t, []unsendableCase{
		{"packet ID 0", V311, &Unsuback{}, ErrProtocolError},
		{"no codes", V5, &Unsuback{PacketID: 1}, ErrProtocolError},
		{"code of another packet", V5, &Unsuback{PacketID: 1, Codes: []Code{CodeGrantedQoS2}}, ErrProtocolError},
	})
}
