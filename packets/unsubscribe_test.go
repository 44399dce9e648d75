package packets

import "testing"

func TestUnsubscribeWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1", V31, "\xa2\x07\x00\x01\x00\x03a/b", &Unsubscribe{PacketID: 1, Filters: []string{"a/b"}}},
		{"v3.1.1 two filters", V311, "\xa2\x08\x00\x01\x00\x01a\x00\x01#", &Unsubscribe{PacketID: 1, Filters: []string{"a", "#"}}},
		{"v5", V5, "\xa2\x0d\x00\x01\x07\x26\x00\x01k\x00\x01v\x00\x01a", &Unsubscribe{
			PacketID: 1, Filters: []string{"a"}, Properties: Properties{User: []UserProperty{{"k", "v"}}},
		}},
	})
}

func TestUnsubscribeDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0xA0, "\x00\x01\x00\x00\x01a", ErrMalformedPacket},       // [MQTT-3.10.1-1]
		{"DUP in v3.1.1", V311, 0xAA, "\x00\x01\x00\x01a", ErrMalformedPacket}, // [MQTT311-3.10.1-1]
		{"empty", V5, 0xA2, "", ErrMalformedPacket},
		{"packet ID 0", V5, 0xA2, "\x00\x00\x00\x00\x01a", ErrProtocolError}, // [MQTT-2.2.1-3]
		{"no filter", V5, 0xA2, "\x00\x01\x00", ErrProtocolError},            // [MQTT-3.10.3-2]
		{"no filter in v3.1.1", V311, 0xA2, "\x00\x01", ErrProtocolError},    // [MQTT311-3.10.3-2]
		{"filter cut short", V311, 0xA2, "\x00\x01\x00\x02a", ErrMalformedPacket},
		{"filter length cut short", V311, 0xA2, "\x00\x01\x00\x01a\x00", ErrMalformedPacket},
		{"filter not UTF-8", V311, 0xA2, "\x00\x01\x00\x01\x80", ErrMalformedPacket}, // [MQTT-3.10.3-1]
		{"foreign property", V5, 0xA2, "\x00\x01\x02\x0b\x01\x00\x01a", ErrMalformedPacket},
	})
}

func TestUnsubscribeWithDupInV31(t *testing.T) {
	t.Parallel()
	p, err := Decode(0xAA, []byte("\x00\x01\x00\x01a"), V31)
	if err != nil {
		t.Fatal(err)
	}
	if f := p.(*Unsubscribe).Filters; len(f) != 1 || f[0] != "a" {
		t.Errorf("got %+v", p)
	}
}

func TestUnsubscribeAppendRefuses(t *testing.T) {
	t.Parallel()
	testUnsendable(t, []unsendableCase{
		{"packet ID 0", V5, &Unsubscribe{Filters: []string{"a"}}, ErrProtocolError}, // [MQTT-2.2.1-3]
		{"no filter", V5, &Unsubscribe{PacketID: 1}, ErrProtocolError},              // [MQTT-3.10.3-2]
		{"filter not UTF-8", V5, &Unsubscribe{PacketID: 1, Filters: []string{"\xff"}}, ErrMalformedPacket},
	})
}
