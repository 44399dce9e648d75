package mqtt_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// One wildcard subscription gets every one of 100,000 retained messages, or
// what replaced it in the meantime, however small its window.
func TestManyRetainedMessages(t *testing.T) {
	t.Parallel()
	const n = 100_000
	s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{
		MaximumInflight: 20, MaximumClientWritesPending: 256 << 10, MaximumQueueMessages: n,
	}})
	topic := func(i int) string { return fmt.Sprint("r/", i%100, "/", i) }
	for i := range n {
		if err := s.Publish(topic(i), []byte("old"), true, 1); err != nil {
			t.Fatal(err)
		}
	}
	round := 0
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		for qos := range byte(2) {
			round++
			value := fmt.Sprint("new ", round)
			c := mqtttest.Dial(t, s, withReceiveMaximum(passing(v, fmt.Sprint(v, qos)), 10))
			replaced := make(chan error, 1)
			go func() {
				var err error
				for i := 0; i < n && err == nil; i += 97 {
					err = s.Publish(topic(i), []byte(value), true, 1)
				}
				replaced <- err
			}()
			c.Send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "r/#", QoS: qos}}})
			last := make(map[string]string, n)
			missing := n
			for missing > 0 {
				pk, ok := c.Receive().(*packets.Publish)
				if !ok {
					continue // SUBACK
				}
				if pk.QoS != qos {
					t.Fatalf("QoS %d, want %d", pk.QoS, qos)
				}
				if qos == 1 {
					c.Send(&packets.Puback{PacketID: pk.PacketID})
				}
				if last[pk.Topic] == "" {
					missing--
				}
				last[pk.Topic] = string(pk.Payload)
			}
			if err := <-replaced; err != nil {
				t.Fatal(err)
			}
			c.Send(&packets.Pingreq{})
			for {
				pk, ok := c.Receive().(*packets.Publish)
				if !ok {
					break
				}
				if qos == 1 {
					c.Send(&packets.Puback{PacketID: pk.PacketID})
				}
				last[pk.Topic] = string(pk.Payload)
			}
			for i := 0; i < n; i += 97 {
				if got := last[topic(i)]; got != value {
					t.Fatalf("%s, QoS %d: the last message of %s is %q, want %q", v, qos, topic(i), got, value)
				}
			}
			c.Disconnect(packets.CodeSuccess)
		}
	}
}

// subscribeAmid is a hook that makes a subscription for client "c" while a
// PUBLISH is handled.
type subscribeAmid struct {
	server *mqtt.Server
}

func (h *subscribeAmid) Attach(s *mqtt.Server) { h.server = s }

func (h *subscribeAmid) OnPublish(_ *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if string(pk.Payload) != "new" {
		return pk, nil
	}
	c, ok := h.server.Client("c")
	if !ok {
		return pk, packets.ErrUnspecified
	}
	return pk, h.server.InjectPacket(c, &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t", QoS: 1}}})
}

// A retained message that is stored in the moment of a SUBSCRIBE arrives: as
// retained message or as a live one.
func TestRetainedAtTheMomentOfSubscribe(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, new(subscribeAmid))
		c := mqtttest.Dial(t, s, passing(v, "c"))
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("t", "old", 1, true)
		pub.Publish("t", "new", 1, true)
		c.Send(&packets.Pingreq{})
		last := ""
		for open := true; open; {
			switch pk := c.Receive().(type) {
			case *packets.Publish:
				last = string(pk.Payload)
			case *packets.Pingresp:
				open = false
			}
		}
		if last != "new" {
			t.Errorf("the last message is %q, want the new one", last)
		}
	})
}

// [MQTT-3.3.1-9] [MQTT-3.3.1-10]
// A message that is stored at the moment of a SUBSCRIBE was there before it, or
// comes after it: it is sent once, also where the subscription is made between
// storing and routing it. A subscription that was there before gets it as ever.
func TestRetainedStoredWhileSubscribing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		handling byte
		retained bool // it comes as a retained message, else as a new one
	}{
		{"retained messages are asked for", 0, true},
		{"retained messages are asked for if the subscription is new", 1, true},
		{"no retained messages are asked for", 2, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for qos := range byte(3) {
				stored, goOn := make(chan struct{}), make(chan struct{})
				s := newServer(t, fnRetain(func(*mqtt.Client, *packets.Publish, int64) {
					close(stored)
					<-goOn
				}))
				before := mqtttest.Dial(t, s, passing(packets.V5, "before"))
				before.Subscribe("a/+", 2)
				both := mqtttest.Dial(t, s, passing(packets.V5, "both"))
				both.SubscribeWith(packets.Properties{SubscriptionIDs: []uint32{1}}, packets.Subscription{Filter: "a/#", QoS: 2})
				during := mqtttest.Dial(t, s, passing(packets.V5, "during"))
				pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
				pub.Send(&packets.Publish{Topic: "a/b", Payload: []byte("x"), QoS: qos, Retain: true, PacketID: min(uint16(qos), 1)})
				<-stored
				sub := packets.Subscription{Filter: "a/b", QoS: 2, RetainHandling: tt.handling}
				during.SubscribeWith(packets.Properties{}, sub)
				both.SubscribeWith(packets.Properties{SubscriptionIDs: []uint32{2}}, sub)
				if tt.retained {
					if pk := during.Message(); !pk.Retain {
						t.Errorf("QoS %d: the message is not marked as retained", qos)
					}
					if pk := both.Message(); !pk.Retain || !slices.Equal(pk.Properties.SubscriptionIDs, []uint32{2}) {
						t.Errorf("QoS %d: with subscription identifiers %v, retain %v", qos, pk.Properties.SubscriptionIDs, pk.Retain)
					}
				}
				close(goOn)
				want := []uint32{1}
				if !tt.retained {
					expectMessages(t, during, "x")
					want = []uint32{1, 2}
				}
				if pk := both.Message(); pk.Retain || !slices.Equal(slices.Sorted(slices.Values(pk.Properties.SubscriptionIDs)), want) {
					t.Errorf("QoS %d: with subscription identifiers %v, retain %v", qos, pk.Properties.SubscriptionIDs, pk.Retain)
				}
				expectMessages(t, before, "x")
				both.Ping()
				during.Ping()
			}
		})
	}
}
