package mqtt_test

import (
	"slices"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

const (
	malformed     = packets.ErrMalformedPacket
	protocolError = packets.ErrProtocolError
)

// breach is a packet no client may send, as bytes: those of MQTT 3.x, and those
// of MQTT 5.0. Nil where the version does not know the case.
type breach struct {
	name   string
	v3, v5 []byte
	code   packets.Code
}

// pk makes a packet of a first byte and its body in parts.
func pk(first byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return append(packets.AppendHeader(nil, first, len(body)), body...)
}

// same is a breach whose bytes are the same in all versions.
func same(name string, b []byte, code packets.Code) breach { return breach{name, b, b, code} }

// raw makes bytes in a table readable.
func raw(b ...byte) []byte { return b }

// headerBreaches are wrong fixed headers.
func headerBreaches() []breach {
	list := []breach{
		same("packet type 0", pk(0x00), malformed),
		same("publish with qos 3", pk(0x36, text("t"), raw(0, 1, 0)), malformed),   // [MQTT-3.3.1-4]
		same("publish with dup and qos 0", pk(0x38, text("t"), raw(0)), malformed), // [MQTT-3.3.1-2]
		same("remaining length of five bytes", raw(0x30, 0x80, 0x80, 0x80, 0x80, 1), malformed),
		same("remaining length longer than needed", raw(0xc0, 0x80, 0x00), malformed), // [MQTT-1.5.5-1]
		same("pubrel without its flags", pk(0x60, raw(0, 1)), malformed),
		same("subscribe without its flags", pk(0x80, raw(0, 1), text("t"), raw(0)), malformed),
		same("unsubscribe without its flags", pk(0xa0, raw(0, 1), text("t")), malformed),
		same("subscribe with retain", pk(0x83, raw(0, 1), text("t"), raw(0)), malformed),
		same("puback with flags", pk(0x42, raw(0, 1)), malformed),
		same("pubrec with flags", pk(0x51, raw(0, 1)), malformed),
		same("pubcomp with flags", pk(0x78, raw(0, 1)), malformed),
		same("pingreq with flags", pk(0xc1), malformed),
		same("disconnect with flags", pk(0xe4), malformed),
		same("connect with flags", pk(0x1f), malformed),
		same("auth with flags", pk(0xf2), malformed),
	}
	return list
}

// bodyBreaches are wrong variable headers and payloads.
func bodyBreaches() []breach {
	return []breach{
		{"publish with packet identifier 0", pk(0x32, text("t"), raw(0, 0)), pk(0x32, text("t"), raw(0, 0, 0)), protocolError},                   // [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
		{"subscribe with packet identifier 0", pk(0x82, raw(0, 0), text("t"), raw(0)), pk(0x82, raw(0, 0, 0), text("t"), raw(0)), protocolError}, // [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
		{"unsubscribe with packet identifier 0", pk(0xa2, raw(0, 0), text("t")), pk(0xa2, raw(0, 0, 0), text("t")), protocolError},               // [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
		same("puback with packet identifier 0", pk(0x40, raw(0, 0)), protocolError),
		same("pubrec with packet identifier 0", pk(0x50, raw(0, 0)), protocolError),
		same("pubrel with packet identifier 0", pk(0x62, raw(0, 0)), protocolError),
		same("pubcomp with packet identifier 0", pk(0x70, raw(0, 0)), protocolError),
		same("puback cut short", pk(0x40, raw(1)), malformed),
		{"puback with bytes after the end", pk(0x40, raw(0, 1, 0)), pk(0x40, raw(0, 1, 0, 0, 7)), malformed},
		{"pubrec with bytes after the end", pk(0x50, raw(0, 1, 0)), pk(0x50, raw(0, 1, 0, 0, 7)), malformed},
		{"pubrel with bytes after the end", pk(0x62, raw(0, 1, 0)), pk(0x62, raw(0, 1, 0, 0, 7)), malformed},
		{"pubcomp with bytes after the end", pk(0x70, raw(0, 1, 0)), pk(0x70, raw(0, 1, 0, 0, 7)), malformed},
		{"subscribe with bytes after the end", pk(0x82, raw(0, 1), text("t"), raw(0, 9)), pk(0x82, raw(0, 1, 0), text("t"), raw(0, 9)), malformed},
		{"unsubscribe with bytes after the end", pk(0xa2, raw(0, 1), text("t"), raw(9)), pk(0xa2, raw(0, 1, 0), text("t"), raw(9)), malformed},
		{"subscribe without a filter", pk(0x82, raw(0, 1)), pk(0x82, raw(0, 1, 0)), protocolError},
		{"unsubscribe without a filter", pk(0xa2, raw(0, 1)), pk(0xa2, raw(0, 1, 0)), protocolError},
		{"subscribe with qos 3 in 3.x", pk(0x82, raw(0, 1), text("t"), raw(3)), nil, malformed},
		{"subscribe with qos 3 in 5.0", nil, pk(0x82, raw(0, 1, 0), text("t"), raw(3)), protocolError},
		{"subscribe with retain handling 3", nil, pk(0x82, raw(0, 1, 0), text("t"), raw(0x30)), protocolError},
		{"subscribe with reserved options", pk(0x82, raw(0, 1), text("t"), raw(0x80)), pk(0x82, raw(0, 1, 0), text("t"), raw(0x80)), malformed},
		{"subscribe with a filter of bad UTF-8", pk(0x82, raw(0, 1), text("\xff"), raw(0)), pk(0x82, raw(0, 1, 0), text("\xff"), raw(0)), malformed}, // [MQTT-1.5.4-1]
		{"unsubscribe with a filter of bad UTF-8", pk(0xa2, raw(0, 1), text("\xff")), pk(0xa2, raw(0, 1, 0), text("\xff")), malformed},               // [MQTT-1.5.4-1]
		{"pingreq with a body", pk(0xc0, raw(0)), pk(0xc0, raw(0)), malformed},
		{"disconnect with a body in 3.x", pk(0xe0, raw(0)), nil, malformed},
		{"disconnect with an unknown code", nil, pk(0xe0, raw(0x77)), protocolError},
		{"auth in 3.x", pk(0xf0), nil, malformed},
		{"auth without a method in connect", nil, pk(0xf0, raw(0x18, 0)), protocolError},
	}
}

// publishBreaches are wrong PUBLISH packets.
func publishBreaches() []breach {
	properties := func(props ...byte) []byte {
		return pk(0x30, text("t"), raw(byte(len(props))), props)
	}
	return []breach{
		same("topic of bad UTF-8", pk(0x30, text("\xc3\x28"), raw(0)), malformed),          // [MQTT-3.3.2-1] [MQTT-1.5.4-1]
		same("topic with a surrogate", pk(0x30, text("\xed\xbf\xbf"), raw(0)), malformed),  // [MQTT-3.3.2-1] [MQTT-1.5.4-1]
		same("topic with U+0000", pk(0x30, text("a\x00b"), raw(0)), malformed),             // [MQTT-3.3.2-1] [MQTT-1.5.4-2]
		same("topic with +", pk(0x30, text("a/+"), raw(0)), malformed),                     // [MQTT-3.3.2-2]
		same("topic with #", pk(0x30, text("#"), raw(0)), malformed),                       // [MQTT-3.3.2-2]
		same("topic longer than the packet", pk(0x30, raw(0, 9, 't')), malformed),          // [MQTT-3.3.2-1]
		same("no packet identifier", pk(0x32, text("t"), raw(1)), malformed),               // [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
		same("empty topic", pk(0x30, text(""), raw(0)), protocolError),                     // [MQTT-3.3.2-1]
		{"properties longer than the packet", nil, pk(0x30, text("t"), raw(9)), malformed}, // [MQTT-2.2.2-1]
		{"no property length", nil, pk(0x30, text("t")), malformed},                        // [MQTT-2.2.2-1]
		{"unknown property", nil, properties(0x7f, 0), malformed},
		{"property of another packet", nil, properties(0x21, 0, 1), malformed},
		{"property twice", nil, properties(1, 0, 1, 0), protocolError},
		{"payload format indicator 2", nil, properties(1, 2), protocolError},
		{"topic alias 0", nil, properties(0x23, 0, 0), packets.ErrTopicAliasInvalid},                       // [MQTT-3.3.2-8]
		{"topic alias above the maximum", nil, properties(0x23, 0, 33), packets.ErrTopicAliasInvalid},      // [MQTT-3.3.2-9] [MQTT-3.2.2-17]
		{"topic alias that was not set", nil, pk(0x30, text(""), raw(3, 0x23, 0, 7)), protocolError},       // [MQTT-3.3.2-7]
		{"subscription identifier", nil, properties(0x0b, 5), protocolError},                               // [MQTT-3.3.4-6]
		{"response topic with a wildcard", nil, properties(8, 0, 1, '+'), protocolError},                   // [MQTT-3.3.2-14]
		{"response topic of bad UTF-8", nil, properties(8, 0, 1, 0xff), malformed},                         // [MQTT-3.3.2-13]
		{"content type of bad UTF-8", nil, properties(3, 0, 1, 0xff), malformed},                           // [MQTT-3.3.2-19]
		{"user property with a key of bad UTF-8", nil, properties(0x26, 0, 1, 0xff, 0, 1, 'v'), malformed}, // [MQTT-1.5.7-1]
		{"user property with a value of U+0000", nil, properties(0x26, 0, 1, 'k', 0, 1, 0), malformed},     // [MQTT-1.5.7-1]
		{"user property without a value", nil, properties(0x26, 0, 1, 'k'), malformed},                     // [MQTT-1.5.7-1]
	}
}

// wrongWay are packets that servers send and do not receive.
func wrongWay(t *testing.T, v packets.Version) []breach {
	t.Helper()
	var list []breach
	for _, p := range []packets.Packet{
		&packets.Connack{}, &packets.Pingresp{},
		&packets.Suback{PacketID: 1, Codes: []packets.Code{0}},
		&packets.Unsuback{PacketID: 1, Codes: []packets.Code{0}},
	} {
		list = append(list, same(p.Type().String()+" to the server", encode(t, v, p), protocolError))
	}
	return list
}

func TestBreaches(t *testing.T) {
	// [MQTT-2.1.3-1] [MQTT311-2.2.2-2]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		list := slices.Concat(headerBreaches(), bodyBreaches(), publishBreaches(), wrongWay(t, v))
		list = append(list, same("a packet above the maximum", raw(0x30, 0x80, 0x80, 0x80, 0x01), packets.ErrPacketTooLarge)) // [MQTT-3.2.2-15]
		for _, b := range list {
			sent := b.v3
			if v == packets.V5 {
				sent = b.v5
			}
			if sent != nil {
				b.show(t, v, sent)
			}
		}
	})
}

// show has one client commit the breach: it alone is disconnected, with the
// code in MQTT 5.0, its will is sent, and what it sends afterwards is ignored.
func (b breach) show(t *testing.T, v packets.Version, sent []byte) {
	t.Helper()
	s := mqtttest.NewServerWith(t, &mqtt.Options{})
	w := watcher(t, s, "#")
	got := decodeAll(t, v, exchange(t, s,
		encode(t, v, withWill(cleanConnect(v, "breaker"), "broken")), sent, encode(t, v, &packets.Publish{Topic: "after"})))
	if len(got) == 0 || got[0].Type() != packets.TypeConnack {
		t.Fatalf("%s: no CONNACK: %v", b.name, got)
	}
	switch {
	case v != packets.V5 && len(got) > 1:
		t.Errorf("%s: answered by %s %+v", b.name, got[1].Type(), got[1])
	case v == packets.V5 && len(got) != 2:
		t.Errorf("%s: answered by %d packets, want CONNACK and DISCONNECT", b.name, len(got))
	case v == packets.V5:
		d, ok := got[1].(*packets.Disconnect)
		if !ok || d.Code != b.code || d.Properties.ReasonString == "" {
			t.Errorf("%s: answered by %s %+v, want %v with a reason", b.name, got[1].Type(), got[1], b.code)
		}
	}
	if n := s.Stats().Refused[b.code.String()]; n != 1 {
		t.Errorf("%s: Stats().Refused is %v, want one %q", b.name, s.Stats().Refused, b.code)
	}
	wantMessage(t, w, "will", "broken")
	nothing(t, w) // the others are as before
}
