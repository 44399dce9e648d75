package packets

import "testing"

func TestSubackWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1", V31, "\x90\x03\x00\x01\x02", &Suback{PacketID: 1, Codes: []Code{CodeGrantedQoS2}}},
		{"v3.1.1", V311, "\x90\x06\x00\x01\x00\x01\x02\x80", &Suback{ // [MQTT311-3.9.3-2]
			PacketID: 1, Codes: []Code{CodeGrantedQoS0, CodeGrantedQoS1, CodeGrantedQoS2, ErrUnspecified},
		}},
		{"v5", V5, "\x90\x09\x00\x01\x04\x1f\x00\x01r\x00\x8f", &Suback{
			PacketID: 1, Codes: []Code{CodeGrantedQoS0, ErrTopicFilterInvalid}, Properties: Properties{ReasonString: "r"},
		}},
	})
}

func TestSubackDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0x92, "\x00\x01\x00\x00", ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"empty", V5, 0x90, "", ErrMalformedPacket},
		{"packet ID 0", V311, 0x90, "\x00\x00\x00", ErrProtocolError}, // [MQTT-2.2.1-3]
		{"no codes", V5, 0x90, "\x00\x01\x00", ErrProtocolError},
		{"no codes in v3.1.1", V311, 0x90, "\x00\x01", ErrProtocolError},
		{"code 3", V311, 0x90, "\x00\x01\x03", ErrProtocolError},                   // [MQTT311-3.9.3-2]
		{"v5 code in v3.1.1", V311, 0x90, "\x00\x01\x87", ErrProtocolError},        // [MQTT311-3.9.3-2]
		{"code of another packet", V5, 0x90, "\x00\x01\x00\x11", ErrProtocolError}, // [MQTT-3.9.3-2]
		{"foreign property", V5, 0x90, "\x00\x01\x02\x0b\x01\x00", ErrMalformedPacket},
	})
}

func TestSubackAppend(t *testing.T) {
	t.Parallel()
	p := &Suback{PacketID: 1, Codes: []Code{ErrNotAuthorized, CodeGrantedQoS1, ErrServerBusy}}
	if got := string(mustAppend(t, p, V311)); got != "\x90\x05\x00\x01\x80\x01\x80" { // [MQTT311-3.9.3-2]
		t.Errorf("v3.1.1 got %q", got)
	}
	if got := string(mustAppend(t, p, V5)); got != "\x90\x06\x00\x01\x00\x87\x01\x80" { // [MQTT-3.9.3-2]
		t.Errorf("v5 got %q", got)
	}
	testUnsendable(t, []unsendableCase{
		{"packet ID 0", V5, &Suback{Codes: []Code{0}}, ErrProtocolError},
		{"no codes", V5, &Suback{PacketID: 1}, ErrProtocolError},
		{"code of another packet", V5, &Suback{PacketID: 1, Codes: []Code{CodeNoSubscriptionExisted}}, ErrProtocolError},
	})
}
