package mqtt_test

import (
	"fmt"
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
