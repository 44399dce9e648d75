package mqtt_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The tests of defects_*_test.go each rule out a defect that brokers have had:
// docs/defects.md lists them. This file has those about sessions and flows.

// persistent is a CONNECT whose session outlives the connection.
func persistent(v packets.Version, clientID string) *packets.Connect {
	pk := &packets.Connect{Version: v, ClientID: clientID}
	if v == packets.V5 {
		pk.Properties.SessionExpiryInterval = 3600
	}
	return pk
}

// forBoth runs a test for MQTT 3.1.1 and 5.0.
func forBoth(t *testing.T, f func(t *testing.T, v packets.Version)) {
	t.Helper()
	t.Parallel()
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			f(t, v)
		})
	}
}

// offline makes a session with a subscription and disconnects it.
func offline(t *testing.T, s *mqtttest.Server, pk *packets.Connect, filter string, qos byte) {
	t.Helper()
	c := mqtttest.Dial(t, s, pk)
	c.Subscribe(filter, qos)
	c.Disconnect(packets.CodeSuccess)
}

func publish(t *testing.T, s *mqtttest.Server, topic, payload string, qos byte, retain bool) {
	t.Helper()
	if err := s.Publish(topic, []byte(payload), retain, qos); err != nil {
		t.Fatal(err)
	}
}

// receive takes n messages, carrying on their flows as packets come, until all
// of them are complete.
func receive(c *mqtttest.Client, n int) (got []*packets.Publish) {
	for open := 0; len(got) < n || open > 0; {
		switch pk := c.Receive().(type) {
		case *packets.Publish:
			got = append(got, pk)
			switch pk.QoS {
			case 1:
				c.Send(&packets.Puback{PacketID: pk.PacketID})
			case 2:
				open++
				c.Send(&packets.Pubrec{PacketID: pk.PacketID})
			}
		case *packets.Pubrel:
			open--
			c.Send(&packets.Pubcomp{PacketID: pk.PacketID})
		}
	}
	c.Ping()
	return got
}

func TestPacketIDsOfBothDirectionsAreSeparate(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		offline(t, s, persistent(v, "c"), "in", 2)
		publish(t, s, "in", "one", 1, false)
		publish(t, s, "in", "two", 2, false)
		c := mqtttest.Dial(t, s, persistent(v, "c"))
		one := mqtttest.Expect[*packets.Publish](c)
		two := mqtttest.Expect[*packets.Publish](c)
		// The client uses the very identifiers that the server has in flight. [MQTT-2.2.1-5]
		for _, id := range []uint16{one.PacketID, two.PacketID} {
			c.Send(&packets.Subscribe{PacketID: id, Subscriptions: []packets.Subscription{{Filter: "x"}}})
			if ack := mqtttest.Expect[*packets.Suback](c); ack.PacketID != id || ack.Codes[0].Failed() {
				t.Errorf("SUBSCRIBE %d: %+v", id, ack)
			}
			c.Send(&packets.Publish{Topic: "out", QoS: 1, PacketID: id})
			mqtttest.Expect[*packets.Puback](c)
			c.Send(&packets.Publish{Topic: "out", QoS: 2, PacketID: id})
			mqtttest.Expect[*packets.Pubrec](c)
			c.Send(&packets.Pubrel{PacketID: id})
			mqtttest.Expect[*packets.Pubcomp](c)
		}
		c.Close()
		// Neither of the server's messages was touched by that.
		c = mqtttest.Dial(t, s, persistent(v, "c"))
		for _, want := range []*packets.Publish{one, two} {
			if got := c.Message(); got.PacketID != want.PacketID || !got.Dup || !bytes.Equal(got.Payload, want.Payload) {
				t.Errorf("got %+v, want %q again", got, want.Payload)
			}
		}
	})
}

func TestAnOfflineQueueComesInOrder(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		offline(t, s, persistent(v, "c"), "n", 2)
		const n = 300
		for i := range n {
			publish(t, s, "n", fmt.Sprint(i), byte(1+i%2), false)
		}
		c := mqtttest.Dial(t, s, persistent(v, "c"))
		for i := range n { // all are sent before one is acknowledged
			if got := mqtttest.Expect[*packets.Publish](c); string(got.Payload) != fmt.Sprint(i) { // [MQTT-4.6.0-6]
				t.Fatalf("message %d is %q", i, got.Payload)
			}
		}
		c.Close()
		c = mqtttest.Dial(t, s, persistent(v, "c"))
		for i := range n {
			if got := mqtttest.Expect[*packets.Publish](c); string(got.Payload) != fmt.Sprint(i) { // [MQTT-4.6.0-1]
				t.Fatalf("message %d is %q the second time", i, got.Payload)
			}
		}
	})
}

func TestResumingASessionDoesNotSendRetainedMessagesAgain(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		for i := range 50 {
			publish(t, s, fmt.Sprint("kept/", i), "x", 1, true)
		}
		c := mqtttest.Dial(t, s, persistent(v, "c"))
		c.Subscribe("kept/#", 1)
		for range 50 {
			c.Message()
		}
		c.Disconnect(packets.CodeSuccess)
		c = mqtttest.Dial(t, s, persistent(v, "c"))
		c.Ping()
	})
}

func TestDisconnectWithWillPublishesTheWill(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		code packets.Code
		want bool
	}{
		{"normal", packets.CodeSuccess, false}, // [MQTT-3.1.2-10] [MQTT-3.14.4-3]
		{"0x04", packets.CodeDisconnectWithWill, true},
		{"an error", packets.ErrUnspecified, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			watch := mqtttest.Dial(t, s, mqtttest.Connect("watch"))
			watch.Subscribe("will", 0)
			pk := mqtttest.Connect("c")
			pk.WillFlag, pk.Will = true, packets.Will{Topic: "will", Payload: []byte("gone")}
			mqtttest.Dial(t, s, pk).Disconnect(tt.code)
			publish(t, s, "will", "marker", 0, false)
			got := watch.Message()
			if (string(got.Payload) == "gone") != tt.want {
				t.Errorf("got %q", got.Payload)
			}
		})
	}
}

func TestKeepAliveOfManyHoursDoesNotWrap(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		for _, seconds := range []uint16{43_690, 43_691, 50_000, 65_535} {
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
				c := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "c", CleanStart: true, KeepAlive: seconds})
				start := time.Now()
				if v == packets.V5 {
					c.ExpectDisconnectWithin(packets.ErrKeepAliveTimeout, 48*time.Hour)
				} else {
					c.ExpectClosedWithin(48 * time.Hour)
				}
				if got, want := time.Since(start), time.Duration(seconds)*1500*time.Millisecond; got != want { // [MQTT-3.1.2-22]
					t.Errorf("Keep Alive of %d s ended after %v, want %v", seconds, got, want)
				}
			})
		}
	})
}

func TestAnExpiredSessionLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		offline(t, s, persistent(packets.V5, "c"), "a/+", 1)
		offline(t, s, persistent(packets.V5, "c"), "$share/g/a/#", 1)
		publish(t, s, "a/b", "waits", 1, false)
		if st := s.Stats(); st.Subscriptions != 2 || st.Queued == 0 {
			t.Fatalf("before: %d subscriptions, %d queued", st.Subscriptions, st.Queued)
		}
		advance(3601 * time.Second)
		synctest.Wait()
		if st := s.Stats(); st.Subscriptions != 0 || st.Queued != 0 || st.QueuedBytes != 0 || st.ClientsDisconnected != 0 {
			t.Errorf("after: %d subscriptions, %d queued, %d bytes, %d offline", st.Subscriptions, st.Queued, st.QueuedBytes, st.ClientsDisconnected)
		}
		c := mqtttest.Dial(t, s, mqtttest.Connect("p"))
		c.Send(&packets.Publish{Topic: "a/b", QoS: 1, PacketID: 1})
		if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != packets.CodeNoMatchingSubscribers {
			t.Errorf("somebody still gets it: %v", ack.Code)
		}
	})
}

func TestAQueueBeyondTheReceiveMaximumKeepsItsPacketIDs(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumInflight: 3}})
		c := mqtttest.Dial(t, s, persistent(v, "c"))
		c.Subscribe("n", 2)
		const n = 100
		for i := range n {
			publish(t, s, "n", fmt.Sprint(i), byte(1+i%2), false)
		}
		for i, got := range receive(c, n) {
			if string(got.Payload) != fmt.Sprint(i) || got.Dup {
				t.Fatalf("message %d is %q, dup %t", i, got.Payload, got.Dup)
			}
		}
		if st := s.Stats(); st.Inflight != 0 || st.Queued != 0 || st.MessagesDropped != 0 {
			t.Errorf("%d in flight, %d queued, %d dropped", st.Inflight, st.Queued, st.MessagesDropped)
		}
	})
}

func TestTakeoverKeepsTheSession(t *testing.T) {
	forBoth(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, persistent(v, "c"))
		c.Subscribe("t", 1)
		for i := range 20 {
			next := mqtttest.Dial(t, s, persistent(v, "c"))
			if !next.Connack.SessionPresent {
				t.Fatalf("connection %d found no session", i)
			}
			if v == packets.V5 {
				c.ExpectDisconnect(packets.ErrSessionTakenOver) // [MQTT-3.1.4-3]
			} else {
				c.ExpectClosed()
			}
			c = next
			publish(t, s, "t", fmt.Sprint(i), 1, false)
			if got := c.Message(); string(got.Payload) != fmt.Sprint(i) {
				t.Fatalf("connection %d got %q", i, got.Payload)
			}
			c.Ping() // the acknowledgement has arrived
		}
		if cl, ok := s.Client("c"); !ok || cl.ID() != "c" {
			t.Error("the live client is not found")
		}
	})
}

func TestQoS0MessagesAreQueuedOnRequestOnly(t *testing.T) {
	t.Parallel()
	for _, queue := range []bool{false, true} {
		t.Run(fmt.Sprint(queue), func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{QueueQoS0Messages: queue}})
			offline(t, s, persistent(packets.V5, "c"), "q", 2)
			publish(t, s, "q", "zero", 0, false)
			publish(t, s, "q", "one", 1, false)
			c := mqtttest.Dial(t, s, persistent(packets.V5, "c"))
			if queue {
				if got := c.Message(); string(got.Payload) != "zero" {
					t.Errorf("got %q first", got.Payload)
				}
			}
			if got := c.Message(); string(got.Payload) != "one" {
				t.Errorf("got %q", got.Payload)
			}
			c.Ping()
		})
	}
}

func TestAPersistentSessionOf3KeepsItsMessages(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	offline(t, s, persistent(packets.V311, "c"), "q/#", 1)
	publish(t, s, "q/a", "kept", 2, false)
	c := mqtttest.Dial(t, s, persistent(packets.V311, "c"))
	if got := c.Message(); string(got.Payload) != "kept" || got.QoS != 1 || !c.Connack.SessionPresent {
		t.Errorf("got %q QoS %d", got.Payload, got.QoS)
	}
	c.Disconnect(packets.CodeSuccess)
	c = mqtttest.Dial(t, s, &packets.Connect{Version: packets.V311, ClientID: "c", CleanStart: true})
	if c.Connack.SessionPresent { // [MQTT-3.1.2-4]
		t.Error("clean session, yet the session is present")
	}
	publish(t, s, "q/a", "for nobody", 1, false)
	c.Ping()
}

// moody is a net.Listener whose Accept fails a few times, as it does when the
// process has no file descriptors left.
type moody struct {
	net.Listener
	fail chan error
}

func (m *moody) Accept() (net.Conn, error) {
	select {
	case err := <-m.fail:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: err}
	default:
		return m.Listener.Accept()
	}
}

func TestTemporaryAcceptErrorsDoNotEndAListener(t *testing.T) {
	t.Parallel()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &moody{Listener: inner, fail: make(chan error, 3)}
	m.fail <- syscall.EMFILE
	m.fail <- syscall.ECONNABORTED
	m.fail <- syscall.ENFILE
	s := mqtt.New(nil)
	if err := errors.Join(s.AddHook(new(auth.AllowHook), nil), s.AddListener(listeners.NewNet("moody", m)), s.Serve()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := mqtttest.NewClient(t, conn, packets.V5)
	c.Send(mqtttest.Connect("c"))
	mqtttest.Expect[*packets.Connack](c)
	c.Ping()
}
