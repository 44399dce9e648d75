package mqtt_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Defects about what is allowed, what is refused and how that is answered.

// gate is an access hook made of a function.
type gate struct {
	check func(cl *mqtt.Client, topic string, write bool) mqtt.Decision
}

func (g *gate) OnACLCheck(cl *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
	return g.check(cl, topic, write), nil
}

// denying refuses to write to a topic and leaves the rest to others.
func denying(topic string) *gate {
	return &gate{func(_ *mqtt.Client, asked string, write bool) mqtt.Decision {
		if write && asked == topic {
			return mqtt.Deny
		}
		return mqtt.Pass
	}}
}

// rejecting is an OnPublish hook that answers one topic with an error.
type rejecting struct {
	topic string
	err   error
}

func (r *rejecting) OnPublish(_ *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if pk.Topic == r.topic {
		return pk, r.err
	}
	return pk, nil
}

func TestARefusedPublishIsAcknowledgedAndNeitherKeptNorDelivered(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		topic string
		hook  any
		code  packets.Code // for MQTT 5.0
	}{
		{"by access rules", "no", denying("no"), packets.ErrNotAuthorized},
		{"of the server's topics", "$SYS/fake", denying("no"), packets.ErrNotAuthorized},
		{"by a hook, with a code", "no", &rejecting{"no", packets.ErrPayloadFormatInvalid}, packets.ErrPayloadFormatInvalid},
		{"by a hook, silently", "no", &rejecting{"no", mqtt.ErrRejectPacket}, packets.CodeSuccess},
		{"by a hook that ignores it", "no", &rejecting{"no", mqtt.ErrIgnorePacket}, packets.CodeSuccess},
		{"by a hook that fails", "no", &rejecting{"no", bytes.ErrTooLarge}, packets.ErrImplementationSpecific},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, v packets.Version) {
				s := mqtttest.NewServer(t, tt.hook)
				watch := mqtttest.Dial(t, s, mqtttest.Connect("watch"))
				watch.Subscribe(tt.topic, 2)
				c := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "c", CleanStart: true})
				code := tt.code
				if v != packets.V5 {
					code = packets.CodeSuccess // [MQTT311-3.3.5-2]
				}
				publish := packets.Publish{Topic: tt.topic, Payload: []byte("x"), Retain: true}
				c.Send(&publish) // QoS 0 has no answer, and does not end the connection
				publish.QoS, publish.PacketID = 1, 7
				c.Send(&publish)
				if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != code || ack.PacketID != 7 {
					t.Errorf("PUBACK %v, want %v", ack.Code, code) // [MQTT311-3.3.5-2]
				}
				publish.QoS, publish.PacketID = 2, 8
				c.Send(&publish)
				if ack := mqtttest.Expect[*packets.Pubrec](c); ack.Code != code || ack.PacketID != 8 {
					t.Errorf("PUBREC %v, want %v", ack.Code, code)
				}
				if !code.Failed() {
					c.Send(&packets.Pubrel{PacketID: 8})
					mqtttest.Expect[*packets.Pubcomp](c)
				}
				watch.Ping()
				watch.Subscribe(tt.topic, 2) // nothing was retained either
				watch.Ping()
			})
		})
	}
}

func TestPubackNeverEchoesUserProperties(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, denying("no"))
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	user := packets.Properties{User: []packets.UserProperty{{Key: "k", Value: "v"}}}
	for _, topic := range []string{"yes", "no"} {
		c.Send(&packets.Publish{Topic: topic, QoS: 1, PacketID: 1, Properties: user})
		if ack := mqtttest.Expect[*packets.Puback](c); len(ack.Properties.User) > 0 {
			t.Errorf("%s: PUBACK with %v", topic, ack.Properties.User)
		}
		c.Send(&packets.Publish{Topic: topic, QoS: 2, PacketID: 2, Properties: user})
		rec := mqtttest.Expect[*packets.Pubrec](c)
		if len(rec.Properties.User) > 0 {
			t.Errorf("%s: PUBREC with %v", topic, rec.Properties.User)
		}
		if !rec.Code.Failed() {
			c.Send(&packets.Pubrel{PacketID: 2, Properties: user})
			if comp := mqtttest.Expect[*packets.Pubcomp](c); len(comp.Properties.User) > 0 {
				t.Errorf("PUBCOMP with %v", comp.Properties.User)
			}
		}
	}
	c.Send(&packets.Subscribe{PacketID: 3, Subscriptions: []packets.Subscription{{Filter: "x"}}, Properties: user})
	if ack := mqtttest.Expect[*packets.Suback](c); len(ack.Properties.User) > 0 {
		t.Errorf("SUBACK with %v", ack.Properties.User)
	}
	c.Send(&packets.Unsubscribe{PacketID: 4, Filters: []string{"x"}, Properties: user})
	if ack := mqtttest.Expect[*packets.Unsuback](c); len(ack.Properties.User) > 0 {
		t.Errorf("UNSUBACK with %v", ack.Properties.User)
	}
}

func TestAccessIsAskedOncePerPublishNotPerDelivery(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := mqtttest.NewServer(t, &gate{func(_ *mqtt.Client, topic string, _ bool) mqtt.Decision {
		if topic == "t" {
			asked.Add(1)
		}
		return mqtt.Pass
	}})
	var subs []*mqtttest.Client
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		c := mqtttest.Dial(t, s, mqtttest.Connect(id))
		c.Subscribe("#", 0)
		subs = append(subs, c)
	}
	p := mqtttest.Dial(t, s, mqtttest.Connect("p"))
	for range 10 {
		p.Publish("t", "x", 1, false)
	}
	for _, c := range subs {
		for range 10 {
			c.Message()
		}
	}
	if n := asked.Load(); n != 10 {
		t.Errorf("asked %d times for 10 messages to 5 receivers", n)
	}
}

func TestTheFirstDecisionCounts(t *testing.T) {
	t.Parallel()
	always := func(d mqtt.Decision) *gate {
		return &gate{func(*mqtt.Client, string, bool) mqtt.Decision { return d }}
	}
	for _, tt := range []struct {
		name  string
		hooks []any
		want  packets.Code
	}{
		{"deny, then allow", []any{always(mqtt.Deny), always(mqtt.Allow)}, packets.ErrNotAuthorized},
		{"allow, then deny", []any{always(mqtt.Allow), always(mqtt.Deny)}, packets.CodeGrantedQoS1},
		{"pass, then deny", []any{always(mqtt.Pass), always(mqtt.Deny)}, packets.ErrNotAuthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t, tt.hooks...)
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			for range 20 { // always the same answer
				if got := c.Subscribe("x", 1); got != tt.want {
					t.Fatalf("got %v, want %v", got, tt.want)
				}
			}
		})
	}
}

func TestWithoutAnAccessHookNobodyConnects(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewBareServer(t, nil)
	c := mqtttest.DialRefused(t, s, mqtttest.Connect("c"))
	if c.Connack.Code != packets.ErrNotAuthorized {
		t.Errorf("got %v", c.Connack.Code)
	}
	c.ExpectClosed()
}

// closer closes clients from inside every hook a client's packets pass.
type closer struct {
	mu     sync.Mutex
	when   string
	server *mqtt.Server
}

func (h *closer) Attach(s *mqtt.Server) { h.server = s }

func (h *closer) closeIn(event string, cl *mqtt.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if event != h.when || cl.ID() != "victim" {
		return
	}
	cl.Close()
	if other, ok := h.server.Client("other"); ok {
		other.Close()
	}
}

func (h *closer) OnACLCheck(cl *mqtt.Client, _ string, write bool) (mqtt.Decision, error) {
	if write {
		h.closeIn("write", cl)
	} else {
		h.closeIn("read", cl)
	}
	return mqtt.Allow, nil
}

func (h *closer) OnPublish(cl *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	h.closeIn("publish", cl)
	return pk, nil
}

func (h *closer) OnPublished(cl *mqtt.Client, _ *packets.Publish) { h.closeIn("published", cl) }

func (h *closer) OnSubscribed(cl *mqtt.Client, _ *packets.Subscribe, _ []packets.Code) {
	h.closeIn("subscribed", cl)
}

func (h *closer) OnQosComplete(cl *mqtt.Client, _ *packets.Publish) { h.closeIn("complete", cl) }

func (h *closer) OnPacketSent(cl *mqtt.Client, pk packets.Packet, _ []byte) {
	if pk.Type() == packets.TypePuback {
		h.closeIn("sent", cl)
	}
}

func TestClosingClientsInsideAHookDoesNotDeadlock(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"read", "write", "publish", "published", "subscribed", "complete", "sent"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t, &closer{when: when})
			other := mqtttest.Dial(t, s, mqtttest.Connect("other"))
			victim := mqtttest.Dial(t, s, mqtttest.Connect("victim"))
			victim.Send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t", QoS: 1}}})
			for ended := false; !ended; {
				switch pk := victim.Receive().(type) {
				case *packets.Suback:
					victim.Send(&packets.Publish{Topic: "t", QoS: 1, PacketID: 2})
				case *packets.Publish:
					victim.Send(&packets.Puback{PacketID: pk.PacketID})
				case *packets.Disconnect:
					if pk.Code != packets.ErrAdministrativeAction {
						t.Errorf("ended with %v", pk.Code)
					}
					ended = true
				}
			}
			victim.ExpectClosed()
			other.ExpectDisconnect(packets.ErrAdministrativeAction)
		})
	}
}

// slowDoor blocks the CONNECT of one client until it is opened.
type slowDoor struct{ entered, open chan struct{} }

func (d *slowDoor) OnConnectAuthenticate(cl *mqtt.Client, _ *packets.Connect) (mqtt.Decision, error) {
	if cl.ID() == "slow" {
		close(d.entered)
		<-d.open
	}
	return mqtt.Allow, nil
}

func TestASlowAuthenticationHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	door := &slowDoor{make(chan struct{}), make(chan struct{})}
	s := mqtttest.NewServer(t, door)
	slow := mqtttest.NewClient(t, s.Conn(t), packets.V5)
	slow.Send(mqtttest.Connect("slow"))
	<-door.entered
	c := mqtttest.Dial(t, s, mqtttest.Connect("quick"))
	c.Subscribe("t", 1)
	publish(t, s, "t", "x", 1, false)
	c.Message()
	close(door.open)
	mqtttest.Expect[*packets.Connack](slow)
	slow.Ping()
}

// witness notes the messages of the events a PUBLISH goes through.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) note(event string, cl *mqtt.Client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, event+" "+cl.ID())
}

func (w *witness) OnPublish(cl *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if pk.Topic == "will" {
		w.note("publish", cl)
	}
	return pk, nil
}

func (w *witness) OnPublished(cl *mqtt.Client, pk *packets.Publish) {
	if pk.Topic == "will" {
		w.note("published", cl)
	}
}

func TestAWillGoesTheWayOfAPublish(t *testing.T) {
	t.Parallel()
	w := new(witness)
	s := mqtttest.NewServer(t, w, denying("secret"))
	watch := mqtttest.Dial(t, s, mqtttest.Connect("watch"))
	watch.Subscribe("#", 1)
	for _, topic := range []string{"secret", "will"} {
		pk := mqtttest.Connect("c")
		pk.WillFlag, pk.Will = true, packets.Will{Topic: topic, Payload: []byte("gone"), QoS: 1, Retain: true}
		mqtttest.Dial(t, s, pk).Disconnect(packets.CodeDisconnectWithWill)
	}
	if got := watch.Message(); got.Topic != "will" || string(got.Payload) != "gone" {
		t.Errorf("got %+v", got)
	}
	late := mqtttest.Dial(t, s, mqtttest.Connect("late")) // the Will's RETAIN flag counts [MQTT-3.1.2-15]
	late.Subscribe("#", 1)
	if got := late.Message(); got.Topic != "will" || !got.Retain {
		t.Errorf("retained: %+v", got)
	}
	late.Ping()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) != 2 || w.seen[0] != "publish c" || w.seen[1] != "published c" {
		t.Errorf("events %v", w.seen)
	}
}
