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

// Messages that have expired make room, also where the store alone has them.
func TestExpiredMessagesInTheStoreMakeRoom(t *testing.T) {
	for _, policy := range []mqtt.QueuePolicy{mqtt.DropNewest, mqtt.DropOldest, mqtt.DisconnectSlow, mqtt.RejectPublish} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				opts := &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumDurableQueueMessages: 3, QueuePolicy: policy}}
				s := d.serve(t, opts)
				sub := dial(t, s, packets.V5, "sub")
				sub.Subscribe("t", 1)
				sub.Close()
				synctest.Wait()
				for i, expiry := range []uint32{1000, 10, 10} {
					pk := &packets.Publish{Topic: "t", Payload: []byte(fmt.Sprint(i)), QoS: 1}
					pk.Properties.MessageExpiryInterval = expiry
					if err := s.PublishPacket(pk); err != nil {
						t.Fatal(err)
					}
				}
				advance(20 * time.Second)
				if err := s.Publish("t", []byte("new"), false, 1); err != nil {
					t.Error(err)
				}
				sub = dial(t, s, packets.V5, "sub")
				expectMessages(t, sub, "0", "new")
				sub.Ping()
				if st := s.Stats(); st.Queued != 0 || st.Dropped["expired"] != 2 {
					t.Errorf("%d queued, dropped %v", st.Queued, st.Dropped)
				}
			})
		})
	}
}

// A queue that is full by what an earlier run left is dealt with by its policy,
// and counts what there is, not how many places it spans.
func TestQueuesInTheStoreKeepTheirLimits(t *testing.T) {
	for _, tt := range []struct {
		name    string
		policy  mqtt.QueuePolicy
		refused bool
		want    []string
	}{
		{"DropNewest", mqtt.DropNewest, false, []string{"0", "1", "2"}},
		{"DropOldest", mqtt.DropOldest, false, []string{"1", "2", "new"}},
		{"DisconnectSlow", mqtt.DisconnectSlow, false, []string{"0", "1", "2"}},
		{"RejectPublish", mqtt.RejectPublish, true, []string{"0", "1", "2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				opts := &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumDurableQueueMessages: 3, QueuePolicy: tt.policy}}
				s := d.serve(t, opts)
				sub := dial(t, s, packets.V5, "sub")
				sub.Subscribe("t", 2)
				sub.Close()
				synctest.Wait()
				for i := range 3 {
					if err := s.Publish("t", []byte(fmt.Sprint(i)), false, 2); err != nil {
						t.Fatal(err)
					}
				}
				s = d.serve(t, opts)
				if err := s.Publish("t", []byte("new"), false, 2); (err != nil) != tt.refused {
					t.Errorf("publish: %v", err)
				}
				advance(time.Second)
				s = d.serve(t, opts)
				sub = dial(t, s, packets.V5, "sub")
				expectMessages(t, sub, tt.want...)
				advance(time.Second)
				if st := s.Stats(); st.Queued != 0 || st.Inflight != 0 {
					t.Errorf("%d queued, %d in flight", st.Queued, st.Inflight)
				}
			})
		})
	}
}

// A message in flight at the head of a queue does not make it look full after a
// crash.
func TestAQueueIsNotFullOfWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		opts := &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumDurableQueueMessages: 3}}
		s := d.serve(t, opts)
		sub := dial(t, s, packets.V5, "sub")
		sub.Subscribe("t", 1)
		for i := range 6 {
			if err := s.Publish("t", []byte(fmt.Sprint(i)), false, 1); err != nil {
				t.Fatal(err)
			}
			if got := mqtttest.Expect[*packets.Publish](sub); i > 0 && i < 5 {
				sub.Send(&packets.Puback{PacketID: got.PacketID})
			}
		}
		advance(time.Second)
		s = d.serve(t, opts)
		if err := s.Publish("t", []byte("new"), false, 1); err != nil {
			t.Fatal(err)
		}
		expectMessages(t, dial(t, s, packets.V5, "sub"), "0", "5", "new")
	})
}
