package mqtt_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestPublishIsAnswered(t *testing.T) {
	// [MQTT-3.3.4-1] [MQTT-2.2.1-5] [MQTT-2.2.1-2]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		c.Send(&packets.Publish{Topic: "t", Payload: []byte("x")})
		c.Ping() // QoS 0 has no answer
		for _, id := range []uint16{1, 256, 65535} {
			c.Send(&packets.Publish{Topic: "t", QoS: 1, PacketID: id})
			if ack := mqtttest.Expect[*packets.Puback](c); ack.PacketID != id || ack.Code.Failed() {
				t.Errorf("PUBACK %+v, want identifier %d", ack, id)
			}
			c.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: id})
			if ack := mqtttest.Expect[*packets.Pubrec](c); ack.PacketID != id || ack.Code.Failed() {
				t.Errorf("PUBREC %+v, want identifier %d", ack, id)
			}
			c.Send(&packets.Pubrel{PacketID: id})
			if ack := mqtttest.Expect[*packets.Pubcomp](c); ack.PacketID != id || ack.Code.Failed() {
				t.Errorf("PUBCOMP %+v, want identifier %d", ack, id)
			}
			c.Ping() // one answer each
		}
	})
}

func TestRequestsAreAnswered(t *testing.T) {
	// [MQTT-2.2.1-6]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		for _, id := range []uint16{1, 256, 65535} {
			c.Send(&packets.Subscribe{PacketID: id, Subscriptions: []packets.Subscription{{Filter: "t"}}})
			if ack := mqtttest.Expect[*packets.Suback](c); ack.PacketID != id {
				t.Errorf("SUBACK of %d, want %d", ack.PacketID, id)
			}
			c.Send(&packets.Unsubscribe{PacketID: id, Filters: []string{"t"}})
			if ack := mqtttest.Expect[*packets.Unsuback](c); ack.PacketID != id {
				t.Errorf("UNSUBACK of %d, want %d", ack.PacketID, id)
			}
		}
	})
}

func TestAcknowledgementsOfMessages(t *testing.T) {
	// [MQTT-2.2.1-5] [MQTT-2.2.1-4]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
		sub.Subscribe("t", 2)
		seen := map[uint16]bool{}
		for i := range 50 {
			pub.Publish("t", fmt.Sprint(i), byte(1+i%2), false)
			got := mqtttest.Expect[*packets.Publish](sub)
			if got.PacketID == 0 || seen[got.PacketID] {
				t.Fatalf("packet identifier %d is not free", got.PacketID)
			}
			seen[got.PacketID] = true
			if got.QoS == 2 {
				sub.Send(&packets.Pubrec{PacketID: got.PacketID})
				if rel := mqtttest.Expect[*packets.Pubrel](sub); rel.PacketID != got.PacketID {
					t.Fatalf("PUBREL of %d, want %d", rel.PacketID, got.PacketID)
				}
			}
		}
	})
}

func TestQoS0IsBareOnTheWire(t *testing.T) {
	// [MQTT-2.2.1-2] [MQTT-2.2.2-1] [MQTT-3.3.1-2] [MQTT-3.3.2-1]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		// one goes on as it came, the other is lowered to the QoS granted
		sent := encode(t, v, &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t"}}},
			&packets.Publish{Topic: "t", Payload: []byte("xyz")},
			&packets.Publish{Topic: "t", Payload: []byte("xyz"), QoS: 1, PacketID: 9}, &packets.Disconnect{})
		got := exchange(t, s, encode(t, v, cleanConnect(v, "c")), sent)
		want := pk(0x30, text("t"), []byte("xyz"))
		if v == packets.V5 {
			want = pk(0x30, text("t"), raw(0), []byte("xyz"))
		}
		if bytes.Count(got, want) != 2 {
			t.Errorf("the server sent % x, want % x in it twice", got, want)
		}
	})
}

func TestRedelivery(t *testing.T) {
	// [MQTT-3.3.1-1] [MQTT-3.3.1-3]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		sub := mqtttest.Dial(t, s, durableConnect(v, "sub"))
		sub.Subscribe("t", 2)
		ids := map[string]uint16{}
		for _, payload := range []string{"1", "2"} {
			pub.Publish("t", payload, payload[0]-'0', false)
			got := mqtttest.Expect[*packets.Publish](sub)
			if got.Dup {
				t.Error("DUP at the first sending")
			}
			ids[string(got.Payload)] = got.PacketID
		}
		for range 2 {
			lose(sub)
			pub.Publish("t", "3", 1, false)
			sub = mqtttest.Dial(t, s, durableConnect(v, "sub"))
			for _, payload := range []string{"1", "2"} {
				got := mqtttest.Expect[*packets.Publish](sub)
				if string(got.Payload) != payload || !got.Dup || got.PacketID != ids[payload] {
					t.Errorf("sent again: %q, DUP %v, identifier %d", got.Payload, got.Dup, got.PacketID)
				}
			}
			if got := wantMessage(t, sub, "t", "3"); got.Dup {
				t.Error("DUP at the first sending")
			}
		}
	})
}

func TestDupIsNotForwarded(t *testing.T) {
	// [MQTT-3.3.1-3]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		w := watcher(t, s, "t")
		for qos := byte(1); qos < 3; qos++ {
			c.Send(&packets.Publish{Topic: "t", QoS: qos, PacketID: 5, Dup: true})
			if got := wantMessage(t, w, "t", ""); got.Dup || got.QoS != qos {
				t.Errorf("QoS %d came as QoS %d, DUP %v", qos, got.QoS, got.Dup)
			}
		}
	})
}

func TestTopicMatches(t *testing.T) {
	// [MQTT-3.3.2-3] [MQTT-1.5.4-3]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		filters := map[string][]string{
			"a/b": {"a/b"}, "a/+": {"a/b", "a/", "a/\ufeffc"}, "a/#": {"a", "a/b", "a/", "a/\ufeffc"}, "a/\ufeffc": {"a/\ufeffc"},
		}
		var topics []string
		for _, topic := range []string{"a", "a/b", "a/", "a/\ufeffc", "ab", "A/b", "/a/b"} {
			topics = append(topics, topic)
			for _, twice := range []byte{0, 1} {
				mqtttest.Dial(t, s, cleanConnect(v, "pub")).Publish(topic, topic, twice, twice == 1)
			}
		}
		for filter, want := range filters {
			sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
			sub.Subscribe(filter, 0)
			var got []string
			for range want {
				m := sub.Message() // the retained ones
				got = append(got, m.Topic)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: retained messages %q, want %q", filter, got, want)
			}
			pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
			for _, topic := range topics {
				pub.Publish(topic, topic, 1, false)
				if slices.Contains(want, topic) {
					wantMessage(t, sub, topic, topic)
				}
			}
			nothing(t, sub)
		}
	})
}

func TestPropertiesAreForwarded(t *testing.T) {
	// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		w := watcher(t, s, "t")
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		user := []packets.UserProperty{{Key: "z", Value: ""}, {Key: "", Value: "a"}, {Key: "a", Value: "\ufeff1"}, {Key: "z", Value: "0"}, {Key: "z", Value: "0"}}
		zero := packets.Properties{}
		zero.Set(packets.PropPayloadFormatIndicator)
		for i, sent := range []packets.Properties{
			{PayloadFormatIndicator: 1},
			zero,
			{ContentType: "text/\u00e9"},
			{ResponseTopic: "re/ply"},
			{CorrelationData: []byte{0, 255, 0}},
			{User: user},
			{PayloadFormatIndicator: 1, ContentType: "c", ResponseTopic: "r", CorrelationData: []byte("d"), User: user},
		} {
			for qos := range byte(3) {
				pub.Send(&packets.Publish{Topic: "t", QoS: qos, PacketID: uint16(1 + 3*i + int(qos)), Properties: sent.Clone()})
				got := wantMessage(t, w, "t", "").Properties
				if got.Has(packets.PropPayloadFormatIndicator) != sent.Has(packets.PropPayloadFormatIndicator) ||
					got.PayloadFormatIndicator != sent.PayloadFormatIndicator || got.ContentType != sent.ContentType ||
					got.ResponseTopic != sent.ResponseTopic || !bytes.Equal(got.CorrelationData, sent.CorrelationData) ||
					!slices.Equal(got.User, sent.User) {
					t.Errorf("QoS %d: got %+v, want %+v", qos, got, sent)
				}
			}
		}
	})
}

func TestPropertiesStayInV5(t *testing.T) {
	inVersions(t, versions3, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
		sub.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, cleanConnect(packets.V5, "pub"))
		pub.Send(&packets.Publish{Topic: "t", Payload: []byte("x"), Properties: packets.Properties{ContentType: "c", TopicAlias: 1, MessageExpiryInterval: 9}})
		wantMessage(t, sub, "t", "x")
	})
}

func TestMaximumQoS(t *testing.T) {
	// [MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-11] [MQTT-3.2.2-12]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for maximum, option := range []byte{mqtt.QoS0Only, 1} {
			s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumQos: option}})
			sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
			for qos := range byte(3) {
				if got := sub.Subscribe(fmt.Sprint("t/", qos), qos); got != packets.Code(min(qos, byte(maximum))) {
					t.Errorf("asked for QoS %d, granted %v", qos, got)
				}
			}
			for qos := range byte(3) {
				c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
				c.Send(&packets.Publish{Topic: "t/2", Payload: []byte("x"), QoS: qos, PacketID: uint16(qos)})
				switch {
				case int(qos) <= maximum:
					wantMessage(t, sub, "t/2", "x")
				case v == packets.V5:
					c.ExpectDisconnect(packets.ErrQoSNotSupported)
				default:
					c.ExpectClosed()
				}
				will := withWill(cleanConnect(v, "w"), "x")
				will.Will.QoS = qos
				if c := mqtttest.DialRefused(t, s, will); c.Connack.Code.Failed() != (int(qos) > maximum) {
					t.Errorf("a will of QoS %d: %v", qos, c.Connack.Code)
				} else if c.Connack.Code.Failed() {
					if v == packets.V5 && c.Connack.Code != packets.ErrQoSNotSupported {
						t.Errorf("a will of QoS %d: %v", qos, c.Connack.Code)
					}
					c.ExpectClosed()
				}
			}
			nothing(t, sub)
		}
	})
}

func TestRetainUnavailable(t *testing.T) {
	// [MQTT-3.2.2-13] [MQTT-3.2.2-14]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{RetainAvailable: mqtt.Unavailable}})
		w := watcher(t, s, "#")
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		c.Send(&packets.Publish{Topic: "t", Retain: true})
		if v == packets.V5 {
			c.ExpectDisconnect(packets.ErrRetainNotSupported)
		} else {
			c.ExpectClosed()
		}
		will := withWill(cleanConnect(v, "w"), "x")
		will.Will.Retain = true
		c = mqtttest.DialRefused(t, s, will)
		if !c.Connack.Code.Failed() || v == packets.V5 && c.Connack.Code != packets.ErrRetainNotSupported {
			t.Errorf("a retained will: %v", c.Connack.Code)
		}
		c.ExpectClosed()
		nothing(t, w)
	})
}

// guarded lets nobody publish to "secret".
type guarded struct{}

func (guarded) OnACLCheck(_ *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
	if topic == "secret" && write {
		return mqtt.Deny, nil
	}
	return mqtt.Pass, nil
}

func TestForbiddenPublish(t *testing.T) {
	// [MQTT311-3.3.5-2]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, guarded{})
		w := watcher(t, s, "secret")
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		want := packets.CodeSuccess // 3.x has no other word
		if v == packets.V5 {
			want = packets.ErrNotAuthorized
		}
		c.Send(&packets.Publish{Topic: "secret"})
		c.Send(&packets.Publish{Topic: "secret", QoS: 1, PacketID: 1})
		if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != want {
			t.Errorf("PUBACK with %v, want %v", ack.Code, want)
		}
		c.Send(&packets.Publish{Topic: "secret", QoS: 2, PacketID: 2})
		if ack := mqtttest.Expect[*packets.Pubrec](c); ack.Code != want {
			t.Errorf("PUBREC with %v, want %v", ack.Code, want)
		}
		if v != packets.V5 {
			c.Send(&packets.Pubrel{PacketID: 2})
			mqtttest.Expect[*packets.Pubcomp](c)
		}
		c.Ping()
		nothing(t, w)
		if n := s.Stats().Refused[packets.ErrNotAuthorized.String()]; n != 3 {
			t.Errorf("%d refusals are counted, want 3", n)
		}
	})
}

func TestMaximumPacketSizeOfTheServer(t *testing.T) {
	// [MQTT-3.2.2-15]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumPacketSize: 100}})
		w := watcher(t, s, "t")
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		full := &packets.Publish{Topic: "t"}
		full.Payload = []byte(strings.Repeat("x", 100-len(encode(t, v, full))))
		c.Send(full)
		wantMessage(t, w, "t", string(full.Payload))
		full.Payload = append(full.Payload, 'x')
		c.Send(full)
		if v == packets.V5 {
			c.ExpectDisconnect(packets.ErrPacketTooLarge)
		} else {
			c.ExpectClosed()
		}
		refusedOnce(t, s, packets.ErrPacketTooLarge)
		nothing(t, w)
	})
}
