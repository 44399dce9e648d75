package interop

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The scenarios of the suite for MQTT 5.0 that are about messages and
// subscriptions; paho_v5_session_test.go and paho_v5_limits_test.go have the
// others, 27 in all.

func TestPaho5Basic(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect5("a", true))
	a.Subscribe("letters/a", 2)
	for qos := range byte(3) {
		a.publish(packets.Publish{Topic: "letters/a", Payload: []byte{'0' + qos}, QoS: qos})
	}
	a.await(3, 2)
	expect(t, "own messages", a.settle(), `letters/a "0" q0 rfalse`, `letters/a "1" q1 rfalse`, `letters/a "2" q2 rfalse`)

	again := mqtttest.Dial(t, s, connect5("b", true))
	again.Send(connect5("b", true)) // [MQTT-3.1.0-2]
	again.ExpectDisconnect(packets.ErrProtocolError)

	stranger := mqtttest.NewClient(t, s.Conn(t), packets.V5)
	stranger.Write([]byte{0x10, 15, 0, 2, 'h', 'j', 5, 2, 0, 60, 0, 0, 4, 'n', 'o', 'b', 'y'}) // [MQTT-3.1.2-1]
	stranger.ExpectClosed()
}

// pairs are the User Properties that travel in these tests.
var pairs = []packets.UserProperty{{Key: "a", Value: "2"}, {Key: "c", Value: "3"}, {Key: "a", Value: "1"}}

func TestPaho5RetainedMessages(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect5("a", true))
	for qos := range byte(3) {
		a.publish(packets.Publish{
			Topic: fmt.Sprint("house/", qos), Payload: []byte("kept"), QoS: qos, Retain: true,
			Properties: packets.Properties{User: pairs},
		})
	}
	a.await(0, 2)
	a.Subscribe("+/+", 2)
	a.await(3, 2)
	got := a.settle()
	expect(t, "retained", got, `house/0 "kept" q0 rtrue`, `house/1 "kept" q1 rtrue`, `house/2 "kept" q2 rtrue`)
	for _, m := range got {
		if !slices.Equal(m.Properties.User, pairs) { // [MQTT-3.3.2-17] [MQTT-3.3.2-18]
			t.Errorf("%s: user properties %v", m.Topic, m.Properties.User)
		}
	}
}

func TestPaho5OverlappingSubscriptions(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect5("a", true))
	a.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "o/#", QoS: 2}, packets.Subscription{Filter: "o/+", QoS: 1})
	a.publish(packets.Publish{Topic: "o/x", Payload: []byte("once"), QoS: 2})
	a.await(1, 1)
	expect(t, "overlapping", a.settle(), `o/x "once" q2 rfalse`) // [MQTT-3.3.4-2]
}

func TestPaho5SubscribeFailure(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := mqtttest.Dial(t, s, connect5("a", true))
	codes := a.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: Unsubscribable, QoS: 2}, packets.Subscription{Filter: "other", QoS: 1})
	if codes[0] != packets.ErrUnspecified || codes[1] != packets.CodeGrantedQoS1 { // [MQTT-3.9.3-1]
		t.Errorf("codes %v", codes)
	}
}

func TestPaho5DollarTopics(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	b := dial(t, s, connect5("b", true))
	b.Subscribe("+/+", 2)
	b.Publish("$TopicA/B", "", 1, false) // [MQTT-4.7.2-1]
	expect(t, "through a wildcard", b.settle())
}

func TestPaho5Unsubscribe(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	b := dial(t, s, connect5("b", true))
	for _, topic := range []string{"u/0", "u/1", "u/2"} {
		b.Subscribe(topic, 2)
	}
	b.Send(&packets.Unsubscribe{PacketID: 77, Filters: []string{"u/0", "u/none"}})
	ack := mqtttest.Expect[*packets.Unsuback](b.Client) // [MQTT-3.10.4-4] [MQTT-3.11.3-1]
	if want := []packets.Code{packets.CodeSuccess, packets.CodeNoSubscriptionExisted}; ack.PacketID != 77 || !slices.Equal(ack.Codes, want) {
		t.Errorf("UNSUBACK %+v", ack)
	}
	a := mqtttest.Dial(t, s, connect5("a", true))
	for _, topic := range []string{"u/0", "u/1", "u/2"} {
		a.Publish(topic, "", 1, false)
	}
	expect(t, "what is left", b.settle(), `u/1 "" q1 rfalse`, `u/2 "" q1 rfalse`)
}

func TestPaho5PropertiesTravel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		sent  packets.Properties
		holds func(p *packets.Properties) bool
	}{
		{
			"user properties in order",
			packets.Properties{User: pairs},
			func(p *packets.Properties) bool { return slices.Equal(p.User, pairs) },
		}, // [MQTT-3.3.2-18]
		{
			"payload format and content type",
			packets.Properties{PayloadFormatIndicator: 1, ContentType: "a name"},
			func(p *packets.Properties) bool { return p.PayloadFormatIndicator == 1 && p.ContentType == "a name" },
		}, // [MQTT-3.3.2-4] [MQTT-3.3.2-20]
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newBroker(t)
			a := dial(t, s, connect5("a", true))
			a.Subscribe("p", 2)
			for qos := range byte(3) {
				a.publish(packets.Publish{Topic: "p", QoS: qos, Properties: tt.sent})
			}
			a.await(3, 2)
			for _, m := range a.settle() {
				if !tt.holds(&m.Properties) {
					t.Errorf("QoS %d came with %+v", m.QoS, m.Properties)
				}
			}
		})
	}
}

func TestPaho5PublicationExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBroker(t)
		persistent := connect5("b", true)
		persistent.Properties.SessionExpiryInterval = 99999
		b := dial(t, s, persistent)
		b.Subscribe("e", 2)
		b.Send(&packets.Disconnect{Properties: packets.Properties{SessionExpiryInterval: 999999999}})
		b.ExpectClosed()

		a := dial(t, s, connect5("a", true))
		for _, seconds := range []uint32{1, 6} {
			for qos := byte(1); qos < 3; qos++ {
				a.publish(packets.Publish{
					Topic: "e", Payload: fmt.Append(nil, seconds, "s"), QoS: qos,
					Properties: packets.Properties{MessageExpiryInterval: seconds},
				})
			}
		}
		a.await(0, 4)
		<-time.After(3 * time.Second) // on the clock of the bubble
		resumed := connect5("b", false)
		resumed.Properties.SessionExpiryInterval = 99999
		b = dial(t, s, resumed)
		b.await(2, 0)
		got := b.settle()
		expect(t, "not expired", got, `e "6s" q1 rfalse`, `e "6s" q2 rfalse`) // [MQTT-3.3.2-5]
		for _, m := range got {
			if m.Properties.MessageExpiryInterval != 3 { // [MQTT-3.3.2-6]
				t.Errorf("expiry of %d s left, want 3", m.Properties.MessageExpiryInterval)
			}
		}
	})
}

func TestPaho5NoLocal(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a, b := dial(t, s, connect5("a", true)), dial(t, s, connect5("b", true))
	for _, p := range []*peer{a, b} {
		p.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "n", QoS: 2, NoLocal: true})
	}
	a.Publish("n", "hello", 1, false)
	expect(t, "the publisher", a.settle()) // [MQTT-3.8.3-3]
	expect(t, "the other", b.settle(), `n "hello" q1 rfalse`)
}

func TestPaho5RetainAsPublished(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := dial(t, s, connect5("a", true))
	a.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "r", QoS: 2, RetainAsPublished: true})
	a.publish(packets.Publish{Topic: "r", QoS: 1, Payload: []byte("plain")}, packets.Publish{Topic: "r", QoS: 1, Retain: true, Payload: []byte("kept")})
	a.await(2, 2)
	expect(t, "as published", a.settle(), `r "plain" q1 rfalse`, `r "kept" q1 rtrue`) // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
}

func TestPaho5RetainHandling(t *testing.T) {
	t.Parallel()
	all := []string{`h/0 "x" q0 rtrue`, `h/1 "x" q1 rtrue`, `h/2 "x" q2 rtrue`}
	tests := []struct {
		name          string
		handling      byte
		first, second []string
	}{
		{"always", 0, all, all},              // [MQTT-3.3.1-9]
		{"if it did not exist", 1, all, nil}, // [MQTT-3.3.1-10]
		{"never", 2, nil, nil},               // [MQTT-3.3.1-11]
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newBroker(t)
			a := dial(t, s, connect5("a", true))
			for qos := range byte(3) {
				a.Publish(fmt.Sprint("h/", qos), "x", qos, true)
			}
			for _, want := range [][]string{tt.first, tt.second} {
				a.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "+/+", QoS: 2, RetainHandling: tt.handling})
				expect(t, "retained", a.settle(), want...)
			}
		})
	}
}

func TestPaho5SubscriptionIdentifiers(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a, b := dial(t, s, connect5("a", true)), dial(t, s, connect5("b", true))
	a.SubscribeWith(packets.Properties{SubscriptionIDs: []uint32{456789}}, packets.Subscription{Filter: "i", QoS: 2})
	b.SubscribeWith(packets.Properties{SubscriptionIDs: []uint32{2}}, packets.Subscription{Filter: "i", QoS: 2})
	b.SubscribeWith(packets.Properties{SubscriptionIDs: []uint32{3}}, packets.Subscription{Filter: "i/#", QoS: 2})
	b.publish(packets.Publish{Topic: "i", QoS: 1})
	a.await(1, 0)
	b.await(1, 1)
	for _, tt := range []struct {
		p    *peer
		want []uint32
	}{{a, []uint32{456789}}, {b, []uint32{2, 3}}} { // [MQTT-3.3.4-3] [MQTT-3.3.4-4]
		got := tt.p.settle()
		expect(t, "the message", got, `i "" q1 rfalse`)
		if ids := slices.Sorted(slices.Values(got[0].Properties.SubscriptionIDs)); !slices.Equal(ids, tt.want) {
			t.Errorf("subscription identifiers %v, want %v", ids, tt.want)
		}
	}
}

func TestPaho5RequestResponse(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a, b := dial(t, s, connect5("a", true)), dial(t, s, connect5("b", true))
	for _, p := range []*peer{a, b} {
		p.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "rr", QoS: 2, NoLocal: true})
	}
	a.publish(packets.Publish{
		Topic: "rr", Payload: []byte("request"), QoS: 1,
		Properties: packets.Properties{ResponseTopic: "rr", CorrelationData: []byte("334")},
	})
	b.await(1, 0)
	request := b.settle()[0]
	if p := request.Properties; p.ResponseTopic != "rr" || string(p.CorrelationData) != "334" { // [MQTT-3.3.2-15] [MQTT-3.3.2-16]
		t.Fatalf("request with %+v", p)
	}
	b.publish(packets.Publish{Topic: request.Properties.ResponseTopic, Payload: []byte("response"), QoS: 1, Properties: request.Properties})
	a.await(1, 1)
	expect(t, "answer", a.settle(), `rr "response" q1 rfalse`)
}

func TestPaho5SharedSubscriptions(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a, b := dial(t, s, connect5("a", true)), dial(t, s, connect5("b", true))
	for _, p := range []*peer{a, b} {
		p.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "$share/name/jobs", QoS: 2}, packets.Subscription{Filter: "news", QoS: 2})
	}
	b.publish(packets.Publish{Topic: "news"}, packets.Publish{Topic: "jobs"})
	b.settle()
	var got []*packets.Publish
	b.publish(packets.Publish{Topic: "jobs", Payload: []byte("once")})
	got = append(b.settle(), a.settle()...)
	jobs := slices.DeleteFunc(got, func(m *packets.Publish) bool { return string(m.Payload) != "once" })
	expect(t, "shared", jobs, `jobs "once" q0 rfalse`) // [MQTT-4.8.2-4]
}
