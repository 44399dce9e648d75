package mqtt_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-4.5.0-1]
// Every session with a matching subscription gets the message, connected or not.
func TestEveryMatchingSessionGetsTheMessage(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		over := make(ends, 20)
		s := mqtttest.NewServer(t, over)
		filters := []string{"a/b", "a/+", "a/#", "#", "+/b", "+/+", "a/b/#"}
		online := make([]*mqtttest.Client, len(filters))
		for i, f := range filters {
			online[i] = mqtttest.Dial(t, s, passing(v, fmt.Sprint("on", i)))
			online[i].Subscribe(f, 1)
			offline := mqtttest.Dial(t, s, lasting(v, fmt.Sprint("off", i)))
			offline.Subscribe(f, 1)
			offline.Close()
			<-over
		}
		not := mqtttest.Dial(t, s, passing(v, "not"))
		not.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "a", QoS: 1}, packets.Subscription{Filter: "a/b/+", QoS: 1}, packets.Subscription{Filter: "A/b", QoS: 1})
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("a/b", "one", 1, false)
		pub.Publish("a/b", "two", 2, false)
		for i := range filters {
			expectMessages(t, online[i], "one", "two")
			expectMessages(t, mqtttest.Dial(t, s, lasting(v, fmt.Sprint("off", i))), "one", "two")
		}
		not.Ping()
	})
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
func TestAcksLeaveInTheOrderOfTheirMessages(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, refuseBad{})
		c := mqtttest.Dial(t, s, passing(v, "c"))
		var pks []packets.Packet
		var want []string
		for i := range 200 {
			id := uint16(1 + (i*7919)%40_000)
			pk := &packets.Publish{Topic: fmt.Sprint("t/", i%3), QoS: byte(1 + i/2%2), PacketID: id}
			if i%5 == 0 {
				pk.Payload = []byte("bad") // refused in between
			}
			pks = append(pks, pk)
			want = append(want, fmt.Sprint(pk.QoS, " ", id))
		}
		c.Send(pks...)
		for i := range pks {
			pk := c.Receive()
			qos := map[packets.Type]int{packets.TypePuback: 1, packets.TypePubrec: 2}[pk.Type()]
			if got := fmt.Sprint(qos, " ", ackID(t, pk)); got != want[i] {
				t.Fatalf("acknowledgement %d is %s %s, want QoS and identifier %s", i, pk.Type(), got, want[i])
			}
		}
	})
}

// [MQTT-4.6.0-4]
func TestPubrelsLeaveInTheOrderOfTheirPubrecs(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		publishMany(t, pub, "t", "m", 40, 2)
		var ids []uint16
		for range 40 {
			ids = append(ids, mqtttest.Expect[*packets.Publish](c).PacketID)
		}
		slices.SortFunc(ids, func(a, b uint16) int { return int(a*37%41) - int(b*37%41) })
		var recs []packets.Packet
		for _, id := range ids {
			recs = append(recs, &packets.Pubrec{PacketID: id})
		}
		c.Send(recs...)
		for i, id := range ids {
			if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != id {
				t.Fatalf("PUBREL %d is for %d, want %d", i, rel.PacketID, id)
			}
		}
	})
}

// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
// The messages of each publisher keep their order per topic and QoS, through
// window, queue and a new connection.
func TestOrderPerPublisher(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		over := make(ends, 20)
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumInflight: 7}}, over)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t/#", 2)
		const publishers, each = 3, 60
		pubs := make([]*mqtttest.Client, publishers)
		for p := range pubs {
			pubs[p] = mqtttest.Dial(t, s, passing(v, fmt.Sprint("pub", p)))
		}
		publish := func(from, to int) {
			for i := from; i < to; i++ {
				for p, pub := range pubs {
					pub.Publish(fmt.Sprint("t/", p, "/", i%2), fmt.Sprint(i), byte(1+i/2%2), false)
				}
			}
		}
		publish(0, each/3)
		unacked := map[uint16]string{}
		for range 7 {
			pk := mqtttest.Expect[*packets.Publish](c)
			unacked[pk.PacketID] = string(pk.Payload)
		}
		c.Close()
		<-over
		publish(each/3, each*2/3)
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		publish(each*2/3, each)
		last := map[string]int{}
		for got, flows := 0, 0; got < publishers*each || flows > 0; {
			switch pk := c.Receive().(type) {
			case *packets.Publish:
				got++
				if before, ok := unacked[pk.PacketID]; ok && pk.Dup && before != string(pk.Payload) {
					t.Errorf("identifier %d came back with %q, want %q", pk.PacketID, pk.Payload, before)
				}
				if pk.Dup != (got <= 7) {
					t.Errorf("message %d has DUP %v", got, pk.Dup)
				}
				key := fmt.Sprint(pk.Topic, " QoS ", pk.QoS)
				var i int
				if _, err := fmt.Sscan(string(pk.Payload), &i); err != nil {
					t.Fatal(err)
				}
				if before, ok := last[key]; ok && i != before+4 {
					t.Fatalf("%s: message %d after %d", key, i, before)
				}
				last[key] = i
				if pk.QoS == 1 {
					c.Send(&packets.Puback{PacketID: pk.PacketID})
				} else {
					flows++
					c.Send(&packets.Pubrec{PacketID: pk.PacketID})
				}
			case *packets.Pubrel:
				flows--
				c.Send(&packets.Pubcomp{PacketID: pk.PacketID})
			}
		}
		c.Ping()
	})
}

// [MQTT-4.6.0-5]
// QoS 0 messages that waited for the client come before those it gets live,
// although others hold them up.
func TestOrderOfQueuedQoS0(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		over := make(ends, 20)
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{QueueQoS0Messages: true, MaximumInflight: 1}}, over)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 1)
		c.Close()
		<-over
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		pub.Publish("t", "first", 1, false)
		pub.Publish("t", "second", 1, false)
		pub.Publish("t", "zero 0", 0, false)
		pub.Ping()
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		first := expectPublish(t, c, "first")
		pub.Publish("t", "zero 1", 0, false)
		pub.Ping()
		c.Send(&packets.Puback{PacketID: first.PacketID})
		expectMessages(t, c, "second", "zero 0", "zero 1")
		pub.Publish("t", "zero 2", 0, false)
		expectMessages(t, c, "zero 2")
	})
}

// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
// A message that arrives while a long queue is being sent does not pass it.
func TestNewMessageStaysBehindTheQueue(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		const queued = 700 // more than is sent under one lock
		var s *mqtttest.Server
		var once sync.Once
		s = mqtttest.NewServer(t, fnQosPublish(func(*mqtt.Client, *packets.Publish, time.Time, int) {
			once.Do(func() {
				if err := s.Publish("t", []byte("late"), false, 1); err != nil {
					t.Error(err)
				}
			})
		}))
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 1)
		c.Disconnect(packets.CodeSuccess)
		for i := range queued {
			if err := s.Publish("t", []byte(strconv.Itoa(i)), false, 1); err != nil {
				t.Fatal(err)
			}
		}
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		for i := range queued {
			if got := string(c.Message().Payload); got != strconv.Itoa(i) {
				t.Fatalf("got %q, want %d", got, i)
			}
		}
		if got := string(c.Message().Payload); got != "late" {
			t.Errorf("got %q, want the late one", got)
		}
	})
}
