package packets

import "testing"

func TestSubscribeWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1", V31, "\x82\x08\x00\x01\x00\x03a/b\x01", &Subscribe{PacketID: 1, Subscriptions: []Subscription{{Filter: "a/b", QoS: 1}}}},
		{"v3.1.1 two filters", V311, "\x82\x0a\x00\x01\x00\x01a\x00\x00\x01#\x02", &Subscribe{
			PacketID: 1, Subscriptions: []Subscription{{Filter: "a"}, {Filter: "#", QoS: 2}},
		}},
		{"v5 options", V5, "\x82\x0d\x00\x0a\x00\x00\x01a\x2e\x00\x03a/+\x11", &Subscribe{
			PacketID: 10, Subscriptions: []Subscription{
				{Filter: "a", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
				{Filter: "a/+", QoS: 1, RetainHandling: 1},
			},
		}},
		{"v5 properties", V5, "\x82\x11\x00\x0a\x0a\x0b\xac\x02\x26\x00\x01k\x00\x01v\x00\x01a\x00", &Subscribe{
			PacketID: 10, Subscriptions: []Subscription{{Filter: "a"}},
			Properties: Properties{SubscriptionIDs: []uint32{300}, User: []UserProperty{{"k", "v"}}},
		}},
	})
}

func TestSubscribeDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0x80, "\x00\x01\x00\x00\x01a\x00", ErrMalformedPacket},         // [MQTT-3.8.1-1]
		{"flags in v3.1.1", V311, 0x80, "\x00\x01\x00\x01a\x00", ErrMalformedPacket}, // [MQTT311-3.8.1-1]
		{"DUP in v3.1.1", V311, 0x8A, "\x00\x01\x00\x01a\x00", ErrMalformedPacket},   // [MQTT311-3.8.1-1]
		{"empty", V5, 0x82, "", ErrMalformedPacket},
		{"packet ID 0", V5, 0x82, "\x00\x00\x00\x00\x01a\x00", ErrProtocolError},         // [MQTT-2.2.1-3]
		{"packet ID 0 in v3.1.1", V311, 0x82, "\x00\x00\x00\x01a\x00", ErrProtocolError}, // [MQTT311-2.3.1-1]
		{"no filter", V5, 0x82, "\x00\x01\x00", ErrProtocolError},                        // [MQTT-3.8.3-2]
		{"no filter in v3.1.1", V311, 0x82, "\x00\x01", ErrProtocolError},                // [MQTT311-3.8.3-3]
		{"filter cut short", V5, 0x82, "\x00\x01\x00\x00\x05a", ErrMalformedPacket},
		{"no options", V5, 0x82, "\x00\x01\x00\x00\x01a", ErrMalformedPacket},
		{"filter not UTF-8", V5, 0x82, "\x00\x01\x00\x00\x01\xff\x00", ErrMalformedPacket}, // [MQTT-3.8.3-1]
		{"filter with NUL", V311, 0x82, "\x00\x01\x00\x01\x00\x00", ErrMalformedPacket},    // [MQTT311-1.5.3-2]
		{"reserved bit 6", V5, 0x82, "\x00\x01\x00\x00\x01a\x40", ErrMalformedPacket},      // [MQTT-3.8.3-5]
		{"reserved bit 7", V5, 0x82, "\x00\x01\x00\x00\x01a\x80", ErrMalformedPacket},      // [MQTT-3.8.3-5]
		{"v5 option in v3.1.1", V311, 0x82, "\x00\x01\x00\x01a\x04", ErrMalformedPacket},   // [MQTT311-3.8.3-4]
		{"QoS 3 in v3.1.1", V311, 0x82, "\x00\x01\x00\x01a\x03", ErrMalformedPacket},       // [MQTT311-3.8.3-4]
		{"QoS 3", V5, 0x82, "\x00\x01\x00\x00\x01a\x03", ErrProtocolError},
		{"retain handling 3", V5, 0x82, "\x00\x01\x00\x00\x01a\x30", ErrProtocolError},
		{"second filter bad", V5, 0x82, "\x00\x01\x00\x00\x01a\x00\x00\x01b\x30", ErrProtocolError},
		{"subscription ID 0", V5, 0x82, "\x00\x01\x02\x0b\x00\x00\x01a\x00", ErrProtocolError},
		{"subscription ID twice", V5, 0x82, "\x00\x01\x04\x0b\x01\x0b\x02\x00\x01a\x00", ErrProtocolError},
		{"subscription ID too long", V5, 0x82, "\x00\x01\x06\x0b\xff\xff\xff\xff\x01\x00\x01a\x00", ErrMalformedPacket},
		{"subscription ID longer than needed", V5, 0x82, "\x00\x01\x03\x0b\x81\x00\x00\x01a\x00", ErrMalformedPacket}, // [MQTT-1.5.5-1]
		{"foreign property", V5, 0x82, "\x00\x01\x03\x1f\x00\x00\x00\x01a\x00", ErrMalformedPacket},
	})
}

func TestSubscribeWithDupInV31(t *testing.T) {
	t.Parallel()
	p, err := Decode(0x8A, []byte("\x00\x01\x00\x01a\x00"), V31)
	if err != nil {
		t.Fatal(err)
	}
	if s := p.(*Subscribe).Subscriptions; len(s) != 1 || s[0].Filter != "a" {
		t.Errorf("got %+v", p)
	}
}

func TestSubscribeAppendRefuses(t *testing.T) {
	t.Parallel()
	one := []Subscription{{Filter: "a"}}
	testUnsendable(t, []unsendableCase{
		{"packet ID 0", V5, &Subscribe{Subscriptions: one}, ErrProtocolError}, // [MQTT-2.2.1-3]
		{"no filter", V5, &Subscribe{PacketID: 1}, ErrProtocolError},          // [MQTT-3.8.3-2]
		{"QoS 3", V311, &Subscribe{PacketID: 1, Subscriptions: []Subscription{{Filter: "a", QoS: 3}}}, ErrProtocolError},
		{"retain handling 3", V5, &Subscribe{PacketID: 1, Subscriptions: []Subscription{{Filter: "a", RetainHandling: 3}}}, ErrProtocolError},
		{"filter too long", V5, &Subscribe{PacketID: 1, Subscriptions: []Subscription{{Filter: longString}}}, ErrMalformedPacket}, // [MQTT-4.7.3-3]
		{"two subscription IDs", V5, &Subscribe{PacketID: 1, Subscriptions: one, Properties: Properties{SubscriptionIDs: []uint32{1, 2}}}, ErrProtocolError},
		{"subscription ID too large", V5, &Subscribe{PacketID: 1, Subscriptions: one, Properties: Properties{SubscriptionIDs: []uint32{1 << 28}}}, ErrProtocolError},
	})
}

func TestSubscribeKeepsNoReference(t *testing.T) {
	t.Parallel()
	body := []byte("\x00\x01\x07\x26\x00\x01k\x00\x01v\x00\x01a\x00")
	var p Subscribe
	if err := p.Decode(2, body, V5); err != nil {
		t.Fatal(err)
	}
	clear(body)
	if p.Subscriptions[0].Filter != "a" || p.Properties.User[0] != (UserProperty{"k", "v"}) {
		t.Errorf("the packet changed with the body: %+v", p)
	}
}
