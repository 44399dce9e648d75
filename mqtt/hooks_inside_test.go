package mqtt_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// everyHook makes a hook for each event. All change nothing and call act with
// the event's name and its client, nil if it has none; the Stored ones bring
// back a session, whose packet identifiers are all in use if exhausted is set.
func everyHook(exhausted bool, act func(event string, cl *mqtt.Client)) []any {
	return []any{
		fnAccept(func(net.Conn) bool { act("OnAccept", nil); return true }),
		fnStarted(func() { act("OnStarted", nil) }),
		fnStopped(func() { act("OnStopped", nil) }),
		fnStop(func() { act("OnStop", nil) }),
		fnTick(func(*mqtt.Stats) { act("OnSysInfoTick", nil) }),
		fnAuth(func(c *mqtt.Client, _ *packets.Connect) (mqtt.Decision, error) {
			act("OnConnectAuthenticate", c)
			return mqtt.Pass, nil
		}),
		fnACL(func(c *mqtt.Client, _ string, _ bool) (mqtt.Decision, error) {
			act("OnACLCheck", c)
			return mqtt.Pass, nil
		}),
		fnEnhanced(func(c *mqtt.Client, _ string, data []byte) ([]byte, mqtt.AuthDecision, error) {
			act("OnEnhancedAuth", c)
			if len(data) == 0 {
				return []byte("more"), mqtt.AuthContinue, nil
			}
			return nil, mqtt.AuthAllow, nil
		}),
		fnConnect(func(c *mqtt.Client, _ *packets.Connect) error { act("OnConnect", c); return nil }),
		fnEstablish(func(c *mqtt.Client, _ *packets.Connect) { act("OnSessionEstablish", c) }),
		fnEstablished(func(c *mqtt.Client, _ *packets.Connect) { act("OnSessionEstablished", c) }),
		fnDisconnect(func(c *mqtt.Client, _ error, _ bool) { act("OnDisconnect", c) }),
		fnClose(func(c *mqtt.Client, _ error) { act("OnClose", c) }),
		fnAuthPacket(func(c *mqtt.Client, p *packets.Auth) (*packets.Auth, error) { act("OnAuthPacket", c); return p, nil }),
		fnRead(func(c *mqtt.Client, p packets.Packet) (packets.Packet, error) { act("OnPacketRead", c); return p, nil }),
		fnEncode(func(c *mqtt.Client, p packets.Packet) packets.Packet { act("OnPacketEncode", c); return p }),
		fnSent(func(c *mqtt.Client, _ packets.Packet, _ []byte) { act("OnPacketSent", c) }),
		fnProcessed(func(c *mqtt.Client, _ packets.Packet, _ error) { act("OnPacketProcessed", c) }),
		fnSubscribe(func(c *mqtt.Client, p *packets.Subscribe) *packets.Subscribe { act("OnSubscribe", c); return p }),
		fnSubscribed(func(c *mqtt.Client, _ *packets.Subscribe, _ []packets.Code) { act("OnSubscribed", c) }),
		fnUnsubscribe(func(c *mqtt.Client, p *packets.Unsubscribe) *packets.Unsubscribe { act("OnUnsubscribe", c); return p }),
		fnUnsubscribed(func(c *mqtt.Client, _ *packets.Unsubscribe) { act("OnUnsubscribed", c) }),
		fnSelect(func(s *mqtt.Subscribers, _ *packets.Publish) *mqtt.Subscribers {
			act("OnSelectSubscribers", nil)
			return s
		}),
		fnPublish(func(c *mqtt.Client, p *packets.Publish) (*packets.Publish, error) { act("OnPublish", c); return p, nil }),
		fnPublished(func(c *mqtt.Client, _ *packets.Publish) { act("OnPublished", c) }),
		fnDropped(func(c *mqtt.Client, _ *packets.Publish, _ mqtt.DropReason) { act("OnPublishDropped", c) }),
		fnRetain(func(c *mqtt.Client, _ *packets.Publish, _ int64) { act("OnRetainMessage", c) }),
		fnRetainSent(func(c *mqtt.Client, _ *packets.Publish) { act("OnRetainPublished", c) }),
		fnQosPublish(func(c *mqtt.Client, _ *packets.Publish, _ time.Time, _ int) { act("OnQosPublish", c) }),
		fnQosComplete(func(c *mqtt.Client, _ *packets.Publish) { act("OnQosComplete", c) }),
		fnQosDropped(func(c *mqtt.Client, _ *packets.Publish) { act("OnQosDropped", c) }),
		fnExhausted(func(c *mqtt.Client, _ *packets.Publish) { act("OnPacketIDExhausted", c) }),
		fnWill(func(c *mqtt.Client, w *packets.Will) (*packets.Will, error) { act("OnWill", c); return w, nil }),
		fnWillSent(func(c *mqtt.Client, _ *packets.Publish) { act("OnWillSent", c) }),
		fnExpired(func(c *mqtt.Client) { act("OnClientExpired", c) }),
		fnRetainedGone(func(string) { act("OnRetainedExpired", nil) }),
		fnClients(func() ([]mqtt.StoredClient, error) {
			act("StoredClients", nil)
			return []mqtt.StoredClient{{ClientID: "full", Version: packets.V5, SessionExpiryInterval: 3600}}, nil
		}),
		fnSubs(func() ([]mqtt.StoredSubscription, error) {
			act("StoredSubscriptions", nil)
			return []mqtt.StoredSubscription{{ClientID: "full", Subscription: packets.Subscription{Filter: "full", QoS: 2}}}, nil
		}),
		fnInflight(func() ([]mqtt.StoredMessage, error) {
			act("StoredInflightMessages", nil)
			if exhausted {
				return everyIdentifier("full"), nil
			}
			return nil, nil
		}),
		fnRetained(func() ([]mqtt.StoredMessage, error) { act("StoredRetainedMessages", nil); return nil, nil }),
		fnSysInfo(func() (*mqtt.Stats, error) { act("StoredSysInfo", nil); return nil, nil }),
	}
}

// everyIdentifier uses all packet identifiers of a session up.
func everyIdentifier(clientID string) []mqtt.StoredMessage {
	list := make([]mqtt.StoredMessage, 65535)
	for i := range list {
		list[i] = mqtt.StoredMessage{ClientID: clientID, Topic: "t", QoS: 2, PacketID: uint16(i + 1), Released: true}
	}
	return list
}

// actor is a client that answers as clients do and does not mind being cut off.
type actor struct {
	conn net.Conn
	v    packets.Version
	mute bool // acknowledges nothing
}

func newActor(s *listeners.Memory, pk *packets.Connect, mute bool) *actor {
	conn, err := s.Dial(context.Background())
	if err != nil {
		return nil
	}
	if pk.Version == 0 {
		pk.Version = packets.V5
	}
	a := &actor{conn: conn, v: pk.Version, mute: mute}
	go a.answer()
	a.send(pk)
	return a
}

func (a *actor) send(pks ...packets.Packet) {
	for _, pk := range pks {
		b, err := pk.Append(nil, a.v)
		if err != nil {
			panic(err)
		}
		_, _ = a.conn.Write(b) // the server may have cut the connection
	}
	synctest.Wait()
}

func (a *actor) answer() {
	r := packets.NewReader(a.conn, 0)
	r.SetVersion(a.v)
	for {
		pk, err := r.ReadPacket()
		if err != nil {
			_ = a.conn.Close()
			return
		}
		var reply packets.Packet
		switch pk := pk.(type) {
		case *packets.Auth:
			reply = &packets.Auth{Code: packets.CodeContinueAuthentication, Properties: packets.Properties{AuthenticationMethod: "m", AuthenticationData: []byte("x")}}
		case *packets.Publish:
			if pk.QoS == 1 && !a.mute {
				reply = &packets.Puback{PacketID: pk.PacketID}
			} else if pk.QoS == 2 && !a.mute {
				reply = &packets.Pubrec{PacketID: pk.PacketID}
			}
		case *packets.Pubrec:
			reply = &packets.Pubrel{PacketID: pk.PacketID}
		}
		if reply != nil {
			b, _ := reply.Append(nil, a.v)
			_, _ = a.conn.Write(b) // the server may have cut the connection
		}
	}
}

// tour does everything that has an event, and goes on whoever is cut off.
func tour(m *listeners.Memory) {
	will := func(pk *packets.Connect) *packets.Connect {
		pk.WillFlag, pk.Will = true, packets.Will{Topic: "w", Payload: []byte("x"), QoS: 1}
		return pk
	}
	method := mqtttest.Connect("auth")
	method.Properties.AuthenticationMethod = "m"
	newActor(m, method, false)
	sub := newActor(m, mqtttest.Connect("sub"), false)
	sub.send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t/#", QoS: 2}, {Filter: "w", QoS: 1}}})
	keeper := durable("keeper")
	keeper.Properties.SessionExpiryInterval = 20
	off := newActor(m, keeper, false)
	off.send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t/#", QoS: 2}}}, &packets.Disconnect{})
	mute := newActor(m, mqtttest.Connect("mute"), true)
	mute.send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t/#", QoS: 1}}})
	newActor(m, durable("full"), true)
	pub := newActor(m, will(mqtttest.Connect("pub")), false)
	brief := packets.Properties{MessageExpiryInterval: 5}
	pub.send(&packets.Publish{Topic: "t/1", QoS: 1, PacketID: 1, Payload: []byte("x"), Retain: true, Properties: brief},
		&packets.Publish{Topic: "t/2", QoS: 2, PacketID: 2, Payload: []byte("x")},
		&packets.Publish{Topic: "full", QoS: 1, PacketID: 3, Payload: []byte("x")},
		&packets.Publish{Topic: "t/3", Payload: []byte("x")})
	late := newActor(m, mqtttest.Connect("late"), false)
	late.send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t/#", QoS: 1}}},
		&packets.Unsubscribe{PacketID: 2, Filters: []string{"t/#"}})
	mute.send(&packets.Disconnect{})
	_ = pub.conn.Close()
	advance(time.Minute) // ticks, expiries
	synctest.Wait()
}

func newTour(t *testing.T, hooks ...any) (*mqtt.Server, *listeners.Memory) {
	t.Helper()
	s := mqtt.New(&mqtt.Options{SysTopicResendInterval: 30, Capabilities: mqtt.Capabilities{MaximumInflight: 65535}})
	m := listeners.NewMemory("memory")
	for _, hook := range append(hooks, new(auth.AllowHook)) {
		if err := s.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddListener(m); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // for tests that end early
	return s, m
}

// alive proves that the server still serves.
func alive(t *testing.T, s *mqtt.Server, m *listeners.Memory) {
	t.Helper()
	c := dialMemory(t, m, packets.V5)
	c.Send(mqtttest.Connect("alive"))
	mqtttest.Expect[*packets.Connack](c)
	c.Subscribe("alive", 1)
	if err := s.Publish("alive", []byte("x"), false, 1); err != nil {
		t.Fatal(err)
	}
	c.Message()
	c.Disconnect(0)
}

func dialMemory(t testing.TB, m *listeners.Memory, v packets.Version) *mqtttest.Client {
	t.Helper()
	conn, err := m.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // closed already by most tests
	return mqtttest.NewClient(t, conn, v)
}

func start(t testing.TB, s *mqtt.Server, ls ...mqtt.Listener) {
	t.Helper()
	for _, l := range ls {
		if err := s.AddListener(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
}

// From inside any event a hook may disconnect the client concerned and all
// others, publish, subscribe, unsubscribe and read figures.
func TestHooksMayCallTheServer(t *testing.T) {
	t.Parallel()
	acts := []struct {
		name string
		do   func(s *mqtt.Server, own *mqtt.Client)
	}{
		{"disconnect its own client", func(_ *mqtt.Server, own *mqtt.Client) {
			if own != nil {
				own.Close()
			}
		}},
		{"disconnect every client", func(s *mqtt.Server, _ *mqtt.Client) {
			for _, id := range []string{"auth", "sub", "keeper", "mute", "pub", "late", "full"} {
				if c, ok := s.Client(id); ok {
					_ = s.DisconnectClient(c, packets.ErrNotAuthorized) // a client without a connection is an error
				}
			}
		}},
		{"publish and subscribe", func(s *mqtt.Server, own *mqtt.Client) {
			_ = s.Subscribe("t/#", 7, func(*mqtt.Client, packets.Subscription, *packets.Publish) {})
			for qos := range byte(3) {
				_ = s.Publish("t/hook", []byte("x"), true, qos)
			}
			_ = s.Unsubscribe("t/#", 7)
			_ = s.Stats()
			if own != nil { // an error where the client has no session
				_ = s.InjectPacket(own, &packets.Subscribe{PacketID: 9, Subscriptions: []packets.Subscription{{Filter: "t/hook", QoS: 1}}})
				_ = s.InjectPacket(own, &packets.Unsubscribe{PacketID: 9, Filters: []string{"t/hook"}})
			}
		}},
	}
	for _, hook := range everyHook(false, func(string, *mqtt.Client) {}) {
		event := methodOf(hook)
		for _, tt := range acts {
			t.Run(event+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var s *mqtt.Server
					var called, acting atomic.Int64
					var over atomic.Bool
					hooks := everyHook(event == "OnPacketIDExhausted", func(e string, own *mqtt.Client) {
						if e != event {
							return
						}
						// What it does may ring the bell again, without end.
						if n := called.Add(1); acting.Add(1) == 1 && n <= 20 && !over.Load() {
							tt.do(s, own)
						}
						acting.Add(-1)
					})
					var m *listeners.Memory
					s, m = newTour(t, hooks...)
					if err := s.Serve(); err != nil {
						t.Fatal(err)
					}
					tour(m)
					over.Store(true)
					alive(t, s, m)
					if err := s.Close(); err != nil {
						t.Error(err)
					}
					if called.Load() == 0 {
						t.Error("the event did not happen")
					}
				})
			})
		}
	}
}

// A panic in any event closes at most the connection it was called for; the
// server and the other clients go on.
func TestHookPanics(t *testing.T) {
	t.Parallel()
	for _, hook := range everyHook(false, func(string, *mqtt.Client) {}) {
		event := methodOf(hook)
		switch event {
		case "OnStarted", "OnStopped", "OnStop", "StoredClients", "StoredSubscriptions",
			"StoredInflightMessages", "StoredRetainedMessages", "StoredSysInfo":
			continue // these run on the goroutine of whoever called Serve or Close
		}
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var panicked atomic.Bool
				s, m := newTour(t, everyHook(event == "OnPacketIDExhausted", func(e string, _ *mqtt.Client) {
					if e == event && panicked.CompareAndSwap(false, true) {
						panic("slip of the pen")
					}
				})...)
				if err := s.Serve(); err != nil {
					t.Fatal(err)
				}
				tour(m)
				alive(t, s, m)
				if n := s.Stats().Panics; n != 1 {
					t.Errorf("%d panics counted, want 1", n)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The panic of a hook that looks at what one client gets ends that client's
// connection, not the publisher's.
func TestPanicClosesTheReceiver(t *testing.T) {
	t.Parallel()
	boom := func(c *mqtt.Client, pk packets.Packet) {
		if p, ok := pk.(*packets.Publish); ok && c.ID() == "sub" && string(p.Payload) == "boom" {
			panic("slip of the pen")
		}
	}
	tests := []struct {
		name string
		hook any
	}{
		{"OnPacketEncode", fnEncode(func(c *mqtt.Client, p packets.Packet) packets.Packet { boom(c, p); return p })},
		{"OnPacketSent", fnSent(func(c *mqtt.Client, p packets.Packet, _ []byte) { boom(c, p) })},
		{"OnQosPublish", fnQosPublish(func(c *mqtt.Client, p *packets.Publish, _ time.Time, _ int) { boom(c, p) })},
	}
	for _, tt := range tests {
		for qos := range byte(3) {
			if qos == 0 && tt.name == "OnQosPublish" {
				continue
			}
			t.Run(tt.name+"/"+string('0'+rune(qos)), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, tt.hook)
				sub := mqtttest.Dial(t, s, mqtttest.Connect("sub"))
				other := mqtttest.Dial(t, s, mqtttest.Connect("other"))
				pub := mqtttest.Dial(t, s, mqtttest.Connect("pub"))
				sub.Subscribe("a", qos)
				other.Subscribe("a", qos)
				pub.Publish("a", "boom", qos, false)
				pub.Ping()
				other.Message()
				other.Ping()
				sub.ReceiveUntilClosed()
			})
		}
	}
}
