package packets

import "testing"

func TestConnackWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1 accepted", V31, "\x20\x02\x00\x00", &Connack{}},
		{"v3.1.1 session present", V311, "\x20\x02\x01\x00", &Connack{SessionPresent: true}},
		{"v3.1.1 version", V311, "\x20\x02\x00\x01", &Connack{Code: ErrUnsupportedProtocolVersion}},
		{"v3.1.1 identifier", V311, "\x20\x02\x00\x02", &Connack{Code: ErrClientIdentifierNotValid}},
		{"v3.1.1 unavailable", V311, "\x20\x02\x00\x03", &Connack{Code: ErrServerUnavailable}},
		{"v3.1.1 password", V311, "\x20\x02\x00\x04", &Connack{Code: ErrBadUsernameOrPassword}},
		{"v3.1.1 not authorized", V311, "\x20\x02\x00\x05", &Connack{Code: ErrNotAuthorized}},
		{"v5 accepted", V5, "\x20\x03\x00\x00\x00", &Connack{}},
		{"v5 refused", V5, "\x20\x03\x00\x85\x00", &Connack{Code: ErrClientIdentifierNotValid}}, // [MQTT-3.2.2-8]
		{"v5 all properties", V5, "\x20\x3f\x01\x00\x3c" +
			"\x11\x00\x00\x00\x01" + "\x12\x00\x01c" + "\x13\x00\x02" + "\x15\x00\x01m" + "\x16\x00\x01d" +
			"\x1a\x00\x01i" + "\x1c\x00\x01s" + "\x1f\x00\x01r" + "\x21\x00\x03" + "\x22\x00\x04" +
			"\x24\x01" + "\x25\x01" + "\x26\x00\x01k\x00\x01v" + "\x27\x00\x00\x00\x05" +
			"\x28\x01" + "\x29\x01" + "\x2a\x01", &Connack{SessionPresent: true, Properties: Properties{
			SessionExpiryInterval: 1, AssignedClientID: "c", ServerKeepAlive: 2,
			AuthenticationMethod: "m", AuthenticationData: []byte("d"),
			ResponseInformation: "i", ServerReference: "s", ReasonString: "r",
			ReceiveMaximum: 3, TopicAliasMaximum: 4, MaximumQoS: 1, RetainAvailable: 1,
			User: []UserProperty{{"k", "v"}}, MaximumPacketSize: 5,
			WildcardSubscriptionAvailable: 1, SubscriptionIDAvailable: 1, SharedSubscriptionAvailable: 1,
		}}},
	})
}

func TestConnackDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0x21, "\x00\x00\x00", ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"empty", V311, 0x20, "", ErrMalformedPacket},
		{"no code", V311, 0x20, "\x00", ErrMalformedPacket},
		{"no properties", V5, 0x20, "\x00\x00", ErrMalformedPacket},
		{"acknowledge flags", V5, 0x20, "\x02\x00\x00", ErrMalformedPacket},         // [MQTT-3.2.2-1]
		{"acknowledge flags in v3.1.1", V311, 0x20, "\x80\x00", ErrMalformedPacket}, // [MQTT-3.2.2-1]
		{"return code 6", V311, 0x20, "\x00\x06", ErrProtocolError},
		{"v5 code in v3.1.1", V311, 0x20, "\x00\x87", ErrProtocolError},
		{"v3 code in v5", V5, 0x20, "\x00\x05\x00", ErrProtocolError},                        // [MQTT-3.2.2-8]
		{"code of DISCONNECT", V5, 0x20, "\x00\x8e\x00", ErrProtocolError},                   // [MQTT-3.2.2-8]
		{"session present with failure", V5, 0x20, "\x01\x87\x00", ErrProtocolError},         // [MQTT-3.2.2-6]
		{"session present with failure in v3.1.1", V311, 0x20, "\x01\x05", ErrProtocolError}, // [MQTT311-3.2.2-4]
		{"trailing byte", V311, 0x20, "\x00\x00\x00", ErrMalformedPacket},
		{"trailing byte in v5", V5, 0x20, "\x00\x00\x00\x00", ErrMalformedPacket},
		{"maximum QoS 2", V5, 0x20, "\x00\x00\x02\x24\x02", ErrProtocolError},
		{"receive maximum 0", V5, 0x20, "\x00\x00\x03\x21\x00\x00", ErrProtocolError},
		{"maximum packet size 0", V5, 0x20, "\x00\x00\x05\x27\x00\x00\x00\x00", ErrProtocolError},
		{"foreign property", V5, 0x20, "\x00\x00\x02\x01\x01", ErrMalformedPacket},
	})
}

func TestConnackAppend(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		v    Version
		p    Connack
		want string
	}{
		{"no session present in v3.1", V31, Connack{SessionPresent: true}, "\x20\x02\x00\x00"},
		{"no session present with a failure", V5, Connack{SessionPresent: true, Code: ErrServerBusy}, "\x20\x03\x00\x89\x00"},     // [MQTT-3.2.2-6]
		{"no session present with a failure in v3.1.1", V311, Connack{SessionPresent: true, Code: ErrBanned}, "\x20\x02\x00\x05"}, // [MQTT311-3.2.2-4]
		{"shutting down is said as unavailable", V5, Connack{Code: ErrServerShuttingDown}, "\x20\x03\x00\x88\x00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := string(mustAppend(t, &tc.p, tc.v)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	testUnsendable(t, []unsendableCase{
		{"no CONNACK code", V5, &Connack{Code: CodeGrantedQoS1}, ErrProtocolError},
		{"reason string not UTF-8", V5, &Connack{Properties: Properties{ReasonString: "\xc0\x80"}}, ErrMalformedPacket},
	})
	t.Run("zero values with a meaning", func(t *testing.T) {
		t.Parallel()
		var p Connack
		p.Properties.Set(PropServerKeepAlive)
		p.Properties.Set(PropMaximumQoS)
		p.Properties.Set(PropRetainAvailable)
		if got, want := string(mustAppend(t, &p, V5)), "\x20\x0a\x00\x00\x07\x13\x00\x00\x24\x00\x25\x00"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
