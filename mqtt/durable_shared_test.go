package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

const sharedT = "$share/g/t"

// A member that leaves gives what waits for it to another one, once, wherever
// it waits: in memory or in the store only.
func TestSharedMessagesAreGivenAwayOnce(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				s := d.serve(t, nil)
				leaves := mqtttest.Dial(t, s, withReceiveMaximum(lasting(packets.V5, "leaves"), 1))
				leaves.Subscribe("own", 1)
				leaves.Subscribe(sharedT, qos)
				pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
				pub.Publish("own", "in flight", 1, false)
				pub.Publish("own", "waits", 1, false)
				want := publishMany(t, pub, "t", "m", 700, qos)
				mqtttest.Expect[*packets.Publish](leaves)
				stays := dial(t, s, packets.V5, "stays")
				stays.Subscribe(sharedT, qos)
				leaves.Close()
				seen := make(map[string]int)
				for _, payload := range receiveMessages(t, stays, len(want)) {
					seen[payload]++
				}
				stays.Ping() // and nothing else came
				for _, payload := range want {
					if seen[payload] != 1 {
						t.Fatalf("%q came %d times", payload, seen[payload])
					}
				}
				advance(time.Second)
				if st := s.Stats(); st.Queued != 1 || st.Inflight != 1 {
					t.Errorf("%d queued, %d in flight, want what the member that left had of its own", st.Queued, st.Inflight)
				}
				s = d.serve(t, nil)
				leaves, stays = dial(t, s, packets.V5, "leaves"), dial(t, s, packets.V5, "stays")
				expectMessages(t, leaves, "in flight", "waits")
				leaves.Ping()
				stays.Ping()
			})
		})
	}
}

// What an earlier run may have sent to a member at QoS 2 is no other member's
// [MQTT-4.8.2-4] [MQTT-4.8.2-5].
func TestSharedMessagesSentBeforeACrashStay(t *testing.T) {
	for _, end := range []string{"", "ends"} {
		t.Run(fmt.Sprint("session ", end), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				s := d.serve(t, nil)
				c := dial(t, s, packets.V5, "c")
				c.Subscribe(sharedT, 2)
				for _, payload := range []string{"one", "two"} {
					if err := s.Publish("t", []byte(payload), false, 2); err != nil {
						t.Fatal(err)
					}
					mqtttest.Expect[*packets.Publish](c)
				}
				s = d.serve(t, nil)
				other := mqtttest.Dial(t, s, passing(packets.V5, "other"))
				other.Subscribe(sharedT, 2)
				if end == "" {
					c = mqtttest.Dial(t, s, withReceiveMaximum(lasting(packets.V5, "c"), 1))
					isPublish(t, mqtttest.Expect[*packets.Publish](c), "one", 1, true)
					c.Close()
					synctest.Wait()
					other.Ping()
					c = dial(t, s, packets.V5, "c")
					expectMessages(t, c, "one", "two")
					return
				}
				mqtttest.Dial(t, s, passing(packets.V5, "c"))
				advance(time.Second)
				other.Ping()
			})
		})
	}
}

// The messages of a member whose session ends go to another one.
func TestSharedMessagesOfAnEndedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		c := dial(t, s, packets.V5, "c")
		c.Subscribe(sharedT, 2)
		c.Close()
		synctest.Wait()
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		want := publishMany(t, pub, "t", "m", 600, 2)
		s = d.serve(t, nil) // it is read from the store
		other := dial(t, s, packets.V5, "other")
		other.Subscribe(sharedT, 2)
		mqtttest.Dial(t, s, passing(packets.V5, "c"))
		expectMessages(t, other, want...)
		other.Ping()
		advance(time.Second)
		if st := s.Stats(); st.Queued != 0 || st.Inflight != 0 {
			t.Errorf("%d queued, %d in flight", st.Queued, st.Inflight)
		}
	})
}

// A message goes from one member to another in the store at once: where there is
// no space for that, it stays where it is.
func TestSharedMessagesStayWhereTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		leaves := mqtttest.Dial(t, s, withReceiveMaximum(lasting(packets.V5, "leaves"), 1))
		leaves.Subscribe("own", 1)
		leaves.Subscribe(sharedT, 2)
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		pub.Publish("own", "in flight", 1, false)
		want := publishMany(t, pub, "t", "m", 700, 2)
		mqtttest.Expect[*packets.Publish](leaves)
		stays := dial(t, s, packets.V5, "stays")
		stays.Subscribe(sharedT, 2)
		d.fail(kv.ErrNoSpace)
		leaves.Close()
		advance(time.Second)
		stays.Ping()
		d.fail(nil)
		advance(time.Minute)
		leaves = dial(t, s, packets.V5, "leaves")
		expectMessages(t, leaves, append([]string{"in flight"}, want...)...)
		stays.Ping()
		advance(time.Second)
		if st := s.Stats(); st.Queued != 0 || st.Inflight != 0 {
			t.Errorf("%d queued, %d in flight", st.Queued, st.Inflight)
		}
	})
}
