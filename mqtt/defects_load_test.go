package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Defects about slow clients, many clients and who gets what.

func TestASlowClientLosesNothingItWasPromisedAndStallsNobody(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumClientWritesPending: 8 << 10}})
		slow := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "slow", CleanStart: true})
		slow.Subscribe("t", 1)
		quick := mqtttest.Dial(t, s, mqtttest.Connect("quick"))
		quick.Subscribe("t", 1)
		const n = 800
		payload := make([]byte, 4096)
		for i := range n { // slow reads nothing meanwhile
			if err := s.Publish("t", append(fmt.Append(nil, i, " "), payload...), false, 1); err != nil {
				t.Fatal(err)
			}
			var got int
			if m := quick.Message(); !scan(m, &got) || got != i {
				t.Fatalf("the quick one got %d as message %d", got, i)
			}
		}
		for i, m := range receive(slow, n) {
			var got int
			if !scan(m, &got) || got != i {
				t.Fatalf("the slow one got %d as message %d", got, i)
			}
		}
		quick.Ping()
		if st := s.Stats(); st.MessagesDropped != 0 || st.Inflight != 0 || st.Queued != 0 {
			t.Errorf("%d dropped, %d in flight, %d queued", st.MessagesDropped, st.Inflight, st.Queued)
		}
	})
}

func scan(m *packets.Publish, n *int) bool {
	_, err := fmt.Sscan(string(m.Payload[:8]), n)
	return err == nil
}

func TestANewSubscriptionSendsRetainedToTheNewSubscriberOnly(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		publish(t, s, "a/1", "x", 1, true)
		publish(t, s, "b/1", "x", 1, true)
		old := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "old", CleanStart: true})
		old.Subscribe("#", 1)
		old.Message()
		old.Message()
		for i := range 3 {
			c := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: fmt.Sprint("new", i), CleanStart: true})
			c.Subscribe("a/#", 1)
			if got := c.Message(); got.Topic != "a/1" || !got.Retain {
				t.Errorf("got %+v", got)
			}
			c.Ping()
		}
		old.Ping()
		old.Subscribe("b/+", 1) // for the new filter only
		if got := old.Message(); got.Topic != "b/1" {
			t.Errorf("got %+v", got)
		}
		old.Ping()
	})
}

func TestFiltersMatchByLevels(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter, topic string
		want          bool
	}{
		{"a/#", "a", true}, // [MQTT-4.7.1-1]
		{"a/#", "a/", true},
		{"a/#", "a/b/c", true},
		{"a/#", "ab", false},
		{"hello/world", "hello/world", true},
		{"hello/world", "hello/world/deeper", false},
		{"hello/world", "hello/worldly", false},
		{"hello/+", "hello/world/deeper", false},
		{"hello/+", "hello/", true},
		{"+", "hello/world", false},
		{"/a", "a", false}, // [MQTT-4.7.3-1]
		{"a", "/a", false},
		{"/+", "/a", true},
		{"+/+", "/a", true},
		{"a//b", "a/b", false},
		{"a/b", "a//b", false},
		{"A", "a", false},
	}
	for _, tt := range tests {
		t.Run(tt.filter+" and "+tt.topic, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			c.Subscribe(tt.filter, 0)
			publish(t, s, tt.topic, "x", 0, false)
			if tt.want {
				c.Message()
			}
			c.Ping()
			publish(t, s, tt.topic, "x", 0, true) // retained messages are matched alike
			if tt.want {
				c.Message()
			}
			late := mqtttest.Dial(t, s, mqtttest.Connect("late"))
			late.Subscribe(tt.filter, 0)
			if tt.want {
				late.Message()
			}
			late.Ping()
		})
	}
}

func TestQoSIsLoweredToWhatWasGranted(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		for published := range byte(3) {
			for granted := range byte(3) {
				c := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "c", CleanStart: true})
				if code := c.Subscribe("t", granted); byte(code) != granted {
					t.Fatalf("granted %v", code)
				}
				publish(t, s, "t", "x", published, false)
				if got := c.Message(); got.QoS != min(published, granted) { // [MQTT-3.8.4-8]
					t.Errorf("published %d, granted %d, got %d", published, granted, got.QoS)
				}
				c.Disconnect(packets.CodeSuccess)
			}
		}
	})
}

// TestSubscribingUnderLoadDoesNotDeadlock has clients that subscribe,
// unsubscribe and publish to each other while some of them read nothing.
func TestSubscribingUnderLoadDoesNotDeadlock(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumClientWritesPending: 4 << 10}})
	for i := range 4 {
		c := mqtttest.Dial(t, s, mqtttest.Connect(fmt.Sprint("deaf", i)))
		c.Subscribe("#", byte(i%3))
	}
	t.Run("clients", func(t *testing.T) { // ends when all of them have
		for i := range 8 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				busy(mqtttest.Dial(t, s, mqtttest.Connect(fmt.Sprint("busy", i))), i, 60)
			})
		}
	})
}

// busy works through rounds of subscribing and publishing, and reads whatever
// comes until the answers have come.
func busy(c *mqtttest.Client, seed, rounds int) {
	for r := range rounds {
		filter := fmt.Sprintf("load/%d/#", (seed+r)%8)
		c.Send(&packets.Subscribe{PacketID: c.PacketID(), Subscriptions: []packets.Subscription{{Filter: filter, QoS: byte(r % 3)}}},
			&packets.Publish{Topic: fmt.Sprintf("load/%d/x", (seed*r)%8), Payload: make([]byte, 1024), QoS: 1, PacketID: c.PacketID(), Retain: r%5 == 0},
			&packets.Unsubscribe{PacketID: c.PacketID(), Filters: []string{filter}},
			&packets.Pingreq{})
		for answered := false; !answered; {
			switch pk := c.Receive().(type) {
			case *packets.Publish:
				switch pk.QoS {
				case 1:
					c.Send(&packets.Puback{PacketID: pk.PacketID})
				case 2:
					c.Send(&packets.Pubrec{PacketID: pk.PacketID})
				}
			case *packets.Pubrel:
				c.Send(&packets.Pubcomp{PacketID: pk.PacketID})
			case *packets.Pingresp:
				answered = true
			}
		}
	}
}

func TestPublishingFromGoTakesAnyBytes(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Subscribe("t", 0)
	payload := make([]byte, 256)
	for i := range payload {
		payload[i] = byte(i)
	}
	publish(t, s, "t", string(payload), 0, false)
	if got := c.Message(); string(got.Payload) != string(payload) {
		t.Errorf("got %q", got.Payload)
	}
}
