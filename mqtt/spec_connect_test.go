package mqtt_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestConnectIsAccepted(t *testing.T) {
	// [MQTT-3.1.4-5] [MQTT-3.1.3-5] [MQTT-3.2.2-2] [MQTT-3.2.0-1]
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		for _, clientID := range []string{"a", "Z", "0", alphabet[:23], alphabet[23:46], alphabet[39:]} {
			c := mqtttest.Dial(t, s, cleanConnect(v, clientID))
			presentIs(t, c, v, false)
			c.Ping()
		}
		if got := s.Stats().ClientsConnected; got != 6 {
			t.Errorf("%d clients are connected, want 6", got)
		}
	})
}

func TestConnectComesFirst(t *testing.T) {
	// [MQTT-3.1.0-1] [MQTT-3.2.0-1] [MQTT-3.1.4-6]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		first := []packets.Packet{
			&packets.Publish{Topic: "t", Payload: []byte("x")},
			&packets.Puback{PacketID: 1},
			&packets.Pubrec{PacketID: 1},
			&packets.Pubrel{PacketID: 1},
			&packets.Pubcomp{PacketID: 1},
			&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t"}}},
			&packets.Unsubscribe{PacketID: 1, Filters: []string{"t"}},
			&packets.Pingreq{},
			&packets.Disconnect{},
		}
		if v == packets.V5 {
			first = append(first, &packets.Auth{
				Code:       packets.CodeContinueAuthentication,
				Properties: packets.Properties{AuthenticationMethod: "m"},
			})
		}
		s := mqtttest.NewServer(t)
		w := watcher(t, s, "#")
		for i, pk := range first {
			got := exchange(t, s, encode(t, v, pk, cleanConnect(v, "late"), &packets.Publish{Topic: "t"}))
			if len(got) > 0 {
				t.Errorf("%s as first packet is answered by % x", pk.Type(), got)
			}
			if n := s.Stats().Refused[packets.ErrProtocolError.String()]; n != int64(i+1) {
				t.Errorf("after %d refusals they are counted as %d", i+1, n)
			}
		}
		nothing(t, w)
	})
}

func TestSecondConnect(t *testing.T) {
	// [MQTT-3.1.0-2] [MQTT-3.2.0-2]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		w := watcher(t, s, "#")
		got := decodeAll(t, v, exchange(t, s, encode(t, v,
			withWill(cleanConnect(v, "c"), "lost"), cleanConnect(v, "c"), &packets.Publish{Topic: "t"})))
		if _, ok := got[0].(*packets.Connack); !ok {
			t.Fatalf("the first packet is %s", got[0].Type())
		}
		switch {
		case v != packets.V5 && len(got) != 1:
			t.Errorf("the server sent %d packets, want a CONNACK", len(got))
		case v == packets.V5:
			if d, ok := got[1].(*packets.Disconnect); !ok || d.Code != packets.ErrProtocolError || len(got) != 2 {
				t.Errorf("the server sent %d packets, the second %+v", len(got), got[1])
			}
		}
		refusedOnce(t, s, packets.ErrProtocolError)
		wantMessage(t, w, "will", "lost")
		nothing(t, w)
	})
}

// rawConnect is a CONNECT with anything in its place.
type rawConnect struct {
	name     string
	protocol string // default "MQTT"
	version  packets.Version
	flags    byte
	payload  []byte // what follows the properties
	header   byte   // default 0x10
}

func (r rawConnect) bytes() []byte {
	if r.protocol == "" {
		r.protocol = "MQTT"
		if r.version == packets.V31 {
			r.protocol = "MQIsdp"
		}
	}
	if r.header == 0 {
		r.header = 0x10
	}
	body := append(text(r.protocol), byte(r.version), r.flags, 0, 60)
	if r.version == packets.V5 {
		body = append(body, 0)
	}
	body = append(body, r.payload...)
	return append(packets.AppendHeader(nil, r.header, len(body)), body...)
}

// text is a string with its length before it.
func text(s string) []byte {
	return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...)
}

// willText is the part of a CONNECT that a Will makes.
func willText(v packets.Version, topic, payload string) []byte {
	var b []byte
	if v == packets.V5 {
		b = append(b, 0)
	}
	return slices.Concat(b, text(topic), text(payload))
}

// illFormed lists CONNECT packets that are no CONNECT packets.
func illFormed(v packets.Version) []rawConnect {
	list := []rawConnect{
		{name: "fixed header flags", header: 0x11, flags: 2, payload: text("c")},
		{name: "reserved flag", flags: 3, payload: text("c")},                                                       // [MQTT-3.1.2-3]
		{name: "will flag without will", flags: 6, payload: text("c")},                                              // [MQTT-3.1.2-9]
		{name: "will payload is missing", flags: 6, payload: slices.Concat(text("c"), text("w"))},                   // [MQTT-3.1.2-9]
		{name: "will qos without will", flags: 0x0a, payload: text("c")},                                            // [MQTT-3.1.2-11]
		{name: "will retain without will", flags: 0x22, payload: text("c")},                                         // [MQTT-3.1.2-13]
		{name: "will qos 3", flags: 0x1e, payload: slices.Concat(text("c"), willText(v, "w", "x"))},                 // [MQTT-3.1.2-12]
		{name: "user name without its flag", flags: 2, payload: slices.Concat(text("c"), text("u"))},                // [MQTT-3.1.2-16]
		{name: "password without its flag", flags: 0x82, payload: slices.Concat(text("c"), text("u"), text("p"))},   // [MQTT-3.1.2-18]
		{name: "no client identifier", flags: 2},                                                                    // [MQTT-3.1.3-3]
		{name: "client identifier is cut short", flags: 2, payload: []byte{0, 5, 'a'}},                              // [MQTT-3.1.3-3]
		{name: "client identifier is no UTF-8", flags: 2, payload: text("a\xff")},                                   // [MQTT-3.1.3-4] [MQTT-1.5.4-1]
		{name: "client identifier has a surrogate", flags: 2, payload: text("a\xed\xa0\x80")},                       // [MQTT-1.5.4-1]
		{name: "client identifier has U+0000", flags: 2, payload: text("a\x00")},                                    // [MQTT-1.5.4-2]
		{name: "will topic is no UTF-8", flags: 6, payload: slices.Concat(text("c"), willText(v, "\xc0\x80", "x"))}, // [MQTT-3.1.3-11]
		{name: "user name is no UTF-8", flags: 0x82, payload: slices.Concat(text("c"), text("\xff"))},               // [MQTT-3.1.3-12]
		{name: "bytes after the end", flags: 2, payload: append(text("c"), 0)},                                      // [MQTT-3.1.4-1]
	}
	if v != packets.V31 { // which lets the length overrule the flags
		list = append(list,
			rawConnect{name: "user name is missing", flags: 0x82, payload: text("c")},                          // [MQTT-3.1.2-17]
			rawConnect{name: "password is missing", flags: 0xc2, payload: slices.Concat(text("c"), text("u"))}) // [MQTT-3.1.2-19]
	}
	if v == packets.V311 {
		list = append(list, rawConnect{name: "password without user name", flags: 0x42, payload: slices.Concat(text("c"), text("p"))}) // [MQTT311-3.1.2-22]
	}
	return list
}

func TestIllFormedConnect(t *testing.T) {
	// [MQTT-3.1.4-1] [MQTT311-3.1.4-1] [MQTT311-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-6] [MQTT-3.1.4-6]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for _, tt := range illFormed(v) {
			tt.version = v
			s := mqtttest.NewServer(t)
			w := watcher(t, s, "#")
			got := exchange(t, s, tt.bytes(), encode(t, v, cleanConnect(v, "c"), &packets.Publish{Topic: "t"}))
			wantRefusal(t, v, tt.name, got, packets.ErrMalformedPacket)
			refusedOnce(t, s, packets.ErrMalformedPacket)
			nothing(t, w)
			if n := s.Stats().ClientsTotal; n != 1 {
				t.Errorf("%s: the server knows %d clients, want the watcher alone", tt.name, n)
			}
		}
	})
}

// wantRefusal checks what a refused CONNECT is answered with: MQTT 5.0 may say
// why, the others have no word for it.
func wantRefusal(t *testing.T, v packets.Version, name string, got []byte, code packets.Code) {
	t.Helper()
	if len(got) == 0 {
		return
	}
	list := decodeAll(t, v, got)
	ack, ok := list[0].(*packets.Connack)
	if v != packets.V5 || !ok || len(list) != 1 || ack.Code != code || ack.SessionPresent {
		t.Errorf("%s: answered by % x", name, got)
	}
}

func TestProtocolNames(t *testing.T) {
	// [MQTT-3.1.2-1] [MQTT311-3.1.2-1]
	t.Parallel()
	for _, name := range []string{"MQT", "mqtt", "MQTT\u00e9", "HTTP", "MQIsdpp"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServer(t)
				for _, v := range versionsAll {
					raw := rawConnect{protocol: name, version: v, flags: 2, payload: text("c")}
					if got := exchange(t, s, raw.bytes()); len(got) > 0 && got[3] != 1 && got[3] != 0x84 {
						t.Errorf("protocol name %q, level %d is answered by % x", name, v, got)
					}
				}
				if n := s.Stats().Refused; n[packets.ErrProtocolError.String()]+n[packets.ErrUnsupportedProtocolVersion.String()] != 3 {
					t.Errorf("refusals are counted as %v, want 3", n)
				}
			})
		})
	}
}

func TestProtocolVersions(t *testing.T) {
	t.Parallel()
	// [MQTT-3.1.2-2] [MQTT311-3.1.2-2]
	tests := []struct {
		name    string
		connect rawConnect
		minimum byte
		want    []byte
	}{
		{"level 0", rawConnect{version: 0}, 0, []byte{0x20, 2, 0, 1}},
		{"level 3 as MQTT", rawConnect{protocol: "MQTT", version: 3}, 0, []byte{0x20, 2, 0, 1}},
		{"level 4 as MQIsdp", rawConnect{protocol: "MQIsdp", version: 4}, 0, []byte{0x20, 2, 0, 1}},
		{"level 6", rawConnect{version: 6}, 0, []byte{0x20, 2, 0, 1}},
		{"bridge bit of level 4", rawConnect{version: 0x84}, 0, []byte{0x20, 2, 0, 1}},
		{"level 255", rawConnect{version: 255}, 0, []byte{0x20, 2, 0, 1}},
		{"3.1 where 3.1.1 is wanted", rawConnect{version: 3}, 4, []byte{0x20, 2, 0, 1}},
		{"3.1 where 5.0 is wanted", rawConnect{version: 3}, 5, []byte{0x20, 2, 0, 1}},
		{"3.1.1 where 5.0 is wanted", rawConnect{version: 4}, 5, []byte{0x20, 2, 0, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MinimumProtocolVersion: tt.minimum}})
				tt.connect.flags, tt.connect.payload = 2, text("c")
				if got := exchange(t, s, tt.connect.bytes()); !bytes.Equal(got, tt.want) {
					t.Errorf("answered by % x, want % x", got, tt.want)
				}
				refusedOnce(t, s, packets.ErrUnsupportedProtocolVersion)
			})
		})
	}
}

// connectRecorder notes what a CONNECT said.
type connectRecorder struct{ seen []packets.Connect }

func (r *connectRecorder) OnConnect(_ *mqtt.Client, pk *packets.Connect) error {
	r.seen = append(r.seen, *pk)
	return nil
}

func TestConnectPayloadOrder(t *testing.T) {
	// [MQTT-3.1.3-1] [MQTT-3.1.2-17] [MQTT-3.1.2-19]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		seen := new(connectRecorder)
		s := mqtttest.NewServer(t, seen)
		w := watcher(t, s, "#")
		raw := rawConnect{version: v, flags: 0xc6, payload: slices.Concat(text("c"), willText(v, "will", "gone"), text("user"), text("secret"))}
		conn := s.Conn(t)
		if _, err := conn.Write(raw.bytes()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		conn.Close()
		wantMessage(t, w, "will", "gone")
		got := seen.seen[len(seen.seen)-1]
		if got.ClientID != "c" || got.Username != "user" || string(got.Password) != "secret" || got.KeepAlive != 60 {
			t.Errorf("got %+v", got)
		}
	})
}
