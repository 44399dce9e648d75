package mqtt_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A message that was refused does not come, although the store has it, and what
// was acknowledged after it does.
func TestRefusedMessagesDoNotCome(t *testing.T) {
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			s := d.serve(t, nil)
			sub := dial(t, s, v, "sub")
			sub.Subscribe("t", 2)
			sub.Close()
			pub := dial(t, s, v, "pub")
			d.failUnsure(errors.New("input/output error"))
			pub.Send(&packets.Publish{Topic: "t", Payload: []byte("refused"), QoS: 2, PacketID: 1})
			if v == packets.V5 {
				if rec := mqtttest.Expect[*packets.Pubrec](pub); rec.Code != packets.ErrUnspecified {
					t.Errorf("PUBREC %v", rec.Code)
				}
			} else {
				pub.ExpectClosed()
			}
			d.fail(nil)
			advance(200 * time.Millisecond) // the store is open again, but not mended
			pub = mqtttest.Dial(t, s, passing(v, "other"))
			want := publishMany(t, pub, "t", "m", 512, 2)
			sub = dial(t, s, v, "sub")
			expectMessages(t, sub, want...)
			sub.Ping()
			advance(5 * time.Second)
			if st := s.Stats(); st.Queued != 0 || st.Inflight != 0 {
				t.Errorf("%d queued, %d in flight", st.Queued, st.Inflight)
			}
			dial(t, d.serve(t, nil), v, "sub").Ping()
		})
	})
}

// A crash may leave the record of a session that was about to be removed beside
// that of the one that took its place: the newer one is the client's.
func TestTheNewerOfTwoSessionsSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		store := d.store(t)
		store.Watch(func(error) {})
		if _, err := store.Load(); err != nil {
			t.Fatal(err)
		}
		tx := store.Begin()
		for number, filter := range []string{"old", "new"} {
			tx.PutSession(&mqtt.StoredSession{
				Session: uint64(number) + 1, ClientID: "c", Version: packets.V5, SessionExpiryInterval: 3600, DisconnectedAt: time.Now(),
			})
			tx.PutSubscription(uint64(number)+1, &mqtt.StoredSubscription{Subscription: packets.Subscription{Filter: filter, QoS: 1}, ClientID: "c"})
		}
		done := make(chan error, 1)
		tx.Commit(mqtt.StoreSynced, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s := d.serve(t, nil)
			if st := s.Stats(); st.Subscriptions != 1 || st.ClientsDisconnected != 1 {
				t.Errorf("%d subscriptions, %d sessions", st.Subscriptions, st.ClientsDisconnected)
			}
			pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
			pub.Publish("old", "old", 1, false)
			pub.Publish("new", "new", 1, false)
			c := dial(t, s, packets.V5, "c")
			expectPresent(t, c, true)
			expectMessages(t, c, "new")
			c.Ping()
			c.Close()
			advance(time.Second)
		}
	})
}

// Retained messages for a new subscription wait for a long queue, which goes on
// though its messages have expired.
func TestAQueueInTheStoreGoesOnBesideRetainedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		sub := dial(t, s, packets.V5, "sub")
		sub.Subscribe("t", 1)
		sub.Close()
		synctest.Wait()
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		pub.Publish("kept", "retained", 1, true)
		pub.Publish("t", "first", 1, false)
		short := &packets.Publish{Topic: "t", Payload: []byte("short"), QoS: 1}
		short.Properties.MessageExpiryInterval = 10
		for range 700 {
			if err := s.PublishPacket(short); err != nil {
				t.Fatal(err)
			}
		}
		pub.Publish("t", "last", 1, false)
		sub = mqtttest.Dial(t, s, withReceiveMaximum(lasting(packets.V5, "sub"), 1))
		first := mqtttest.Expect[*packets.Publish](sub)
		sub.Subscribe("kept", 1)
		advance(20 * time.Second)
		sub.Send(&packets.Puback{PacketID: first.PacketID})
		got := map[string]bool{string(sub.Message().Payload): true, string(sub.Message().Payload): true}
		if !got["last"] || !got["retained"] {
			t.Errorf("got %v", got)
		}
		sub.Ping()
	})
}

// A refused message whose fate was unknown is removed in the end, also if the
// store is full when the state is written again.
func TestRefusedMessagesAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		sub := dial(t, s, packets.V5, "sub")
		sub.Subscribe("t", 2)
		sub.Close()
		synctest.Wait()
		d.failUnsure(errors.New("input/output error"))
		if err := s.Publish("t", []byte("refused"), false, 2); err == nil {
			t.Error("the message was published")
		}
		d.fail(kv.ErrNoSpace)
		advance(time.Minute)
		d.fail(nil)
		advance(5 * time.Minute)
		s = d.serve(t, nil)
		if err := s.Publish("t", []byte("accepted"), false, 2); err != nil {
			t.Fatal(err)
		}
		expectMessages(t, dial(t, s, packets.V5, "sub"), "accepted")
	})
}

// A SUBSCRIBE that could not be stored makes no subscription, also if it names a
// filter twice.
func TestSubscribeThatIsNotStoredTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		c := dial(t, s, packets.V5, "c")
		d.fail(errors.New("input/output error"))
		for _, code := range c.SubscribeWith(packets.Properties{},
			packets.Subscription{Filter: "t", QoS: 1}, packets.Subscription{Filter: "t", QoS: 2}) {
			if code != packets.ErrUnspecified {
				t.Errorf("SUBACK %v", code)
			}
		}
		d.fail(nil)
		advance(2 * time.Minute)
		if err := s.Publish("t", []byte("x"), false, 0); err != nil {
			t.Fatal(err)
		}
		c.Ping()
		if n := s.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

// A connection that is refused since it could not be stored leaves the session
// as it was: with its queue, its expiry and its delayed Will [MQTT-3.1.3-9].
func TestARefusedConnectionChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		watcher := mqtttest.Dial(t, s, passing(packets.V5, "watcher"))
		watcher.Subscribe("will", 0)
		pk := lasting(packets.V5, "c")
		pk.WillFlag, pk.Will = true, packets.Will{Topic: "will"}
		pk.Will.Properties.WillDelayInterval = 60
		c := mqtttest.Dial(t, s, pk)
		c.Subscribe("t", 1)
		c.Close()
		synctest.Wait()
		if err := s.Publish("t", []byte("x"), false, 1); err != nil {
			t.Fatal(err)
		}
		d.fail(kv.ErrNoSpace)
		again := passing(packets.V5, "c")
		again.CleanStart = false // it would end the session with the connection
		mqtttest.DialRefused(t, s, again)
		d.fail(nil)
		advance(61 * time.Second)
		if got := watcher.Message(); got.Topic != "will" {
			t.Errorf("got %s", got.Topic)
		}
		c = dial(t, s, packets.V5, "c")
		expectPresent(t, c, true)
		expectMessages(t, c, "x")
	})
}
