package mqtt_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestSessionsSurviveACrash(t *testing.T) {
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			s := d.serve(t, nil)
			sub := dial(t, s, v, "sub")
			expectPresent(t, sub, false)
			sub.Subscribe("a/+", 1)
			sub.Subscribe("b", 2)
			sub.Subscribe("gone", 2)
			sub.Send(&packets.Unsubscribe{PacketID: 99, Filters: []string{"gone"}})
			mqtttest.Expect[*packets.Unsuback](sub)
			sub.Close()
			synctest.Wait() // else it gets the first messages
			pub := mqtttest.Dial(t, s, passing(v, "pub"))
			for i := range 1200 {
				pub.Publish("a/"+fmt.Sprint(i%3), fmt.Sprint(i), 1, false)
			}
			pub.Publish("gone", "x", 2, false)
			pub.Publish("b", "two", 2, false)
			pub.Publish("kept", "retained", 1, true)
			pub.Publish("cleared", "retained", 1, true)
			pub.Publish("cleared", "", 1, true)

			s = d.serve(t, nil)
			if st := s.Stats(); st.Subscriptions != 2 || st.ClientsDisconnected != 1 || st.Retained < 1 {
				t.Errorf("restored %d subscriptions, %d sessions, %d retained", st.Subscriptions, st.ClientsDisconnected, st.Retained)
			}
			sub = dial(t, s, v, "sub")
			if v == packets.V5 || v == packets.V311 {
				expectPresent(t, sub, true)
			}
			for i := range 1200 {
				if got := sub.Message(); string(got.Payload) != fmt.Sprint(i) || got.QoS != 1 || got.Dup {
					t.Fatalf("message %d: %q, QoS %d, DUP %v", i, got.Payload, got.QoS, got.Dup)
				}
			}
			if got := sub.Message(); string(got.Payload) != "two" || got.QoS != 2 {
				t.Errorf("got %q, QoS %d", got.Payload, got.QoS)
			}
			sub.Ping()
			synctest.Wait()
			if st := s.Stats(); st.Queued != 0 || st.Inflight != 0 {
				t.Errorf("%d queued, %d in flight at the end", st.Queued, st.Inflight)
			}
			reader := mqtttest.Dial(t, s, passing(v, "reader"))
			reader.Subscribe("+", 1)
			if got := reader.Message(); got.Topic != "kept" || !got.Retain {
				t.Errorf("retained: %s %q", got.Topic, got.Payload)
			}
			reader.Ping()

			advance(time.Second)
			s = d.serve(t, nil) // everything was acknowledged, so nothing is left
			sub = dial(t, s, v, "sub")
			sub.Ping()
		})
	})
}

// [MQTT-4.4.0-1] [MQTT-4.3.3-5] [MQTT-4.3.3-6]
func TestFlowsToAClientSurviveACrash(t *testing.T) {
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			s := d.serve(t, nil)
			c := dial(t, s, v, "c")
			c.Subscribe("t", 2)
			for _, m := range []struct {
				payload string
				qos     byte
			}{{"one", 1}, {"two", 2}, {"released", 2}, {"done", 1}} {
				if err := s.Publish("t", []byte(m.payload), false, m.qos); err != nil {
					t.Fatal(err)
				}
			}
			var ids []uint16
			for range 4 {
				ids = append(ids, mqtttest.Expect[*packets.Publish](c).PacketID)
			}
			c.Send(&packets.Pubrec{PacketID: ids[2]}, &packets.Puback{PacketID: ids[3]})
			mqtttest.Expect[*packets.Pubrel](c)
			advance(time.Second) // the PUBACK is stored with the next batch

			for _, after := range []string{"crash", "restart"} {
				if after == "restart" {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
				}
				s = d.serve(t, nil)
				c = dial(t, s, v, "c")
				if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != ids[2] {
					t.Errorf("after a %s PUBREL %d, want %d", after, rel.PacketID, ids[2])
				}
				isPublish(t, mqtttest.Expect[*packets.Publish](c), "one", ids[0], true)
				isPublish(t, mqtttest.Expect[*packets.Publish](c), "two", ids[1], true)
				c.Ping()
			}
			c.Send(&packets.Pubcomp{PacketID: ids[2]}, &packets.Puback{PacketID: ids[0]}, &packets.Pubrec{PacketID: ids[1]})
			mqtttest.Expect[*packets.Pubrel](c)
			c.Send(&packets.Pubcomp{PacketID: ids[1]})
			advance(time.Second)
			s = d.serve(t, nil)
			c = dial(t, s, v, "c")
			c.Ping()
			if err := s.Publish("t", []byte("next"), false, 2); err != nil {
				t.Fatal(err)
			}
			if got := c.Message(); string(got.Payload) != "next" || got.Dup {
				t.Errorf("got %q, DUP %v", got.Payload, got.Dup)
			}
		})
	})
}

// [MQTT-4.3.3-10]
func TestFlowsFromAClientSurviveACrash(t *testing.T) {
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			s := d.serve(t, nil)
			sub := dial(t, s, v, "sub")
			sub.Subscribe("t", 2)
			sub.Close()
			pub := dial(t, s, v, "pub")
			pub.Send(&packets.Publish{Topic: "t", Payload: []byte("once"), QoS: 2, PacketID: 7})
			mqtttest.Expect[*packets.Pubrec](pub)

			s = d.serve(t, nil)
			pub = dial(t, s, v, "pub")
			pub.Send(&packets.Publish{Topic: "t", Payload: []byte("once"), QoS: 2, PacketID: 7, Dup: true})
			mqtttest.Expect[*packets.Pubrec](pub)
			pub.Send(&packets.Pubrel{PacketID: 7})
			if comp := mqtttest.Expect[*packets.Pubcomp](pub); comp.Code != packets.CodeSuccess {
				t.Errorf("PUBCOMP %v", comp.Code)
			}

			s = d.serve(t, nil) // the identifier is free again
			pub = dial(t, s, v, "pub")
			pub.Send(&packets.Publish{Topic: "t", Payload: []byte("another"), QoS: 2, PacketID: 7})
			mqtttest.Expect[*packets.Pubrec](pub)
			sub = dial(t, s, v, "sub")
			for _, want := range []string{"once", "another"} {
				if got := mqtttest.Expect[*packets.Publish](sub); string(got.Payload) != want {
					t.Errorf("got %q, want %q", got.Payload, want)
				}
			}
			sub.Ping()
		})
	})
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
func TestAcknowledgementsWaitForTheStoreInOrder(t *testing.T) {
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			s := d.serve(t, nil)
			sub := dial(t, s, v, "sub")
			sub.Subscribe("durable", 2)
			sub.Close()
			pub := dial(t, s, v, "pub")
			synctest.Wait()
			resume := d.stop()
			pub.Send(
				&packets.Publish{Topic: "durable", QoS: 1, PacketID: 1},
				&packets.Publish{Topic: "nobody", QoS: 1, PacketID: 2},
				&packets.Publish{Topic: "durable", QoS: 2, PacketID: 3},
				&packets.Publish{Topic: "nobody", QoS: 2, PacketID: 4},
				&packets.Publish{Topic: "kept", Payload: []byte("x"), QoS: 1, PacketID: 5, Retain: true},
				&packets.Publish{Topic: "$SYS/mine", QoS: 1, PacketID: 6},
				&packets.Publish{Topic: "nobody", QoS: 1, PacketID: 7},
			)
			synctest.Wait()
			pub.Ping() // neither the connection nor its reader waits
			resume()
			for _, want := range []uint16{1, 2, 3, 4, 5, 6, 7} {
				var id uint16
				switch ack := pub.Receive().(type) {
				case *packets.Puback:
					id = ack.PacketID
				case *packets.Pubrec:
					id = ack.PacketID
				}
				if id != want {
					t.Errorf("acknowledged %d, want %d", id, want)
				}
			}
		})
	})
}

func TestMemoryClassDoesNotWaitForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		sub := mqtttest.Dial(t, s, passing(packets.V5, "sub"))
		sub.Subscribe("t", 2)
		resume := d.stop()
		defer resume()
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		pub.Publish("t", "1", 1, false)
		pub.Publish("t", "2", 2, false)
		sub.Message()
		sub.Message()
	})
}

func TestStoreThatFails(t *testing.T) {
	for _, tt := range []struct {
		name    string
		failure error
		v       packets.Version
		code    packets.Code
	}{
		{"disk full, v5", kv.ErrNoSpace, packets.V5, packets.ErrQuotaExceeded},
		{"disk full, v3", kv.ErrNoSpace, packets.V311, 0},
		{"I/O error, v5", errors.New("input/output error"), packets.V5, packets.ErrUnspecified},
		{"I/O error, v3", errors.New("input/output error"), packets.V311, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				s := d.serve(t, nil)
				sub := dial(t, s, tt.v, "sub")
				sub.Subscribe("t", 2)
				sub.Close()
				one, two := mqtttest.Dial(t, s, passing(tt.v, "one")), dial(t, s, tt.v, "two")
				d.fail(tt.failure)
				one.Send(&packets.Publish{Topic: "t", Payload: []byte("no"), QoS: 1, PacketID: 1})
				two.Send(&packets.Publish{Topic: "nobody", Payload: []byte("no"), QoS: 2, PacketID: 1})
				if tt.v == packets.V5 {
					if ack := mqtttest.Expect[*packets.Puback](one); ack.Code != tt.code {
						t.Errorf("PUBACK %v, want %v", ack.Code, tt.code)
					}
					if rec := mqtttest.Expect[*packets.Pubrec](two); rec.Code != tt.code {
						t.Errorf("PUBREC %v, want %v", rec.Code, tt.code)
					}
				} else {
					one.ExpectClosed()
					two.ExpectClosed()
				}
				refused := mqtttest.DialRefused(t, s, lasting(tt.v, "new"))
				if code := refused.Connack.Code; code != packets.ErrServerUnavailable && tt.v == packets.V5 {
					t.Errorf("CONNACK %v", code)
				}
				clean := mqtttest.Dial(t, s, passing(tt.v, "clean")) // what needs no store goes on
				clean.Subscribe("live", 1)
				clean.Send(&packets.Publish{Topic: "live", QoS: 1, PacketID: 9})
				mqtttest.Expect[*packets.Publish](clean)
				mqtttest.Expect[*packets.Puback](clean)

				d.fail(nil)
				advance(2 * time.Minute) // it is opened again, and the state written
				pub := mqtttest.Dial(t, s, passing(tt.v, "pub"))
				pub.Publish("t", "yes", 1, false)
				s = d.serve(t, nil)
				sub = dial(t, s, tt.v, "sub")
				for _, want := range []string{"yes"} {
					if got := sub.Message(); string(got.Payload) != want {
						t.Errorf("got %q, want %q", got.Payload, want)
					}
				}
				sub.Ping()
			})
		})
	}
}

func TestTheStateIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		c := dial(t, s, packets.V5, "c")
		c.Subscribe("t", 2)
		c.Subscribe("old", 1)
		other := dial(t, s, packets.V5, "other")
		for _, payload := range []string{"acked", "waits"} {
			if err := s.Publish("t", []byte(payload), false, 2); err != nil {
				t.Fatal(err)
			}
		}
		acked := mqtttest.Expect[*packets.Publish](c)
		waits := mqtttest.Expect[*packets.Publish](c)
		d.fail(errors.New("input/output error"))
		c.Send(&packets.Pubrec{PacketID: acked.PacketID, Code: packets.ErrUnspecified}, &packets.Pubrec{PacketID: waits.PacketID})
		c.Send(&packets.Unsubscribe{PacketID: 9, Filters: []string{"old"}})
		if ack := mqtttest.Expect[*packets.Unsuback](c); ack.Codes[0] != packets.ErrUnspecified {
			t.Errorf("UNSUBACK %v", ack.Codes)
		}
		if code := c.Subscribe("new", 1); code != packets.ErrUnspecified {
			t.Errorf("SUBACK %v", code)
		}
		if err := s.Publish("kept", []byte("x"), true, 1); err == nil {
			t.Error("a retained message that was not stored is reported as published")
		}
		other.Disconnect(packets.CodeSuccess)
		d.fail(nil)
		advance(2 * time.Minute)
		if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != waits.PacketID {
			t.Errorf("PUBREL %d", rel.PacketID)
		}
		s = d.serve(t, nil)
		if st := s.Stats(); st.Subscriptions != 1 || st.ClientsDisconnected != 2 {
			t.Errorf("%d subscriptions, %d sessions", st.Subscriptions, st.ClientsDisconnected)
		}
		c = dial(t, s, packets.V5, "c")
		if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != waits.PacketID {
			t.Errorf("after a crash PUBREL %d", rel.PacketID)
		}
		c.Subscribe("kept", 1)
		if got := c.Message(); string(got.Payload) != "x" {
			t.Errorf("retained: %q", got.Payload)
		}
	})
}

func TestEndedSessionsLeaveTheStore(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *mqtttest.Server){
		"clean start": func(t *testing.T, s *mqtttest.Server) { mqtttest.Dial(t, s, passing(packets.V5, "c")) },
		"expiry":      func(t *testing.T, s *mqtttest.Server) { advance(2 * time.Hour) },
		"disconnect": func(t *testing.T, s *mqtttest.Server) {
			c := dial(t, s, packets.V5, "c")
			bye := &packets.Disconnect{}
			bye.Properties.Set(packets.PropSessionExpiryInterval)
			c.Send(bye)
			c.ReceiveUntilClosed()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				s := d.serve(t, nil)
				c := dial(t, s, packets.V5, "c")
				c.Subscribe("t", 1)
				c.Close()
				synctest.Wait()
				for range 10 {
					if err := s.Publish("t", []byte("x"), false, 1); err != nil {
						t.Fatal(err)
					}
				}
				end(t, s)
				advance(time.Second)
				if st := s.Stats(); st.Dropped["session_ended"] != 10 && name != "disconnect" {
					t.Errorf("dropped %v", st.Dropped)
				}
				s = d.serve(t, nil)
				if st := s.Stats(); st.Subscriptions != 0 || st.ClientsDisconnected != 0 {
					t.Errorf("%d subscriptions, %d sessions", st.Subscriptions, st.ClientsDisconnected)
				}
				expectPresent(t, dial(t, s, packets.V5, "c"), false)
			})
		})
	}
}

func TestTimeDownCountsAgainstExpiries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		c := dial(t, s, packets.V5, "c")
		c.Subscribe("t", 1)
		c.Close()
		pk := &packets.Publish{Topic: "t", Payload: []byte("short"), QoS: 1}
		pk.Properties.MessageExpiryInterval = 60
		if err := s.PublishPacket(pk); err != nil {
			t.Fatal(err)
		}
		pk.Payload, pk.Properties.MessageExpiryInterval = []byte("long"), 1000
		if err := s.PublishPacket(pk); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		advance(5 * time.Minute)
		s = d.serve(t, nil)
		c = dial(t, s, packets.V5, "c")
		got := c.Message()
		if string(got.Payload) != "long" || got.Properties.MessageExpiryInterval != 700 {
			t.Errorf("got %q with %d s left", got.Payload, got.Properties.MessageExpiryInterval)
		}
		c.Ping()
		c.Close()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		advance(time.Hour)
		expectPresent(t, dial(t, d.serve(t, nil), packets.V5, "c"), false)
	})
}

func TestWillsSurviveACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		watcher := dial(t, s, packets.V5, "watcher")
		watcher.Subscribe("will/+", 1)
		for _, id := range []string{"online", "offline"} {
			pk := lasting(packets.V5, id)
			pk.WillFlag = true
			pk.Will = packets.Will{Topic: "will/" + id, Payload: []byte(id), QoS: 1}
			pk.Will.Properties.WillDelayInterval = 60
			c := mqtttest.Dial(t, s, pk)
			if id == "offline" {
				c.Close()
			}
		}
		advance(30 * time.Second)
		s = d.serve(t, nil)
		watcher = dial(t, s, packets.V5, "watcher")
		advance(31 * time.Second) // the connection of "online" was lost some seconds before the crash at most
		if got := watcher.Message(); got.Topic != "will/offline" {
			t.Errorf("first %s", got.Topic)
		}
		advance(40 * time.Second)
		if got := watcher.Message(); got.Topic != "will/online" {
			t.Errorf("then %s", got.Topic)
		}
		advance(time.Second)
		s = d.serve(t, nil)
		watcher = dial(t, s, packets.V5, "watcher")
		advance(5 * time.Minute)
		watcher.Ping()
	})
}

func TestDurabilityInConnack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, &mqtt.Options{AnnounceDurability: true, Durability: mqtt.DurabilityOS})
		c := dial(t, s, packets.V5, "c")
		if user := c.Connack.Properties.User; len(user) != 1 || user[0] != (packets.UserProperty{Key: "durability", Value: "os"}) {
			t.Errorf("user properties %v", user)
		}
		c = mqtttest.Dial(t, s, passing(packets.V5, "passing"))
		if user := c.Connack.Properties.User; len(user) != 0 {
			t.Errorf("user properties of a session in memory: %v", user)
		}
		// This engine survives no crash of a machine, so it is not said to.
		forgetful, err := storage.New(func() (kv.KV, error) { return memory.New(), nil }, storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s = mqtttest.NewServerWith(t, &mqtt.Options{AnnounceDurability: true, Store: forgetful})
		if user := dial(t, s, packets.V5, "c").Connack.Properties.User; len(user) != 1 || user[0].Value != "os" {
			t.Errorf("user properties with a store that does not sync: %v", user)
		}
	})
}

// A store that stands still bounds what waits for it: readers stop reading.
func TestASlowStoreSlowsPublishersDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := d.serve(t, nil)
		sub := dial(t, s, packets.V5, "sub")
		sub.Subscribe("t", 1)
		sub.Close()
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		synctest.Wait()
		resume := d.stop()
		const messages = 100
		payload := make([]byte, 1<<20-100)
		go func() { //arch:ok ends when the server has read everything
			for i := range messages {
				pub.Send(&packets.Publish{Topic: "t", Payload: payload, QoS: 1, PacketID: uint16(i + 1)})
			}
		}()
		synctest.Wait()
		if pending := s.Options().Store.Pending(); pending < 60<<20 || pending > 68<<20 {
			t.Errorf("%d bytes wait for the store", pending)
		}
		resume()
		for i := range messages {
			if ack := mqtttest.Expect[*packets.Puback](pub); ack.PacketID != uint16(i+1) || ack.Code.Failed() {
				t.Fatalf("PUBACK %d %v, want %d", ack.PacketID, ack.Code, i+1)
			}
		}
	})
}
