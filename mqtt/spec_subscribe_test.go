package mqtt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-3.8.3-2] [MQTT-3.8.3-5] [MQTT311-3.8.3-4] [MQTT-3.10.3-2]
// [MQTT-3.8.3-1] [MQTT-3.10.3-1]
func TestMalformedSubscribeAndUnsubscribe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		v311, v5 []byte
		code     packets.Code
	}{
		{"SUBSCRIBE without a filter", []byte{0x82, 2, 0, 1}, []byte{0x82, 3, 0, 1, 0}, packets.ErrProtocolError},
		{"UNSUBSCRIBE without a filter", []byte{0xA2, 2, 0, 1}, []byte{0xA2, 3, 0, 1, 0}, packets.ErrProtocolError},
		{"QoS 3", []byte{0x82, 6, 0, 1, 0, 1, 'a', 3}, []byte{0x82, 7, 0, 1, 0, 0, 1, 'a', 3}, packets.ErrProtocolError},
		{"reserved bit 6", []byte{0x82, 6, 0, 1, 0, 1, 'a', 0x40}, []byte{0x82, 7, 0, 1, 0, 0, 1, 'a', 0x40}, packets.ErrMalformedPacket},
		{"reserved bit 7", []byte{0x82, 6, 0, 1, 0, 1, 'a', 0x80}, []byte{0x82, 7, 0, 1, 0, 0, 1, 'a', 0x80}, packets.ErrMalformedPacket},
		{"bits of 5.0 in 3.1.1", []byte{0x82, 6, 0, 1, 0, 1, 'a', 0x04}, nil, packets.ErrMalformedPacket},
		{"Retain Handling 3", nil, []byte{0x82, 7, 0, 1, 0, 0, 1, 'a', 0x30}, packets.ErrProtocolError},
		{"filter is no UTF-8", []byte{0x82, 6, 0, 1, 0, 1, 0xFF, 0}, []byte{0x82, 7, 0, 1, 0, 0, 1, 0xFF, 0}, packets.ErrMalformedPacket},
		{"UNSUBSCRIBE, filter is no UTF-8", []byte{0xA2, 5, 0, 1, 0, 1, 0xFF}, []byte{0xA2, 6, 0, 1, 0, 0, 1, 0xFF}, packets.ErrMalformedPacket},
		{"UNSUBSCRIBE, filter ends early", []byte{0xA2, 5, 0, 1, 0, 2, 'a'}, []byte{0xA2, 6, 0, 1, 0, 0, 2, 'a'}, packets.ErrMalformedPacket},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for v, b := range map[packets.Version][]byte{packets.V311: tt.v311, packets.V5: tt.v5} {
				if b == nil {
					continue
				}
				c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(v, "c"))
				c.Write(b)
				expectFault(t, c, v, tt.code)
			}
		})
	}
}

// choosy is a hook that lets nobody subscribe to "forbidden" and grants at
// most QoS 1 for "limited".
var choosy = mqtt.HookFuncs{OnSubscribe: func(_ *mqtt.Client, sub packets.Subscription) packets.Code {
	switch sub.Filter {
	case "forbidden":
		return packets.ErrNotAuthorized
	case "limited":
		return packets.CodeGrantedQoS1
	}
	return packets.CodeGrantedQoS2
}}

// [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5]
// [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1]
// [MQTT-3.9.3-2] [MQTT311-3.9.3-2] [MQTT-2.2.1-6]
// One SUBACK with the SUBSCRIBE's identifier, one code per filter in their order.
func TestSuback(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, choosy)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		forbidden, invalid := packets.ErrNotAuthorized, packets.ErrTopicFilterInvalid
		if v == packets.V311 {
			forbidden, invalid = packets.ErrUnspecified, packets.ErrUnspecified
		}
		subs := []packets.Subscription{
			{Filter: "a", QoS: 2},
			{Filter: "forbidden", QoS: 2},
			{Filter: "limited", QoS: 2},
			{Filter: "b", QoS: 0},
			{Filter: "a#", QoS: 1},
			{Filter: "limited/no", QoS: 1},
			{Filter: "", QoS: 1},
		}
		want := []packets.Code{packets.CodeGrantedQoS2, forbidden, packets.CodeGrantedQoS1, packets.CodeSuccess, invalid, packets.CodeGrantedQoS1, invalid}
		for _, id := range []uint16{1, 65535, 300} {
			c.Send(&packets.Subscribe{PacketID: id, Subscriptions: subs})
			got := mqtttest.Expect[*packets.Suback](c)
			if got.PacketID != id || !slices.Equal(got.Codes, want) {
				t.Errorf("SUBACK %d with % X, want %d with % X", got.PacketID, got.Codes, id, want)
			}
		}
		c.Ping()
		for topic, receives := range map[string]bool{"a": true, "forbidden": false, "limited": true, "b": true} {
			c.Send(&packets.Publish{Topic: topic, Payload: []byte(topic)})
			if receives {
				expectPublish(t, c, topic)
			}
			c.Ping()
		}
	})
}

// [MQTT-3.9.3-2]
// Features that are switched off are refused by the code that says so.
func TestSubackOfUnavailableFeatures(t *testing.T) {
	t.Parallel()
	off := mqtt.Capabilities{WildcardSubAvailable: mqtt.Unavailable, SharedSubAvailable: mqtt.Unavailable, MaximumQos: 1}
	tests := []struct {
		filter string
		v5     packets.Code
		v311   packets.Code
	}{
		{"plain", packets.CodeGrantedQoS1, packets.CodeGrantedQoS1},
		{"a/+", packets.ErrWildcardSubscriptionsNotSupported, packets.ErrUnspecified}, // [MQTT311-3.8.3-2]
		{"#", packets.ErrWildcardSubscriptionsNotSupported, packets.ErrUnspecified},
		{"$share/g/a", packets.ErrSharedSubscriptionsNotSupported, packets.ErrUnspecified},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				c := mqtttest.Dial(t, mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: off}), passing(v, "c"))
				want := tt.v5
				if v == packets.V311 {
					want = tt.v311
				}
				if got := c.Subscribe(tt.filter, 2); got != want {
					t.Errorf("SUBACK with 0x%02X, want 0x%02X", byte(got), byte(want))
				}
			})
		})
	}
}

// [MQTT-3.8.3-3]
func TestNoLocal(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	other := mqtttest.Dial(t, s, passing(packets.V5, "other"))
	c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "t", QoS: 2, NoLocal: true})
	for qos := range byte(3) {
		c.Publish("t", "own", qos, false)
		c.Ping()
		other.Publish("t", "foreign", qos, false)
		expectMessages(t, c, "foreign")
	}
	c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "t", QoS: 0}) // without No Local
	c.Send(&packets.Publish{Topic: "t", Payload: []byte("own again")})
	expectMessages(t, c, "own again")
}

// [MQTT-3.8.3-4]
func TestNoLocalOnSharedSubscription(t *testing.T) {
	t.Parallel()
	c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(packets.V5, "c"))
	c.Send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "a"}, {Filter: "$share/g/a", NoLocal: true}}})
	c.ExpectDisconnect(packets.ErrProtocolError)
}

// [MQTT-3.8.4-3] [MQTT-3.8.4-4] [MQTT311-3.8.4-3]
// Subscribing again replaces the subscription: messages come once, with the new
// QoS and identifier, and the retained message comes again.
func TestSubscribingAgainReplaces(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("t/kept", "retained", 1, true)
		for i, qos := range []byte{0, 2, 1} {
			props := packets.Properties{}
			if v == packets.V5 {
				props.SubscriptionIDs = []uint32{uint32(i + 1)}
			}
			c.SubscribeWith(props, packets.Subscription{Filter: "t/+", QoS: qos})
			if got := c.Message(); !got.Retain || got.QoS != min(qos, 1) {
				t.Errorf("retained message came with QoS %d, RETAIN %v", got.QoS, got.Retain)
			}
			pub.Publish("t/x", "once", 2, false)
			got := c.Message()
			if got.QoS != qos || string(got.Payload) != "once" {
				t.Errorf("got %q with QoS %d, want QoS %d", got.Payload, got.QoS, qos)
			}
			if v == packets.V5 && !slices.Equal(got.Properties.SubscriptionIDs, props.SubscriptionIDs) {
				t.Errorf("Subscription Identifiers %v, want %v", got.Properties.SubscriptionIDs, props.SubscriptionIDs)
			}
			c.Ping() // not twice
		}
	})
}

// [MQTT-3.8.4-4]
// Retain Handling decides anew at each SUBSCRIBE whether retained messages come.
func TestRetainHandlingOnReplacing(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
	pub.Publish("t", "retained", 1, true)
	for handling, want := range [][2]bool{{true, true}, {true, false}, {false, false}} {
		c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
		for round, comes := range want {
			c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "t", QoS: 1, RetainHandling: byte(handling)})
			if comes {
				expectMessages(t, c, "retained")
			}
			c.Ping()
			if t.Failed() {
				t.Fatalf("Retain Handling %d, SUBSCRIBE %d", handling, round+1)
			}
		}
	}
}

// [MQTT-3.8.4-4] [MQTT311-3.8.4-3]
// While a client subscribes again and again, no message is lost.
func TestReplacingLosesNothing(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 1)
		const n = 300
		done := make(chan error, 1)
		go func() {
			defer close(done)
			for i := range n {
				if err := s.Publish("t", []byte{byte(i), byte(i >> 8)}, false, 1); err != nil {
					done <- err
				}
			}
		}()
		for got, acked := 0, 0; got < n; {
			if acked <= got/3 {
				c.Send(&packets.Subscribe{PacketID: 7, Subscriptions: []packets.Subscription{{Filter: "t", QoS: 1}}})
				acked++
			}
			switch pk := c.Receive().(type) {
			case *packets.Publish:
				if i := int(pk.Payload[0]) | int(pk.Payload[1])<<8; i != got {
					t.Fatalf("message %d came, want %d", i, got)
				}
				c.Send(&packets.Puback{PacketID: pk.PacketID})
				got++
			case *packets.Suback:
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// [MQTT-3.8.4-8]
func TestQoSIsTheLowerOfPublishedAndGranted(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		for granted := range byte(3) {
			c := mqtttest.Dial(t, s, passing(v, "c"))
			c.Subscribe("t", granted)
			for published := range byte(3) {
				pub.Publish("t", "x", published, false)
				if got := c.Message(); got.QoS != min(granted, published) {
					t.Errorf("granted %d, published %d: delivered with QoS %d", granted, published, got.QoS)
				}
			}
			c.Disconnect(packets.CodeSuccess)
		}
	})
}

// [MQTT-3.8.4-8]
// Overlapping subscriptions deliver once, with the highest QoS.
func TestOverlappingSubscriptions(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "a/+", QoS: 0}, packets.Subscription{Filter: "#", QoS: 2}, packets.Subscription{Filter: "a/b", QoS: 1})
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("a/b", "x", 2, false)
		if got := c.Message(); got.QoS != 2 {
			t.Errorf("delivered with QoS %d, want 2", got.QoS)
		}
		c.Ping()
	})
}

// [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4]
// [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1]
// [MQTT-3.11.3-2] [MQTT-2.2.1-6]
func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		for _, f := range []string{"a/b", "a/+", "A/b", "c", "$share/g/d"} {
			c.Subscribe(f, 1)
		}
		unsubscribe := func(id uint16, filters []string, want ...packets.Code) {
			t.Helper()
			c.Send(&packets.Unsubscribe{PacketID: id, Filters: filters})
			got := mqtttest.Expect[*packets.Unsuback](c)
			if got.PacketID != id || v == packets.V5 && !slices.Equal(got.Codes, want) {
				t.Errorf("UNSUBACK %d with % X, want %d with % X", got.PacketID, got.Codes, id, want)
			}
		}
		hears := func(topic string, want bool) {
			t.Helper()
			c.Send(&packets.Publish{Topic: topic, Payload: []byte(topic)})
			if want {
				expectPublish(t, c, topic)
			}
			c.Ping()
		}
		const none, gone = packets.CodeNoSubscriptionExisted, packets.CodeSuccess
		unsubscribe(7, []string{"a/#", "a/b/", "#"}, none, none, none)
		hears("a/b", true)
		unsubscribe(65535, []string{"x", "a/b", "a#", "a/+", "a/b", "$share/g/d", "d"}, none, gone, packets.ErrTopicFilterInvalid, gone, none, gone, none)
		hears("a/b", false)
		hears("d", false)
		hears("A/b", true)
		hears("c", true)
	})
}

// [MQTT-3.10.4-3]
// Deliveries that have begun go on after UNSUBSCRIBE, also on a new connection.
func TestUnsubscribeCompletesWhatHasBegun(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("t", "one", 1, false)
		pub.Publish("t", "two", 2, false)
		first, second := expectPublish(t, c, "one"), expectPublish(t, c, "two")
		c.Send(&packets.Unsubscribe{PacketID: 1, Filters: []string{"t"}})
		mqtttest.Expect[*packets.Unsuback](c)
		c.Send(&packets.Puback{PacketID: first.PacketID}, &packets.Pubrec{PacketID: second.PacketID})
		if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != second.PacketID || rel.Code != packets.CodeSuccess {
			t.Errorf("PUBREL %d with %v, want %d", rel.PacketID, rel.Code, second.PacketID)
		}
		c.Close()
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != second.PacketID {
			t.Errorf("PUBREL %d sent again, want %d", rel.PacketID, second.PacketID)
		}
		pub.Publish("t", "after", 1, false)
		c.Ping()
	})
}

func TestReasonStringsOfSuback(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, choosy)
	for _, quiet := range []bool{false, true} {
		connect := passing(packets.V5, "c")
		if quiet {
			connect.Properties.Set(packets.PropRequestProblemInformation) // and zero
		}
		c := mqtttest.Dial(t, s, connect)
		c.Send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "a#"}}})
		reason := mqtttest.Expect[*packets.Suback](c).Properties.ReasonString
		if got := strings.HasPrefix(reason, "a#: "); got == quiet {
			t.Errorf("Request Problem Information %v, Reason String %q", !quiet, reason)
		}
		c.Disconnect(packets.CodeSuccess)
	}
}
