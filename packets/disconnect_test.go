package packets

import "testing"

func TestDisconnectWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1", V31, "\xe0\x00", &Disconnect{}},
		{"v3.1.1", V311, "\xe0\x00", &Disconnect{}},
		{"v5 normal", V5, "\xe0\x00", &Disconnect{}},
		{"v5 code", V5, "\xe0\x01\x8b", &Disconnect{Code: ErrServerShuttingDown}}, // [MQTT-3.14.2-1]
		{"v5 with will", V5, "\xe0\x01\x04", &Disconnect{Code: CodeDisconnectWithWill}},
		{"v5 session expiry", V5, "\xe0\x07\x00\x05\x11\x00\x00\x00\x0a", &Disconnect{Properties: Properties{SessionExpiryInterval: 10}}},
		{"v5 all properties", V5, "\xe0\x16\x9c\x14\x11\x00\x00\x00\x0a\x1c\x00\x01s\x1f\x00\x01r\x26\x00\x01k\x00\x01v", &Disconnect{
			Code: ErrUseAnotherServer,
			Properties: Properties{
				SessionExpiryInterval: 10, ServerReference: "s", ReasonString: "r",
				User: []UserProperty{{"k", "v"}},
			},
		}},
	})
}

func TestDisconnectDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0xE1, "", ErrMalformedPacket},         // [MQTT-3.14.1-1]
		{"flags in v3", V311, 0xE8, "", ErrMalformedPacket}, // [MQTT311-3.14.1-1]
		{"body in v3.1", V31, 0xE0, "\x00", ErrMalformedPacket},
		{"body in v3.1.1", V311, 0xE0, "\x00", ErrMalformedPacket},
		{"code of another packet", V5, 0xE0, "\x91", ErrProtocolError}, // [MQTT-3.14.2-1]
		{"trailing byte", V5, 0xE0, "\x00\x00\x00", ErrMalformedPacket},
		{"foreign property", V5, 0xE0, "\x00\x03\x21\x00\x01", ErrMalformedPacket},
		{"property length missing its end", V5, 0xE0, "\x00\x80", ErrMalformedPacket},
	})
}

func TestDisconnectAppend(t *testing.T) {
	t.Parallel()
	testUnsendable(t, []unsendableCase{
		{"code of another packet", V5, &Disconnect{Code: CodeGrantedQoS1}, ErrProtocolError},
		{"server reference not UTF-8", V5, &Disconnect{Properties: Properties{ServerReference: "\xff"}}, ErrMalformedPacket},
	})
	t.Run("v3 has no code", func(t *testing.T) {
		t.Parallel()
		p := &Disconnect{Code: ErrServerBusy, Properties: Properties{ReasonString: "r"}}
		if got := string(mustAppend(t, p, V311)); got != "\xe0\x00" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("nearest code", func(t *testing.T) {
		t.Parallel()
		if got := string(mustAppend(t, &Disconnect{Code: ErrBanned}, V5)); got != "\xe0\x01\x87" {
			t.Errorf("got %q", got)
		}
	})
}

func TestDisconnectDecodeOverwrites(t *testing.T) {
	t.Parallel()
	p := Disconnect{Code: ErrServerBusy, Properties: Properties{ReasonString: "old"}}
	if err := p.Decode(0, nil, V5); err != nil {
		t.Fatal(err)
	}
	if p.Code != CodeNormalDisconnection || p.Properties.Has(PropReasonString) {
		t.Errorf("stale fields: %+v", p)
	}
}
