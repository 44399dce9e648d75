package mqtt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestMaximumPacketSizeOfTheClient(t *testing.T) {
	// [MQTT-3.1.2-24] [MQTT-3.1.2-25]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, topic := range []string{"t", "a/topic"} { // an alias is longer than the one, shorter than the other
			for _, aliases := range []uint16{0, 5} {
				for qos := range byte(3) {
					for _, offline := range []bool{false, qos > 0} {
						sizeCase{topic, aliases, qos, offline}.show(t, v)
					}
				}
			}
		}
	})
}

type sizeCase struct {
	topic   string
	aliases uint16
	qos     byte
	offline bool
}

// show sends messages around the client's maximum of 100 bytes.
func (tt sizeCase) show(t *testing.T, v packets.Version) {
	t.Helper()
	s := mqtttest.NewServer(t)
	pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
	connect := durableConnect(v, "sub")
	connect.Properties = packets.Properties{SessionExpiryInterval: 60, MaximumPacketSize: 100, TopicAliasMaximum: tt.aliases, ReceiveMaximum: 1}
	sub := mqtttest.Dial(t, s, connect)
	sub.Subscribe(tt.topic, tt.qos)
	room := 100 - len(encode(t, v, &packets.Publish{Topic: tt.topic, QoS: tt.qos, PacketID: 1}))
	if tt.offline {
		lose(sub)
	}
	for _, n := range []int{room, room + 10, room - 2, room - 4, room} {
		pub.Publish(tt.topic, strings.Repeat("x", n), tt.qos, false)
	}
	if tt.offline {
		sub = mqtttest.Dial(t, s, connect)
	}
	for _, n := range []int{room, room - 2, room - 4, room} {
		got := sub.Message()
		if len(got.Payload) != n || len(encode(t, v, got)) > 100 {
			t.Fatalf("%+v: %d bytes with a payload of %d, want %d", tt, len(encode(t, v, got)), len(got.Payload), n)
		}
	}
	nothing(t, sub)
	if st := s.Stats(); st.Dropped[mqtt.DropTooLarge.String()] != 1 || st.Inflight != 0 {
		t.Errorf("%+v: %d messages are counted as too large, want 1; %d in flight", tt, st.Dropped[mqtt.DropTooLarge.String()], st.Inflight)
	}
}

func TestTooLargeForOneOnly(t *testing.T) {
	// [MQTT-3.1.2-25]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		connect := cleanConnect(packets.V5, "small")
		connect.Properties.MaximumPacketSize, connect.Properties.ReceiveMaximum = 50, 1
		small := mqtttest.Dial(t, s, connect)
		small.Subscribe("t", 2)
		large := mqtttest.Dial(t, s, cleanConnect(v, "large"))
		large.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		for qos := range byte(3) {
			pub.Publish("t", strings.Repeat("x", 60), qos, false)
			wantMessage(t, large, "t", strings.Repeat("x", 60))
		}
		pub.Publish("t", "y", 1, false)
		wantMessage(t, small, "t", "y") // its window is not used up
	})
}

func TestReceiveMaximumOfTheReceiver(t *testing.T) {
	// [MQTT-3.3.4-9] [MQTT-3.3.4-10]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, offline := range []bool{false, true} {
			s := mqtttest.NewServer(t)
			pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
			connect := durableConnect(v, "sub")
			connect.Properties.ReceiveMaximum = 3
			sub := mqtttest.Dial(t, s, connect)
			sub.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "t", QoS: 2})
			if offline {
				lose(sub)
			}
			for i := range 10 {
				pub.Publish("t", fmt.Sprint(i), byte(1+i%2), false)
			}
			if offline {
				sub = mqtttest.Dial(t, s, connect)
			}
			var window []*packets.Publish
			for range 3 {
				window = append(window, mqtttest.Expect[*packets.Publish](sub))
			}
			nothing(t, sub) // three are enough; other packets pass
			sub.Subscribe("u", 0)
			pub.Publish("u", "qos 0", 0, false)
			wantMessage(t, sub, "u", "qos 0")
			for i := range 10 {
				m := window[i]
				if string(m.Payload) != fmt.Sprint(i) {
					t.Fatalf("message %d is %q", i, m.Payload)
				}
				switch m.QoS {
				case 1:
					sub.Send(&packets.Puback{PacketID: m.PacketID})
				case 2:
					sub.Send(&packets.Pubrec{PacketID: m.PacketID})
					mqtttest.Expect[*packets.Pubrel](sub)
					nothing(t, sub) // PUBREC does not end the flow
					sub.Send(&packets.Pubcomp{PacketID: m.PacketID})
				}
				if len(window) < 10 {
					window = append(window, mqtttest.Expect[*packets.Publish](sub))
				}
				nothing(t, sub)
			}
		}
	})
}

func TestRefusedMessageFreesTheWindow(t *testing.T) {
	// [MQTT-3.3.4-9]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		connect := durableConnect(v, "sub")
		connect.Properties.ReceiveMaximum = 1
		sub := mqtttest.Dial(t, s, connect)
		sub.Subscribe("t", 2)
		for i := range 4 {
			pub.Publish("t", fmt.Sprint(i), byte(1+i%2), false)
		}
		for i := range 4 {
			m := mqtttest.Expect[*packets.Publish](sub)
			if string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Payload)
			}
			nothing(t, sub)
			if m.QoS == 1 {
				sub.Send(&packets.Puback{PacketID: m.PacketID, Code: packets.ErrQuotaExceeded})
			} else {
				sub.Send(&packets.Pubrec{PacketID: m.PacketID, Code: packets.ErrQuotaExceeded})
			}
		}
		nothing(t, sub)
	})
}

func TestReceiveMaximumOfTheServer(t *testing.T) {
	// [MQTT-3.3.4-7]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{ReceiveMaximum: 3}})
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		for round := range uint16(3) {
			for id := uint16(1); id < 4; id++ {
				c.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: 10*round + id})
				mqtttest.Expect[*packets.Pubrec](c)
			}
			c.Publish("t", "QoS 1 is answered at once", 0, false)
			if round == 2 {
				break
			}
			for id := uint16(1); id < 4; id++ {
				c.Send(&packets.Pubrel{PacketID: 10*round + id})
				mqtttest.Expect[*packets.Pubcomp](c)
			}
		}
		c.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: 22, Dup: true})
		mqtttest.Expect[*packets.Pubrec](c) // a repeat is no new message
		c.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: 99})
		if v == packets.V5 {
			c.ExpectDisconnect(packets.ErrReceiveMaximumExceeded)
			return
		}
		mqtttest.Expect[*packets.Pubrec](c) // 3.x was not told of a maximum
	})
}

func TestTopicAliasesToTheServer(t *testing.T) {
	// [MQTT-3.3.2-12] [MQTT-3.3.2-7] [MQTT-3.2.2-17]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{TopicAliasMaximum: 300}})
		w := watcher(t, s, "#")
		c := mqtttest.Dial(t, s, durableConnect(v, "c"))
		send := func(topic string, alias uint16, qos byte) {
			c.Send(&packets.Publish{Topic: topic, QoS: qos, PacketID: uint16(qos) * 1, Properties: packets.Properties{TopicAlias: alias}})
		}
		for alias := uint16(1); alias <= 300; alias++ {
			send(fmt.Sprint("t/", alias), alias, 0)
			if got := w.Message(); got.Topic != fmt.Sprint("t/", alias) || got.Properties.TopicAlias != 0 {
				t.Fatalf("alias %d came as %q, alias %d", alias, got.Topic, got.Properties.TopicAlias)
			}
		}
		for _, alias := range []uint16{300, 1, 17} {
			send("", alias, 0)
			wantMessage(t, w, fmt.Sprint("t/", alias), "")
		}
		send("new", 17, 1)
		mqtttest.Expect[*packets.Puback](c)
		wantMessage(t, w, "new", "")
		send("", 17, 0)
		wantMessage(t, w, "new", "")
		lose(c)
		c = mqtttest.Dial(t, s, durableConnect(v, "c"))
		presentIs(t, c, v, true)
		send("", 17, 0) // the mapping ended with its connection
		c.ExpectDisconnect(packets.ErrProtocolError)
		nothing(t, w)
	})
}

func TestTopicAliasesRefused(t *testing.T) {
	// [MQTT-3.3.2-9] [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-8]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, caps := range []mqtt.Capabilities{{TopicAliasMaximum: 2}, {NoTopicAliases: true}} {
			for _, alias := range []uint16{1, 2, 3, 65535} {
				s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: caps})
				c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
				if got := c.Connack.Properties.TopicAliasMaximum; got != caps.TopicAliasMaximum {
					t.Errorf("the maximum is announced as %d", got)
				}
				c.Send(&packets.Publish{Topic: "t", Properties: packets.Properties{TopicAlias: alias}})
				if alias <= caps.TopicAliasMaximum {
					c.Ping()
					continue
				}
				c.ExpectDisconnect(packets.ErrTopicAliasInvalid)
			}
		}
	})
}

func TestTopicAliasesToTheClient(t *testing.T) {
	// [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] [MQTT-3.3.2-8] [MQTT-3.3.2-7]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, maximum := range []uint16{0, 1, 3} {
			s := mqtttest.NewServer(t)
			pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
			connect := durableConnect(v, "sub")
			connect.Properties.TopicAliasMaximum = maximum
			for range 2 { // on every connection anew
				sub := mqtttest.Dial(t, s, connect)
				sub.Subscribe("t/#", 2)
				topics := map[uint16]string{}
				for i := range 30 {
					topic := fmt.Sprint("t/", i%5)
					pub.Publish(topic, topic, byte(i%3), false)
					got := sub.Message()
					alias := got.Properties.TopicAlias
					switch {
					case alias > maximum || alias == 0 && got.Properties.Has(packets.PropTopicAlias):
						t.Fatalf("alias %d, the maximum is %d", alias, maximum)
					case alias == 0:
					case got.Topic == "":
						got.Topic = topics[alias]
					default:
						topics[alias] = got.Topic
					}
					if got.Topic != topic || string(got.Payload) != topic {
						t.Fatalf("message of %q came as %q on %q by alias %d", topic, got.Payload, got.Topic, alias)
					}
				}
				if len(topics) != int(maximum) {
					t.Errorf("%d aliases are used, the maximum is %d", len(topics), maximum)
				}
				lose(sub)
			}
		}
	})
}

func TestMessageExpiry(t *testing.T) {
	// [MQTT-3.3.2-5] [MQTT-3.3.2-6]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(packets.V5, "pub"))
		sub := mqtttest.Dial(t, s, durableConnect(v, "sub"))
		sub.Subscribe("t", 1)
		lose(sub)
		for _, seconds := range []uint32{10, 60, 0xffffffff, 0} {
			m := &packets.Publish{Topic: "t", Payload: []byte(fmt.Sprint(seconds)), QoS: 1, PacketID: 1, Retain: true}
			m.Properties.MessageExpiryInterval = seconds // 0 is absent
			pub.Send(m)
			mqtttest.Expect[*packets.Puback](pub)
		}
		pub.Publish("kept", "forever", 1, true)
		kept := &packets.Publish{Topic: "kept/60", Payload: []byte("60"), QoS: 1, PacketID: 2, Retain: true}
		kept.Properties.MessageExpiryInterval = 60
		pub.Send(kept)
		mqtttest.Expect[*packets.Puback](pub)
		advance(20 * time.Second)
		sub = mqtttest.Dial(t, s, durableConnect(v, "sub"))
		for _, want := range []struct {
			payload string
			left    uint32
		}{{"60", 40}, {"4294967295", 0xffffffff - 20}, {"0", 0}} {
			got := wantMessage(t, sub, "t", want.payload).Properties
			if v != packets.V5 {
				continue
			}
			if got.MessageExpiryInterval != want.left || got.Has(packets.PropMessageExpiryInterval) != (want.left > 0) {
				t.Errorf("%s: %d s are left, want %d s", want.payload, got.MessageExpiryInterval, want.left)
			}
		}
		nothing(t, sub)
		if n := s.Stats().Dropped[mqtt.DropExpired.String()]; n != 1 {
			t.Errorf("%d messages are counted as expired, want 1", n)
		}
		sub.Subscribe("kept/60", 1)
		if got := wantMessage(t, sub, "kept/60", "60").Properties; v == packets.V5 && got.MessageExpiryInterval != 40 {
			t.Errorf("retained: %d s are left, want 40 s", got.MessageExpiryInterval)
		}
		advance(40 * time.Second)
		sub.Subscribe("kept/#", 1)
		wantMessage(t, sub, "kept", "forever")
		nothing(t, sub)
	})
}

func TestExpiryCountsFromReceipt(t *testing.T) {
	// A message in flight is sent again however old it is; one that goes on at
	// once has all its time. [MQTT-3.3.2-5] [MQTT-3.3.2-6]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		sub := mqtttest.Dial(t, s, durableConnect(v, "sub"))
		sub.Subscribe("t", 1)
		m := &packets.Publish{Topic: "t", QoS: 1, PacketID: 1, Properties: packets.Properties{MessageExpiryInterval: 10}}
		pub.Send(m)
		if got := mqtttest.Expect[*packets.Publish](sub); got.Properties.MessageExpiryInterval != 10 {
			t.Errorf("%d s are left, want 10 s", got.Properties.MessageExpiryInterval)
		}
		lose(sub)
		advance(4 * time.Second)
		sub = mqtttest.Dial(t, s, durableConnect(v, "sub"))
		if got := wantMessage(t, sub, "t", ""); !got.Dup || got.Properties.MessageExpiryInterval != 6 {
			t.Errorf("sent again with DUP %v and %d s, want 6 s", got.Dup, got.Properties.MessageExpiryInterval)
		}
	})
}

func TestOverlappingFilters(t *testing.T) {
	// [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
		for i, filter := range []string{"a/b", "a/+", "#", "x"} {
			props := packets.Properties{SubscriptionIDs: []uint32{uint32(i + 1)}}
			if filter == "a/+" || v != packets.V5 {
				props = packets.Properties{}
			}
			sub.SubscribeWith(props, packets.Subscription{Filter: filter, QoS: []byte{0, 2, 1, 2}[i]})
		}
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		for qos := range byte(3) {
			pub.Publish("a/b", "x", qos, false)
			got := wantMessage(t, sub, "a/b", "x")
			ids := slices.Sorted(slices.Values(got.Properties.SubscriptionIDs))
			if got.QoS != qos || v == packets.V5 && !slices.Equal(ids, []uint32{1, 3}) {
				t.Errorf("QoS %d came as QoS %d for the subscriptions %v", qos, got.QoS, ids)
			}
			nothing(t, sub) // one copy
		}
		pub.Publish("c", "x", 2, false)
		if got := wantMessage(t, sub, "c", "x"); got.QoS != 1 {
			t.Errorf("came with QoS %d, granted was 1", got.QoS)
		}
	})
}

func TestCopiesCarryTheirOwnIdentifier(t *testing.T) {
	// Retained messages come once for each subscription. [MQTT-3.3.4-5] [MQTT-3.3.4-3]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		mqtttest.Dial(t, s, cleanConnect(v, "pub")).Publish("a/b", "x", 1, true)
		sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
		for i, filter := range []string{"a/b", "a/+", "#"} {
			id := []uint32{1, 128, 268_435_455}[i]
			sub.SubscribeWith(packets.Properties{SubscriptionIDs: []uint32{id}}, packets.Subscription{Filter: filter, QoS: 1})
			if got := wantMessage(t, sub, "a/b", "x").Properties.SubscriptionIDs; !slices.Equal(got, []uint32{id}) {
				t.Errorf("%s: subscription identifiers %v, want %d", filter, got, id)
			}
			nothing(t, sub)
		}
	})
}
