package packets

import "testing"

func TestPubcompWire(t *testing.T) {
	t.Parallel()
	// [MQTT-3.7.2-1]
	testWire(t, []wireCase{
		{"v3.1", V31, "\x70\x02\x01\x02", &Pubcomp{PacketID: 0x0102}},
		{"v3.1.1", V311, "\x70\x02\x01\x02", &Pubcomp{PacketID: 0x0102}},
		{"v5 success without code", V5, "\x70\x02\x01\x02", &Pubcomp{PacketID: 0x0102}},
		{"v5 code without properties", V5, "\x70\x03\x00\x01\x92", &Pubcomp{PacketID: 1, Code: ErrPacketIDNotFound}},
		{"v5 properties", V5, "\x70\x0f\x00\x01\x92\x0b\x1f\x00\x01r\x26\x00\x01k\x00\x01v", &Pubcomp{
			PacketID: 1, Code: ErrPacketIDNotFound,
			Properties: Properties{ReasonString: "r", User: []UserProperty{{"k", "v"}}},
		}},
		{"v5 success with properties", V5, "\x70\x08\x00\x01\x00\x04\x1f\x00\x01r", &Pubcomp{
			PacketID: 1, Properties: Properties{ReasonString: "r"},
		}},
	})
}

func TestPubcompDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0x72, "\x00\x01", ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"empty", V5, 0x70, "", ErrMalformedPacket},
		{"one byte", V311, 0x70, "\x00", ErrMalformedPacket},
		{"packet ID 0", V5, 0x70, "\x00\x00", ErrProtocolError},         // [MQTT-2.2.1-3]
		{"packet ID 0 in v3", V311, 0x70, "\x00\x00", ErrProtocolError}, // [MQTT311-2.3.1-1]
		{"three bytes in v3.1", V31, 0x70, "\x00\x01\x00", ErrMalformedPacket},
		{"three bytes in v3.1.1", V311, 0x70, "\x00\x01\x00", ErrMalformedPacket},
		{"code of another packet", V5, 0x70, "\x00\x01\x97", ErrProtocolError}, // [MQTT-3.7.2-1]
		{"code unknown", V5, 0x70, "\x00\x01\xff", ErrProtocolError},           // [MQTT-3.7.2-1]
		{"trailing byte", V5, 0x70, "\x00\x01\x00\x00\x00", ErrMalformedPacket},
		{"properties cut short", V5, 0x70, "\x00\x01\x00\x04\x1f\x00", ErrMalformedPacket},
		{"foreign property", V5, 0x70, "\x00\x01\x00\x02\x01\x01", ErrMalformedPacket},
		{"reason string twice", V5, 0x70, "\x00\x01\x00\x06\x1f\x00\x00\x1f\x00\x00", ErrProtocolError},
	})
}

func TestPubcompAppendRefuses(t *testing.T) {
	t.Parallel()
	testUnsendable(t, []unsendableCase{
		{"packet ID 0", V5, &Pubcomp{}, ErrProtocolError}, // [MQTT-2.2.1-3]
		{"code of another packet", V5, &Pubcomp{PacketID: 1, Code: CodeGrantedQoS2}, ErrProtocolError},
		{"code of another packet with properties", V5, &Pubcomp{PacketID: 1, Code: CodeGrantedQoS2, Properties: Properties{ReasonString: "r"}}, ErrProtocolError},
		{"reason string too long", V5, &Pubcomp{PacketID: 1, Properties: Properties{ReasonString: longString}}, ErrMalformedPacket},
	})
}

func TestAppendPubcomp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		v    Version
		code Code
		want string
	}{
		{"v3.1.1 has no code", V311, ErrPacketIDNotFound, "\x70\x02\x12\x34"},
		{"v5 success", V5, CodeSuccess, "\x70\x02\x12\x34"},
		{"v5 failure", V5, ErrPacketIDNotFound, "\x70\x03\x12\x34\x92"},
		{"v5 failure of another packet", V5, ErrServerBusy, "\x70\x03\x12\x34\x92"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := string(AppendPubcomp(nil, tc.v, 0x1234, tc.code)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			p := &Pubcomp{PacketID: 0x1234, Code: tc.code}
			if got := string(mustAppend(t, p, tc.v)); got != tc.want {
				t.Errorf("Append of the packet: got %q, want %q", got, tc.want)
			}
		})
	}
}
