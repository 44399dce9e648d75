package mqtt_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// secrecy keeps topics below "secret/" from every client but "boss" while it is set.
type secrecy struct{ on atomic.Bool }

func (h *secrecy) OnDeliveryCheck(cl *mqtt.Client, _ string) func(string) bool {
	if !h.on.Load() || cl.ID() == "boss" {
		return nil
	}
	return func(topic string) bool { return !strings.HasPrefix(topic, "secret/") }
}

func newSecrecy(on bool) *secrecy {
	h := new(secrecy)
	h.on.Store(on)
	return h
}

// wantTopics receives messages and compares their topics, in order.
func wantTopics(t *testing.T, c *mqtttest.Client, want ...string) {
	t.Helper()
	for _, topic := range want {
		if got := c.Message(); got.Topic != topic {
			t.Fatalf("got a message of %q, want %q", got.Topic, topic)
		}
	}
	c.Ping() // and nothing else
}

func TestDeliveryCheckNarrows(t *testing.T) {
	t.Parallel()
	for qos := range byte(2) {
		s := mqtttest.NewServer(t, newSecrecy(true))
		boss := mqtttest.Dial(t, s, mqtttest.Connect("boss"))
		boss.Publish("secret/kept", "x", qos, true)
		boss.Publish("open/kept", "x", qos, true)
		c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
		c.Subscribe("#", qos)
		wantTopics(t, c, "open/kept")
		c.Subscribe("secret/+", qos)
		boss.Subscribe("secret/1", qos)
		for _, topic := range []string{"secret/1", "open/1", "secret/1", "open/1"} {
			pk := &packets.Publish{Topic: topic, Payload: []byte("x"), QoS: qos}
			if err := s.PublishPacket(pk); err != nil {
				t.Fatal(err)
			}
		}
		wantTopics(t, c, "open/1", "open/1")
		wantTopics(t, boss, "secret/1", "secret/1")
	}
}

func TestDeliveryCheckOfSharedMembers(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, newSecrecy(true))
	a, b := mqtttest.Dial(t, s, mqtttest.Connect("a")), mqtttest.Dial(t, s, mqtttest.Connect("boss"))
	a.Subscribe("$share/g/#", 1)
	b.Subscribe("$share/g/#", 1)
	pub := mqtttest.Dial(t, s, mqtttest.Connect("pub"))
	for range 4 {
		pub.Publish("secret/1", "x", 1, false)
	}
	wantTopics(t, b, "secret/1", "secret/1", "secret/1", "secret/1")
	a.Ping()
}

func TestRecheckAccessNarrowsAndWidens(t *testing.T) {
	t.Parallel()
	h := newSecrecy(false)
	s := mqtttest.NewServer(t, h)
	c, pub := mqtttest.Dial(t, s, mqtttest.Connect("c")), mqtttest.Dial(t, s, mqtttest.Connect("pub"))
	c.Subscribe("#", 0)
	pub.Publish("secret/1", "x", 1, false)
	wantTopics(t, c, "secret/1")
	for _, tt := range []struct {
		name string
		on   bool
		want []string
	}{
		{"narrowed", true, []string{"open/1"}},
		{"widened again", false, []string{"secret/1", "open/1"}},
	} {
		h.on.Store(tt.on)
		s.RecheckAccess()
		pub.Publish("secret/1", "x", 1, false)
		pub.Publish("open/1", "x", 1, false)
		wantTopics(t, c, tt.want...)
	}
}

// What waits in a queue may not be delivered by rules that came later, nor to
// the next connection of its session.
func TestDeniedMessagesLeaveTheQueue(t *testing.T) {
	t.Parallel()
	h := newSecrecy(false)
	s := mqtttest.NewServer(t, h)
	durable := mqtttest.Connect("c")
	durable.Properties.SessionExpiryInterval = 3600
	durable.Properties.Set(packets.PropSessionExpiryInterval)
	c := mqtttest.Dial(t, s, durable)
	c.Subscribe("#", 1)
	c.Disconnect(packets.CodeSuccess)
	pub := mqtttest.Dial(t, s, mqtttest.Connect("pub"))
	pub.Publish("secret/1", "x", 1, false)
	pub.Publish("open/1", "x", 1, false)
	h.on.Store(true)
	s.RecheckAccess()
	durable.CleanStart = false
	c = mqtttest.Dial(t, s, durable)
	if !c.Connack.SessionPresent {
		t.Fatal("the session is gone")
	}
	wantTopics(t, c, "open/1")
	if n := s.Stats().Queued; n != 0 {
		t.Errorf("%d messages are still counted as queued", n)
	}
}

type fnReadmit func(*mqtt.Client) error

func (f fnReadmit) OnReadmit(cl *mqtt.Client) error { return f(cl) }

func TestReadmitDisconnects(t *testing.T) {
	t.Parallel()
	var out atomic.Bool
	h := fnReadmit(func(cl *mqtt.Client) error {
		if out.Load() && cl.ID() == "c" {
			return packets.ErrBanned
		}
		return nil
	})
	s := mqtttest.NewServer(t, h)
	c, other := mqtttest.Dial(t, s, mqtttest.Connect("c")), mqtttest.Dial(t, s, mqtttest.Connect("other"))
	s.RecheckAccess()
	c.Ping()
	out.Store(true)
	s.RecheckAccess()
	c.ExpectDisconnect(packets.ErrNotAuthorized) // 0x8A is for CONNACK alone
	other.Ping()
}

// Rules that change while a CONNECT is asked about hold for it as well.
func TestRecheckDuringConnect(t *testing.T) {
	t.Parallel()
	var s *mqtttest.Server
	var out atomic.Bool
	during := fnEstablish(func(*mqtt.Client, *packets.Connect) {
		out.Store(true)
		s.RecheckAccess()
	})
	s = mqtttest.NewServer(t, during, fnReadmit(func(*mqtt.Client) error {
		if out.Load() {
			return packets.ErrNotAuthorized
		}
		return nil
	}))
	mqtttest.Dial(t, s, mqtttest.Connect("c")).ExpectDisconnect(packets.ErrNotAuthorized)
}

// Rules that change while a SUBSCRIBE is asked about hold for it as well.
func TestRecheckDuringSubscribe(t *testing.T) {
	t.Parallel()
	var s *mqtttest.Server
	h := newSecrecy(false)
	s = mqtttest.NewServer(t, h, &lateRule{h: h, server: &s})
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Subscribe("#", 0)
	if err := s.Publish("secret/1", []byte("x"), false, 0); err != nil {
		t.Fatal(err)
	}
	wantTopics(t, c)
}

// lateRule switches secrecy on after the delivery check was asked for.
type lateRule struct {
	h      *secrecy
	server **mqtttest.Server
	done   atomic.Bool
}

func (l *lateRule) OnDeliveryCheck(*mqtt.Client, string) func(string) bool {
	if l.done.CompareAndSwap(false, true) {
		l.h.on.Store(true)
		(*l.server).RecheckAccess()
	}
	return nil
}

// An ACL hook chooses the Reason Code of its refusal.
func TestACLReasonCode(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, checker(mqtt.Deny, packets.ErrQuotaExceeded))
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	if code := c.Subscribe("a", 0); code != packets.ErrQuotaExceeded {
		t.Errorf("SUBACK %v, want quota exceeded", code)
	}
	c.Send(&packets.Publish{Topic: "a", QoS: 1, PacketID: 9})
	if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != packets.ErrQuotaExceeded {
		t.Errorf("PUBACK %v, want quota exceeded", ack.Code)
	}
}

func TestClientValues(t *testing.T) {
	t.Parallel()
	cl := mqtt.New(nil).NewClient(nil, "l", "c", true)
	type key struct{ n int }
	if got := cl.Value(key{1}); got != nil {
		t.Errorf("before: %v", got)
	}
	cl.SetValue(key{1}, "one")
	cl.SetValue(key{2}, "two")
	cl.SetValue(key{1}, "uno")
	if a, b, c := cl.Value(key{1}), cl.Value(key{2}), cl.Value(key{3}); a != "uno" || b != "two" || c != nil {
		t.Errorf("got %v, %v, %v", a, b, c)
	}
}
