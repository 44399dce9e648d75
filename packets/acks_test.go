package packets

import "testing"

// acks are the four packets that consist of a packet identifier, a Reason Code
// and properties. The codes allowed are [MQTT-3.4.2-1] [MQTT-3.5.2-1]
// [MQTT-3.6.2-1] [MQTT-3.7.2-1].
var acks = []struct {
	name     string
	first    string
	code     Code
	foreign  Code // of another packet
	similar  Code // of another packet, for which code is the nearest
	pk       func(uint16, Code, Properties) Packet
	appendTo func([]byte, Version, uint16, Code) []byte
}{
	{
		"PUBACK", "\x40", ErrQuotaExceeded, ErrPacketIDNotFound, ErrReceiveMaximumExceeded,
		func(id uint16, c Code, p Properties) Packet { return &Puback{id, c, p} }, AppendPuback,
	},
	{
		"PUBREC", "\x50", ErrQuotaExceeded, ErrPacketIDNotFound, ErrReceiveMaximumExceeded,
		func(id uint16, c Code, p Properties) Packet { return &Pubrec{id, c, p} }, AppendPubrec,
	},
	{
		"PUBREL", "\x62", ErrPacketIDNotFound, ErrQuotaExceeded, ErrServerBusy,
		func(id uint16, c Code, p Properties) Packet { return &Pubrel{id, c, p} }, AppendPubrel,
	},
	{
		"PUBCOMP", "\x70", ErrPacketIDNotFound, ErrQuotaExceeded, ErrServerBusy,
		func(id uint16, c Code, p Properties) Packet { return &Pubcomp{id, c, p} }, AppendPubcomp,
	},
}

// [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
func TestAcksWire(t *testing.T) {
	t.Parallel()
	for _, ack := range acks {
		t.Run(ack.name, func(t *testing.T) {
			t.Parallel()
			code := byteOf(ack.code)
			none := ack.pk(0x0102, CodeSuccess, Properties{})
			reason := Properties{ReasonString: "r"}
			both := Properties{ReasonString: "r", User: []UserProperty{{"k", "v"}}}
			testWire(t, []wireCase{
				{"v3.1", V31, ack.first + "\x02\x01\x02", none},
				{"v3.1.1", V311, ack.first + "\x02\x01\x02", none},
				{"v5 success without code", V5, ack.first + "\x02\x01\x02", none},
				{"v5 code without properties", V5, ack.first + "\x03\x00\x01" + code, ack.pk(1, ack.code, Properties{})},
				{"v5 properties", V5, ack.first + "\x0f\x00\x01" + code + "\x0b\x1f\x00\x01r\x26\x00\x01k\x00\x01v", ack.pk(1, ack.code, both)},
				{"v5 success with properties", V5, ack.first + "\x08\x00\x01\x00\x04\x1f\x00\x01r", ack.pk(1, CodeSuccess, reason)},
			})
		})
	}
}

// [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
func TestAcksDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, ack := range acks {
		t.Run(ack.name, func(t *testing.T) {
			t.Parallel()
			first := ack.first[0]
			testRefused(t, []refusedCase{
				{"flags", V5, first ^ 2, "\x00\x01", ErrMalformedPacket}, // [MQTT-2.1.3-1]
				{"empty", V5, first, "", ErrMalformedPacket},
				{"one byte", V311, first, "\x00", ErrMalformedPacket},
				{"packet ID 0", V5, first, "\x00\x00", ErrProtocolError},         // [MQTT-2.2.1-3]
				{"packet ID 0 in v3", V311, first, "\x00\x00", ErrProtocolError}, // [MQTT311-2.3.1-1]
				{"three bytes in v3.1", V31, first, "\x00\x01\x00", ErrMalformedPacket},
				{"three bytes in v3.1.1", V311, first, "\x00\x01\x00", ErrMalformedPacket},
				{"code of another packet", V5, first, "\x00\x01" + byteOf(ack.foreign), ErrProtocolError},
				{"code unknown", V5, first, "\x00\x01\xff", ErrProtocolError},
				{"trailing byte", V5, first, "\x00\x01\x00\x00\x00", ErrMalformedPacket},
				{"properties cut short", V5, first, "\x00\x01\x00\x04\x1f\x00", ErrMalformedPacket},
				{"foreign property", V5, first, "\x00\x01\x00\x02\x01\x01", ErrMalformedPacket},
				{"reason string twice", V5, first, "\x00\x01\x00\x06\x1f\x00\x00\x1f\x00\x00", ErrProtocolError},
			})
		})
	}
}

func TestAcksAppendRefuses(t *testing.T) {
	t.Parallel()
	for _, ack := range acks {
		t.Run(ack.name, func(t *testing.T) {
			t.Parallel()
			testUnsendable(t, []unsendableCase{
				{"packet ID 0", V5, ack.pk(0, CodeSuccess, Properties{}), ErrProtocolError}, // [MQTT-2.2.1-3]
				{"code of another packet", V5, ack.pk(1, CodeGrantedQoS2, Properties{}), ErrProtocolError},
				{"code of another packet with properties", V5, ack.pk(1, CodeGrantedQoS2, Properties{ReasonString: "r"}), ErrProtocolError},
				{"reason string too long", V5, ack.pk(1, CodeSuccess, Properties{ReasonString: longString}), ErrMalformedPacket},
			})
		})
	}
}

func TestAppendAcks(t *testing.T) {
	t.Parallel()
	for _, ack := range acks {
		for _, tc := range []struct {
			name string
			v    Version
			code Code
			want string
		}{
			{"v3.1.1 has no code", V311, ack.code, ack.first + "\x02\x12\x34"},
			{"v5 success", V5, CodeSuccess, ack.first + "\x02\x12\x34"},
			{"v5 failure", V5, ack.code, ack.first + "\x03\x12\x34" + byteOf(ack.code)},
			{"v5 failure of another packet", V5, ack.similar, ack.first + "\x03\x12\x34" + byteOf(ack.code)},
		} {
			t.Run(ack.name+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				if got := string(ack.appendTo(nil, tc.v, 0x1234, tc.code)); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
				if got := string(mustAppend(t, ack.pk(0x1234, tc.code, Properties{}), tc.v)); got != tc.want {
					t.Errorf("Append of the packet: got %q, want %q", got, tc.want)
				}
			})
		}
	}
}

func TestPubrelWithDupInV31(t *testing.T) {
	t.Parallel()
	for _, v := range versions {
		var p Pubrel
		err := p.Decode(0x0A, []byte{0, 1}, v)
		if v == V31 && err != nil {
			t.Errorf("MQTT 3.1 refuses DUP: %v", err)
		}
		if v != V31 && CodeOf(err) != ErrMalformedPacket { // [MQTT-3.6.1-1] [MQTT311-3.6.1-1]
			t.Errorf("MQTT %s with DUP: %v, want a malformed packet", v, err)
		}
	}
}

func byteOf(c Code) string { return string([]byte{byte(c)}) }
