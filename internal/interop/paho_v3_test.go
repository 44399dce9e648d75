package interop

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The ten scenarios of the suite for MQTT 3.1.1.

func TestPaho3Basic(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect3("a", true))
	if a.Connack.SessionPresent {
		t.Error("a clean session is said to be present")
	}
	a.Subscribe("letters/a", 2)
	for qos := range byte(3) {
		a.publish(packets.Publish{Topic: "letters/a", Payload: []byte{'0' + qos}, QoS: qos})
	}
	a.await(3, 2)
	expect(t, "own messages", a.settle(), `letters/a "0" q0 rfalse`, `letters/a "1" q1 rfalse`, `letters/a "2" q2 rfalse`)

	again := mqtttest.Dial(t, s, connect3("b", true))
	again.Send(connect3("b", true)) // [MQTT-3.1.0-2]
	again.ExpectClosed()

	stranger := mqtttest.NewClient(t, s.Conn(t), packets.V311)
	stranger.Write([]byte{0x10, 14, 0, 2, 'h', 'j', 4, 2, 0, 60, 0, 4, 'n', 'o', 'b', 'y'}) // [MQTT311-3.1.2-1]
	stranger.ExpectClosed()
}

func TestPaho3RetainedMessages(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect3("a", true))
	for i, topic := range []string{"house/1", "house/2", "house/3"} {
		a.Publish(topic, "kept", byte(i), true)
	}
	a.Subscribe("+/+", 2)
	a.await(3, 0)
	expect(t, "retained", a.settle(), `house/1 "kept" q0 rtrue`, `house/2 "kept" q1 rtrue`, `house/3 "kept" q2 rtrue`)
	a.Disconnect(packets.CodeSuccess)

	b := dial(t, s, connect3("b", true))
	for i, topic := range []string{"house/1", "house/2", "house/3"} {
		b.Publish(topic, "", byte(i), true)
	}
	b.Subscribe("+/+", 2)
	expect(t, "after clearing", b.settle())
}

func TestPaho3ZeroLengthClientID(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	refused := mqtttest.DialRefused(t, s, connect3("", false)) // [MQTT311-3.1.3-8]
	if refused.Connack.Code != packets.ErrClientIdentifierNotValid {
		t.Errorf("without clean session: %v", refused.Connack.Code)
	}
	refused.ExpectClosed()
	c := mqtttest.Dial(t, s, connect3("", true))
	c.Ping()
}

func TestPaho3OfflineQueue(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect3("a", false))
	a.Subscribe("+/+", 2)
	a.Disconnect(packets.CodeSuccess)
	b := dial(t, s, connect3("b", true))
	for i, topic := range []string{"q/0", "q/1", "q/2"} {
		b.Publish(topic, "while away", byte(i), false)
	}
	a = dial(t, s, connect3("a", false))
	if !a.Connack.SessionPresent {
		t.Error("the session is gone")
	}
	a.await(2, 0)
	expect(t, "queued", a.settle(), `q/1 "while away" q1 rfalse`, `q/2 "while away" q2 rfalse`)
}

func TestPaho3OverlappingSubscriptions(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect3("a", true))
	a.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "o/#", QoS: 2}, packets.Subscription{Filter: "o/+", QoS: 1})
	a.publish(packets.Publish{Topic: "o/x", Payload: []byte("once"), QoS: 2})
	a.await(1, 1)
	expect(t, "overlapping", a.settle(), `o/x "once" q2 rfalse`) // [MQTT-3.3.4-2]
}

func TestPaho3KeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBroker(t)
		b := mqtttest.Dial(t, s, connect3("b", true))
		b.Subscribe("/wills", 2)
		pk := connect3("a", true)
		pk.KeepAlive = 5
		pk.WillFlag, pk.Will = true, packets.Will{Topic: "/wills", Payload: []byte("silence")}
		mqtttest.Dial(t, s, pk)
		start := time.Now()
		got := mqtttest.ExpectWithin[*packets.Publish](b, time.Minute)
		if after := time.Since(start); after != 7500*time.Millisecond || string(got.Payload) != "silence" { // [MQTT-3.1.2-22]
			t.Errorf("%q after %v", got.Payload, after)
		}
		b.Ping() // no second one
	})
}

// unanswered takes the two messages that a client sent itself and the answers
// to its own PUBLISHes, which may come between them or behind.
func unanswered(t *testing.T, c *mqtttest.Client) (first, second *packets.Publish) {
	t.Helper()
	var got []*packets.Publish
	var answers int
	for range 4 {
		switch pk := c.Receive().(type) {
		case *packets.Publish:
			got = append(got, pk)
		case *packets.Puback, *packets.Pubrec:
			answers++
		}
	}
	if len(got) != 2 || answers != 2 {
		t.Fatalf("%d messages and %d answers, want two of each", len(got), answers)
	}
	return got[0], got[1]
}

func TestPaho3RedeliveryOnReconnect(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	b := dial(t, s, connect3("b", false))
	b.Subscribe("r/#", 2)
	b.publish(packets.Publish{Topic: "r/1", QoS: 1}, packets.Publish{Topic: "r/2", QoS: 2})
	// It answers nothing, as a client that hangs.
	first, second := unanswered(t, b.Client)
	b.Disconnect(packets.CodeSuccess)

	b = dial(t, s, connect3("b", false))
	b.await(2, 0)
	got := b.settle()
	expect(t, "again", got, `r/1 "" q1 rfalse`, `r/2 "" q2 rfalse`)
	for i, id := range []uint16{first.PacketID, second.PacketID} {
		if !got[i].Dup || got[i].PacketID != id { // [MQTT-4.4.0-1] [MQTT-3.3.1-1]
			t.Errorf("message %d came again as %d, dup %t; was %d", i, got[i].PacketID, got[i].Dup, id)
		}
	}
}

func TestPaho3SubscribeFailure(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := mqtttest.Dial(t, s, connect3("a", true))
	codes := a.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: Unsubscribable, QoS: 2}, packets.Subscription{Filter: "other", QoS: 1})
	if codes[0] != 0x80 || codes[1] != 1 { // [MQTT-3.9.3-1]
		t.Errorf("codes %v", codes)
	}
}

func TestPaho3DollarTopics(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	b := dial(t, s, connect3("b", true))
	b.Subscribe("+/+", 2)
	b.Publish("$TopicA/B", "", 1, false) // [MQTT-4.7.2-1]
	expect(t, "through a wildcard", b.settle())
	b.Subscribe("$TopicA/B", 2)
	b.publish(packets.Publish{Topic: "$TopicA/B", QoS: 1})
	b.await(1, 1)
	expect(t, "by its name", b.settle(), `$TopicA/B "" q1 rfalse`)
}

func TestPaho3Unsubscribe(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	b := dial(t, s, connect3("b", true))
	for _, topic := range []string{"u/0", "u/1", "u/2"} {
		b.Subscribe(topic, 2)
	}
	b.Send(&packets.Unsubscribe{PacketID: 77, Filters: []string{"u/0"}})
	if ack := mqtttest.Expect[*packets.Unsuback](b.Client); ack.PacketID != 77 { // [MQTT-3.10.4-4]
		t.Errorf("UNSUBACK for %d", ack.PacketID)
	}
	a := mqtttest.Dial(t, s, connect3("a", true))
	for _, topic := range []string{"u/0", "u/1", "u/2"} {
		a.Publish(topic, "", 1, false)
	}
	expect(t, "what is left", b.settle(), `u/1 "" q1 rfalse`, `u/2 "" q1 rfalse`)
}
