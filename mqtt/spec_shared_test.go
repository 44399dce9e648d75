package mqtt_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
func TestShareNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter string
		want   packets.Code
	}{
		{"$share/g/a", packets.CodeGrantedQoS1},
		{"$share/g//", packets.CodeGrantedQoS1},
		{"$share/g/#", packets.CodeGrantedQoS1},
		{"$share/a name/$SYS/x", packets.CodeGrantedQoS1},
		{"$share//a", packets.ErrTopicFilterInvalid},
		{"$share/g", packets.ErrTopicFilterInvalid},
		{"$share/g/", packets.ErrTopicFilterInvalid},
		{"$share/", packets.ErrTopicFilterInvalid},
		{"$share", packets.CodeGrantedQoS1}, // no shared subscription, an ordinary filter
		{"$share/g+/a", packets.ErrTopicFilterInvalid},
		{"$share/+/a", packets.ErrTopicFilterInvalid},
		{"$share/#/a", packets.ErrTopicFilterInvalid},
		{"$share/g#/a", packets.ErrTopicFilterInvalid},
		{"$share/g/a#", packets.ErrTopicFilterInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				want := tt.want
				if v == packets.V311 && want.Failed() {
					want = packets.ErrUnspecified
				}
				c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(v, "c"))
				if got := c.Subscribe(tt.filter, 1); got != want {
					t.Errorf("SUBACK with 0x%02X, want 0x%02X", byte(got), byte(want))
				}
			})
		})
	}
}

// [MQTT-4.8.2-3]
// Each member gets messages with what was granted to it, and each group one copy.
func TestSharedDelivery(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		members := make([]*mqtttest.Client, 3)
		for granted := range members {
			members[granted] = mqtttest.Dial(t, s, passing(v, fmt.Sprint("m", granted)))
			members[granted].Subscribe("$share/g/t/+", byte(granted))
		}
		plain := mqtttest.Dial(t, s, passing(v, "plain"))
		plain.Subscribe("t/+", 0)
		other := mqtttest.Dial(t, s, passing(v, "other"))
		other.Subscribe("$share/other/t/+", 0)
		publishMany(t, pub, "t/x", "m", 6, 2)
		for granted, m := range members {
			for range 2 { // round robin
				if got := mqtttest.Expect[*packets.Publish](m); got.QoS != byte(granted) {
					t.Errorf("QoS %d to a member that was granted %d", got.QoS, granted)
				}
			}
			m.Ping()
		}
		for _, c := range []*mqtttest.Client{plain, other} {
			expectMessages(t, c, "m0", "m1", "m2", "m3", "m4", "m5")
		}
	})
}

func TestNoRetainedMessagesForSharedSubscriptions(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("t", "retained", 1, true)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("$share/g/t", 1)
		c.Ping()
		pub.Publish("t", "live", 1, true)
		expectMessages(t, c, "live")
	})
}

// shareOf publishes n messages to each of the topics by each of the publishers
// and tells who got what.
func shareOf(t *testing.T, strategy mqtt.ShareStrategy, v packets.Version) (byMember map[string]int, topics, publishers map[string]map[string]bool) {
	t.Helper()
	s := mqtttest.NewServerWith(t, &mqtt.Options{SharedStrategy: strategy})
	byMember, topics, publishers = map[string]int{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	members := map[string]*mqtttest.Client{}
	for i := range 4 {
		id := fmt.Sprint("member", i)
		members[id] = mqtttest.Dial(t, s, passing(v, id))
		members[id].Subscribe("$share/g/#", 0)
	}
	for p := range 8 {
		pub := mqtttest.Dial(t, s, passing(v, fmt.Sprint("pub", p)))
		for topic := range 8 {
			for range 5 {
				pub.Send(&packets.Publish{Topic: fmt.Sprint("t/", topic), Payload: []byte(fmt.Sprint("pub", p))})
			}
		}
		pub.Ping()
	}
	note := func(m map[string]map[string]bool, key, member string) {
		if m[key] == nil {
			m[key] = map[string]bool{}
		}
		m[key][member] = true
	}
	for id, c := range members {
		c.Send(&packets.Pingreq{})
		for {
			pk, ok := c.Receive().(*packets.Publish)
			if !ok {
				break
			}
			byMember[id]++
			note(topics, pk.Topic, id)
			note(publishers, string(pk.Payload), id)
		}
	}
	return byMember, topics, publishers
}

func TestShareStrategies(t *testing.T) {
	t.Parallel()
	most := func(m map[string]map[string]bool) (n int) {
		for _, members := range m {
			n = max(n, len(members))
		}
		return n
	}
	const all = 8 * 8 * 5
	tests := []struct {
		name     string
		strategy mqtt.ShareStrategy
		check    func(byMember map[string]int, membersOfTopic, membersOfPublisher int) bool
	}{
		{"RoundRobin", mqtt.RoundRobin, func(m map[string]int, _, _ int) bool {
			return m["member0"] == all/4 && m["member1"] == all/4 && m["member2"] == all/4
		}},
		{"Random", mqtt.Random, func(m map[string]int, _, _ int) bool {
			return len(m) == 4 && m["member0"] > all/16 && m["member3"] > all/16
		}},
		{"Sticky", mqtt.Sticky, func(m map[string]int, _, _ int) bool { return len(m) == 1 }},
		{"HashClient", mqtt.HashClient, func(m map[string]int, _, publisher int) bool { return len(m) > 1 && publisher == 1 }},
		{"HashTopic", mqtt.HashTopic, func(m map[string]int, topic, _ int) bool { return len(m) > 1 && topic == 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				byMember, topics, publishers := shareOf(t, tt.strategy, v)
				sum := 0
				for _, n := range byMember {
					sum += n
				}
				if sum != all || !tt.check(byMember, most(topics), most(publishers)) {
					t.Errorf("%d of %d messages; by member %v, members per topic %d, per publisher %d", sum, all, byMember, most(topics), most(publishers))
				}
			})
		})
	}
}

// sharing is a server with two members of a shared subscription and a publisher.
type sharing struct {
	server *mqtttest.Server
	over   ends
	a, b   *mqtttest.Client
	pub    *mqtttest.Client
}

// newSharing has "a" join first, who gets the first message of QoS 2.
func newSharing(t *testing.T, v packets.Version, a *packets.Connect) *sharing {
	t.Helper()
	over := make(ends, 100)
	x := &sharing{server: mqtttest.NewServerWith(t, &mqtt.Options{SharedStrategy: mqtt.Sticky, SysTopicResendInterval: -1}, over), over: over}
	x.a = mqtttest.Dial(t, x.server, a)
	x.a.Subscribe("$share/g/t", 2)
	x.b = mqtttest.Dial(t, x.server, lasting(v, "b"))
	x.b.Subscribe("$share/g/t", 2)
	x.pub = mqtttest.Dial(t, x.server, passing(v, "pub"))
	return x
}

// lose cuts a connection and waits until the server knows.
func (x *sharing) lose(c *mqtttest.Client) {
	c.Close()
	<-x.over
}

// [MQTT-4.8.2-4] [MQTT-4.8.2-5]
// When a member is lost, QoS 1 messages without PUBACK and what was not sent go
// to another one; begun QoS 2 flows wait for the member or end with its session.
func TestSharedRedelivery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a    func(v packets.Version) *packets.Connect
		back bool // the session of a is there when it comes back
	}{
		{"its session stays", func(v packets.Version) *packets.Connect { return withReceiveMaximum(lasting(v, "a"), 3) }, true},
		{"its session ends", func(v packets.Version) *packets.Connect { return withReceiveMaximum(passing(v, "a"), 3) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				x := newSharing(t, v, tt.a(v))
				x.pub.Publish("t", "one", 1, false)
				x.pub.Publish("t", "two", 2, false)
				x.pub.Publish("t", "three", 2, false)
				ids := expectSequence(t, x.a, "PUBLISH one", "PUBLISH two", "PUBLISH three")
				x.a.Send(&packets.Pubrec{PacketID: ids[2]})
				expectSequence(t, x.a, "PUBREL")
				want := []string{"one"}
				if v == packets.V5 { // its Receive Maximum is used up, so these wait
					x.pub.Publish("t", "four", 1, false)
					x.pub.Publish("t", "five", 2, false)
					x.a.Ping()
					want = append(want, "four", "five")
				}
				x.b.Ping()
				x.lose(x.a)
				got := receiveMessages(t, x.b, len(want))
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("the other member got %q, want %q", got, want)
				}
				x.b.Ping()
				back := tt.a(v)
				back.CleanStart = false
				x.a = mqtttest.Dial(t, x.server, back)
				if tt.back {
					expectSequence(t, x.a, "PUBLISH two dup", "PUBREL")
				}
				x.a.Ping()
				x.b.Ping()
			})
		})
	}
}

// [MQTT-4.8.2-5]
// A session that expires later takes its begun QoS 2 messages with it, too.
func TestSharedQoS2EndsWithTheExpiringSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := lasting(packets.V5, "a")
		a.Properties.SessionExpiryInterval = 10
		x := newSharing(t, packets.V5, a)
		x.pub.Publish("t", "begun", 2, false)
		expectPublish(t, x.a, "begun")
		x.lose(x.a)
		advance(20 * time.Second)
		synctest.Wait()
		x.b.Ping()
		if got := x.server.Stats().Dropped["session_ended"]; got != 1 {
			t.Errorf("%d messages were dropped with the session, want 1", got)
		}
	})
}

// While no member is connected, messages wait in the sessions of some.
func TestSharedMessagesWaitForMembers(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		x := newSharing(t, v, lasting(v, "a"))
		x.lose(x.b)
		x.lose(x.a)
		publishMany(t, x.pub, "t", "m", 4, 1)
		x.a = mqtttest.Dial(t, x.server, lasting(v, "a"))
		x.b = mqtttest.Dial(t, x.server, lasting(v, "b"))
		x.a.Send(&packets.Pingreq{})
		x.b.Send(&packets.Pingreq{})
		got := 0
		for _, c := range []*mqtttest.Client{x.a, x.b} {
			for {
				pk := c.Receive()
				if pk.Type() == packets.TypePingresp {
					break
				}
				got++
			}
		}
		if got != 4 {
			t.Errorf("%d messages arrived, want 4", got)
		}
	})
}

// [MQTT-4.8.2-6]
func TestRefusedSharedMessagesAreDropped(t *testing.T) {
	t.Parallel()
	x := newSharing(t, packets.V5, lasting(packets.V5, "a"))
	x.pub.Publish("t", "one", 1, false)
	x.pub.Publish("t", "two", 2, false)
	ids := expectSequence(t, x.a, "PUBLISH one", "PUBLISH two")
	x.a.Send(&packets.Puback{PacketID: ids[0], Code: packets.ErrUnspecified}, &packets.Pubrec{PacketID: ids[1], Code: packets.ErrQuotaExceeded})
	x.a.Ping()
	x.b.Ping()
	x.lose(x.a)
	x.b.Ping()
	if got := x.server.Stats().Dropped["refused"]; got != 2 {
		t.Errorf("%d messages count as refused, want 2", got)
	}
}

// Members come and go in the middle of a stream: each message reaches one of them.
func TestSharedStreamWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		b := mqtttest.Dial(t, s, lasting(v, "b"))
		b.Subscribe("$share/g/t", 1)
		const n = 3000
		published := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < n && err == nil; i++ {
				err = s.Publish("t", []byte(fmt.Sprint(i)), false, 1)
			}
			published <- err
		}()
		seen := map[string]bool{}
		for round := range 30 {
			a := mqtttest.Dial(t, s, passing(v, fmt.Sprint("a", round)))
			a.Send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "$share/g/t", QoS: 1}}}, &packets.Pingreq{})
			for open := true; open; {
				switch pk := a.Receive().(type) {
				case *packets.Publish:
					seen[string(pk.Payload)] = true
					a.Send(&packets.Puback{PacketID: pk.PacketID})
				case *packets.Pingresp:
					open = false
				}
			}
			a.Close()
		}
		if err := <-published; err != nil {
			t.Error(err)
		}
		for len(seen) < n {
			pk := mqtttest.Expect[*packets.Publish](b)
			b.Send(&packets.Puback{PacketID: pk.PacketID})
			seen[string(pk.Payload)] = true
		}
	})
}

// Nobody is left: the message is counted as dropped, and the publisher told so.
func TestSharedSubscriptionWithoutMembers(t *testing.T) {
	t.Parallel()
	x := newSharing(t, packets.V5, lasting(packets.V5, "a"))
	for _, c := range []*mqtttest.Client{x.a, x.b} {
		c.Send(&packets.Unsubscribe{PacketID: 9, Filters: []string{"$share/g/t"}})
		mqtttest.Expect[*packets.Unsuback](c)
	}
	x.pub.Send(&packets.Publish{Topic: "t", QoS: 1, PacketID: 1})
	if ack := mqtttest.Expect[*packets.Puback](x.pub); ack.Code != packets.CodeNoMatchingSubscribers {
		t.Errorf("PUBACK with %v", ack.Code)
	}
}
