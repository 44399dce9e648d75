package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-4.3.1-1]
// Whatever QoS and DUP the publisher used, a QoS 0 delivery has neither.
func TestQoS0HasNoDup(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 0)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Send(&packets.Publish{Topic: "t"},
			&packets.Publish{Topic: "t", QoS: 1, PacketID: 1, Dup: true},
			&packets.Publish{Topic: "t", QoS: 2, PacketID: 2, Dup: true})
		for range 3 {
			if got := mqtttest.Expect[*packets.Publish](c); got.QoS != 0 || got.Dup {
				t.Errorf("delivered with QoS %d, DUP %v", got.QoS, got.Dup)
			}
		}
	})
}

// [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1]
// [MQTT-4.3.3-2]
func TestFirstSending(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		seen := map[uint16]bool{}
		for i := range 500 {
			qos := byte(1 + i%2)
			pub.Send(&packets.Publish{Topic: "t", QoS: qos, PacketID: uint16(i + 1), Dup: true})
			got := mqtttest.Expect[*packets.Publish](c)
			if got.PacketID == 0 || seen[got.PacketID] || got.QoS != qos || got.Dup {
				t.Fatalf("PUBLISH %d: identifier %d, seen %v, QoS %d, DUP %v", i, got.PacketID, seen[got.PacketID], got.QoS, got.Dup)
			}
			seen[got.PacketID] = true
		}
	})
}

// [MQTT-4.3.2-1] [MQTT-4.3.3-1]
// An identifier in use is passed over when the numbers come round again.
func TestIdentifiersInUseArePassedOver(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumQueueMessages: 100_000}})
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	c.Subscribe("t", 2)
	send := func(qos byte) {
		if err := s.Publish("t", nil, false, qos); err != nil {
			t.Fatal(err)
		}
	}
	held := map[uint16]bool{}
	for i := range 10 {
		send(byte(1 + i%2))
		held[mqtttest.Expect[*packets.Publish](c).PacketID] = true
	}
	for range 66_000 {
		send(1)
		pk := mqtttest.Expect[*packets.Publish](c)
		if pk.PacketID == 0 || held[pk.PacketID] {
			t.Fatalf("identifier %d is in use", pk.PacketID)
		}
		c.Send(&packets.Puback{PacketID: pk.PacketID})
	}
}

// [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5]
// What is not acknowledged is kept, and only until it is.
func TestUnacknowledgedUntilTheAnswer(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 2)
		inflight := func(want int64) {
			t.Helper()
			c.Ping()
			if got := s.Stats().Inflight; got != want {
				t.Errorf("%d messages are in flight, want %d", got, want)
			}
		}
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("t", "one", 1, false)
		one := expectPublish(t, c, "one")
		inflight(1)
		c.Send(&packets.Puback{PacketID: one.PacketID + 1}) // another one's
		inflight(1)
		c.Send(&packets.Puback{PacketID: one.PacketID})
		inflight(0)
		pub.Publish("t", "two", 2, false)
		two := expectPublish(t, c, "two")
		c.Send(&packets.Puback{PacketID: two.PacketID})  // not what QoS 2 wants
		c.Send(&packets.Pubcomp{PacketID: two.PacketID}) // too early
		inflight(1)
		c.Send(&packets.Pubrec{PacketID: two.PacketID})
		mqtttest.Expect[*packets.Pubrel](c)
		inflight(1)
		c.Send(&packets.Pubcomp{PacketID: two.PacketID})
		inflight(0)
	})
}

// [MQTT-4.3.2-4] [MQTT-4.3.2-5]
func TestReceivingQoS1(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 1)
		c.Close()
		pub := mqtttest.Dial(t, s, lasting(v, "pub"))
		var want []string
		for i, id := range []uint16{1, 65535, 1, 1} {
			payload := fmt.Sprint("message ", i)
			pub.Send(&packets.Publish{Topic: "t", Payload: []byte(payload), QoS: 1, PacketID: id, Dup: i == 3})
			if ack := mqtttest.Expect[*packets.Puback](pub); ack.PacketID != id {
				t.Errorf("PUBACK %d, want %d", ack.PacketID, id)
			}
			want = append(want, payload)
		}
		pub.Close() // acknowledged is owned: the publisher is not needed any more
		expectMessages(t, mqtttest.Dial(t, s, lasting(v, "c")), want...)
	})
}

// [MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12]
func TestReceivingQoS2(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		for _, id := range []uint16{1, 65535, 1} {
			payload := fmt.Sprint("message ", id)
			for repeat := range 3 {
				pub.Send(&packets.Publish{Topic: "t", Payload: []byte(payload), QoS: 2, PacketID: id, Dup: repeat > 0})
				if rec := mqtttest.Expect[*packets.Pubrec](pub); rec.PacketID != id || rec.Code.Failed() {
					t.Errorf("PUBREC %d %v, want %d", rec.PacketID, rec.Code, id)
				}
			}
			for repeat := range 2 {
				pub.Send(&packets.Pubrel{PacketID: id})
				comp := mqtttest.Expect[*packets.Pubcomp](pub)
				if comp.PacketID != id || v == packets.V5 && comp.Code.Failed() != (repeat > 0) {
					t.Errorf("PUBCOMP %d %v, want %d", comp.PacketID, comp.Code, id)
				}
			}
			expectMessages(t, c, payload)
		}
	})
}

// [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6]
func TestSendingQoS2(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("t", "x", 2, false)
		id := expectPublish(t, c, "x").PacketID
		for range 2 { // a repeated PUBREC is answered again
			c.Send(&packets.Pubrec{PacketID: id})
			if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != id || rel.Code != packets.CodeSuccess {
				t.Errorf("PUBREL %d %v, want %d", rel.PacketID, rel.Code, id)
			}
		}
		c.Close()
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != id { // and no PUBLISH
			t.Errorf("PUBREL %d sent again, want %d", rel.PacketID, id)
		}
		c.Send(&packets.Pubcomp{PacketID: id})
		c.Ping() // it was handled before the connection is lost
		c.Close()
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		c.Ping()
	})
}

// [MQTT-4.3.3-7] [MQTT-4.3.3-13]
// A message that expires in the middle of its flow is carried to the end.
func TestExpiryDoesNotBreakTheFlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
		c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
		c.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		pk := &packets.Publish{Topic: "t", Payload: []byte("x"), QoS: 2, PacketID: 1}
		pk.Properties.MessageExpiryInterval = 5
		pub.Send(pk)
		mqtttest.Expect[*packets.Pubrec](pub)
		sent := expectPublish(t, c, "x")
		advance(10 * time.Second)
		pub.Send(pk)
		mqtttest.Expect[*packets.Pubrec](pub)
		pub.Send(&packets.Pubrel{PacketID: 1})
		if comp := mqtttest.Expect[*packets.Pubcomp](pub); comp.Code != packets.CodeSuccess {
			t.Errorf("PUBCOMP with %v", comp.Code)
		}
		c.Ping()
		c.Close()
		advance(10 * time.Second)
		c = mqtttest.Dial(t, s, lasting(packets.V5, "c"))
		if again := expectPublish(t, c, "x"); !again.Dup || again.PacketID != sent.PacketID {
			t.Errorf("sent again with DUP %v, identifier %d, want %d", again.Dup, again.PacketID, sent.PacketID)
		}
		c.Send(&packets.Pubrec{PacketID: sent.PacketID})
		mqtttest.Expect[*packets.Pubrel](c)
		advance(10 * time.Second)
		c.Send(&packets.Pubcomp{PacketID: sent.PacketID})
		c.Ping()
		if got := s.Stats().Inflight; got != 0 {
			t.Errorf("%d messages are in flight", got)
		}
	})
}

// [MQTT-4.3.3-9]
func TestIdentifierIsFreeAfterRefusal(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, refuseBad{})
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	c.Subscribe("t", 2)
	pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
	pub.Send(&packets.Publish{Topic: "t", Payload: []byte("bad"), QoS: 2, PacketID: 1})
	if rec := mqtttest.Expect[*packets.Pubrec](pub); rec.Code != packets.ErrPayloadFormatInvalid {
		t.Errorf("PUBREC with %v", rec.Code)
	}
	pub.Send(&packets.Publish{Topic: "t", Payload: []byte("good"), QoS: 2, PacketID: 1})
	if rec := mqtttest.Expect[*packets.Pubrec](pub); rec.Code.Failed() {
		t.Errorf("PUBREC with %v", rec.Code)
	}
	expectMessages(t, c, "good")
}

// refuseBad refuses messages whose payload is "bad".
type refuseBad struct{}

func (refuseBad) OnPublish(_ *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if string(pk.Payload) == "bad" {
		return pk, packets.ErrPayloadFormatInvalid
	}
	return pk, nil
}

// The identifiers of client and server are two spaces: all flows run at once
// under the same numbers in both directions.
func TestSameIdentifiersBothWays(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("in", 2)
		for i := range 4 {
			if err := s.Publish("in", []byte{byte(i)}, false, byte(1+i%2)); err != nil {
				t.Fatal(err)
			}
			got := mqtttest.Expect[*packets.Publish](c)
			c.Send(&packets.Publish{Topic: "out", QoS: 2, PacketID: got.PacketID})
			mqtttest.Expect[*packets.Pubrec](c)
			if got.QoS == 1 {
				c.Send(&packets.Puback{PacketID: got.PacketID})
			} else {
				c.Send(&packets.Pubrec{PacketID: got.PacketID})
				if rel := mqtttest.Expect[*packets.Pubrel](c); rel.Code != packets.CodeSuccess {
					t.Errorf("PUBREL with %v", rel.Code)
				}
			}
			c.Send(&packets.Pubrel{PacketID: got.PacketID})
			if comp := mqtttest.Expect[*packets.Pubcomp](c); comp.PacketID != got.PacketID || comp.Code != packets.CodeSuccess {
				t.Errorf("PUBCOMP %d %v", comp.PacketID, comp.Code)
			}
			c.Send(&packets.Pubcomp{PacketID: got.PacketID})
		}
		c.Ping()
		if got := s.Stats().Inflight; got != 0 {
			t.Errorf("%d messages are in flight", got)
		}
	})
}
