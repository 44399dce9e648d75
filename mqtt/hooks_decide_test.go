package mqtt_test

import (
	"errors"
	"net"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

type (
	boolAuth func(*mqtt.Client, *packets.Connect) bool
	boolACL  func(*mqtt.Client, string, bool) bool
)

func (f boolAuth) OnConnectAuthenticate(c *mqtt.Client, p *packets.Connect) bool { return f(c, p) }
func (f boolACL) OnACLCheck(c *mqtt.Client, topic string, write bool) bool       { return f(c, topic, write) }

func authenticator(d mqtt.Decision, err error) any {
	return fnAuth(func(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) { return d, err })
}

func checker(d mqtt.Decision, err error) any {
	return fnACL(func(*mqtt.Client, string, bool) (mqtt.Decision, error) { return d, err })
}

// bare starts a broker with these hooks and no other.
func bare(t *testing.T, hooks ...any) *listeners.Memory {
	t.Helper()
	s := mqtt.New(quiet())
	for _, hook := range hooks {
		if err := s.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	m := listeners.NewMemory("m")
	start(t, s, m)
	return m
}

var versions = []packets.Version{packets.V31, packets.V311, packets.V5}

func TestConnectDecisions(t *testing.T) {
	t.Parallel()
	allow, deny, pass := authenticator(mqtt.Allow, nil), authenticator(mqtt.Deny, nil), authenticator(mqtt.Pass, nil)
	yes := boolAuth(func(*mqtt.Client, *packets.Connect) bool { return true })
	no := boolAuth(func(*mqtt.Client, *packets.Connect) bool { return false })
	tests := []struct {
		name  string
		hooks []any
		v5    packets.Code
		v3    packets.Code // that of the return code; 0xFF: closed without one
	}{
		{"nobody asked", nil, packets.ErrNotAuthorized, packets.ErrNotAuthorized},
		{"allow", []any{allow}, packets.CodeSuccess, packets.CodeSuccess},
		{"deny", []any{deny}, packets.ErrBadUsernameOrPassword, packets.ErrBadUsernameOrPassword},
		{"pass alone", []any{pass}, packets.ErrBadUsernameOrPassword, packets.ErrBadUsernameOrPassword},
		{"allow before deny", []any{allow, deny}, packets.CodeSuccess, packets.CodeSuccess},
		{"deny before allow", []any{deny, allow}, packets.ErrBadUsernameOrPassword, packets.ErrBadUsernameOrPassword},
		{"pass, then allow", []any{pass, allow}, packets.CodeSuccess, packets.CodeSuccess},
		{"error before allow", []any{authenticator(mqtt.Pass, errors.New("database away")), allow}, packets.ErrImplementationSpecific, 0xFF},
		{"error beats its own allow", []any{authenticator(mqtt.Allow, errors.New("database away"))}, packets.ErrImplementationSpecific, 0xFF},
		{"code", []any{authenticator(mqtt.Deny, packets.ErrBanned), allow}, packets.ErrBanned, packets.ErrNotAuthorized},
		{"true is allow", []any{yes}, packets.CodeSuccess, packets.CodeSuccess},
		{"false is pass", []any{no, yes}, packets.CodeSuccess, packets.CodeSuccess},
		{"false alone", []any{no}, packets.ErrBadUsernameOrPassword, packets.ErrBadUsernameOrPassword},
	}
	for _, tt := range tests {
		for _, v := range versions {
			t.Run(tt.name+"/"+v.String(), func(t *testing.T) {
				t.Parallel()
				c := dialMemory(t, bare(t, tt.hooks...), v)
				c.Send(&packets.Connect{Version: v, ClientID: "c", CleanStart: true, Username: "u", UsernameFlag: true, Password: []byte("secret"), PasswordFlag: true})
				want := tt.v5
				if v != packets.V5 {
					want = tt.v3
				}
				if want == 0xFF { // 3.x has no return code for it
					c.ExpectClosed()
					return
				}
				if ack := mqtttest.Expect[*packets.Connack](c); ack.Code != want {
					t.Errorf("CONNACK %v, want %v", ack.Code, want)
				}
				if want.Failed() {
					c.ExpectClosed() // [MQTT-3.1.4-2]
				}
			})
		}
	}
}

func TestACLDecisions(t *testing.T) {
	t.Parallel()
	allow, deny, pass := checker(mqtt.Allow, nil), checker(mqtt.Deny, nil), checker(mqtt.Pass, nil)
	tests := []struct {
		name    string
		hooks   []any
		allowed bool
	}{
		{"nobody asked", nil, false},
		{"allow", []any{allow}, true},
		{"deny before allow", []any{deny, allow}, false},
		{"allow before deny", []any{allow, deny}, true},
		{"pass alone", []any{pass}, false},
		{"pass, then allow", []any{pass, allow}, true},
		{"error before allow", []any{checker(mqtt.Allow, errors.New("database away")), allow}, false},
		{"true is allow", []any{boolACL(func(*mqtt.Client, string, bool) bool { return true })}, true},
		{"false is pass", []any{boolACL(func(*mqtt.Client, string, bool) bool { return false }), allow}, true},
		{"false alone", []any{boolACL(func(*mqtt.Client, string, bool) bool { return false })}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dialMemory(t, bare(t, append(tt.hooks, authenticator(mqtt.Allow, nil))...), packets.V5)
			c.Send(mqtttest.Connect("c"))
			mqtttest.Expect[*packets.Connack](c)
			wantSub, wantPub := packets.ErrNotAuthorized, packets.ErrNotAuthorized
			if tt.allowed {
				wantSub, wantPub = packets.CodeGrantedQoS1, packets.CodeNoMatchingSubscribers
			}
			if got := c.Subscribe("a/+", 1); got != wantSub {
				t.Errorf("SUBACK %v, want %v", got, wantSub)
			}
			c.Send(&packets.Publish{Topic: "b", QoS: 1, PacketID: 9})
			if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != wantPub {
				t.Errorf("PUBACK %v, want %v", ack.Code, wantPub)
			}
		})
	}
}

// The checker sees filters without $share, and knows reading from writing.
func TestACLCheckGetsTopicAndDirection(t *testing.T) {
	t.Parallel()
	var log diary
	s := newServer(t, fnACL(func(c *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
		log.add("%s %s %t", c.ID(), topic, write)
		return mqtt.Pass, nil
	}))
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Subscribe("$share/g/a/#", 1)
	c.Subscribe("b/+", 1)
	c.Publish("d", "x", 1, false)
	if err := s.Publish("e", nil, false, 0); err != nil { // the embedding program is not asked
		t.Fatal(err)
	}
	log.expect(t, "c a/# false", "c b/+ false", "c d true")
}

func TestHookFuncs(t *testing.T) {
	t.Parallel()
	t.Run("OnAccept", func(t *testing.T) {
		t.Parallel()
		m := bare(t, mqtt.HookFuncs{OnAccept: func(c net.Conn) bool { return c == nil }}, new(auth.AllowHook))
		dialMemory(t, m, packets.V5).ExpectClosed()
	})
	for _, v := range versions {
		t.Run("OnConnect/"+v.String(), func(t *testing.T) {
			t.Parallel()
			m := bare(t, &mqtt.HookFuncs{OnConnect: func(c *mqtt.Client) packets.Code {
				if c.Username() == "u" {
					return 0
				}
				return packets.ErrBadUsernameOrPassword
			}})
			good, bad := dialMemory(t, m, v), dialMemory(t, m, v)
			bad.Send(&packets.Connect{Version: v, ClientID: "b", CleanStart: true})
			if ack := mqtttest.Expect[*packets.Connack](bad); ack.Code != packets.ErrBadUsernameOrPassword {
				t.Errorf("CONNACK %v", ack.Code)
			}
			good.Send(&packets.Connect{Version: v, ClientID: "g", CleanStart: true, Username: "u", UsernameFlag: true})
			if ack := mqtttest.Expect[*packets.Connack](good); ack.Code != 0 {
				t.Errorf("CONNACK %v", ack.Code)
			}
			if got := good.Subscribe("a", 1); got != 1 { // who is admitted may do all
				t.Errorf("SUBACK %v", got)
			}
		})
	}
	t.Run("OnSubscribe", func(t *testing.T) {
		t.Parallel()
		answers := map[string]packets.Code{"zero": 0, "one": 1, "two": 2, "no": 0x80, "quota": packets.ErrQuotaExceeded}
		hook := mqtt.HookFuncs{OnSubscribe: func(_ *mqtt.Client, sub packets.Subscription) packets.Code { return answers[sub.Filter] }}
		tests := []struct {
			filter string
			asked  byte
			v5, v3 packets.Code
		}{
			{"zero", 2, 0, 0},
			{"one", 2, 1, 1},
			{"two", 2, 2, 2},
			{"two", 1, 1, 1}, // never more than was asked for
			{"one", 0, 0, 0},
			{"no", 1, packets.ErrUnspecified, packets.ErrUnspecified},
			{"quota", 1, packets.ErrQuotaExceeded, packets.ErrUnspecified},
		}
		for _, v := range []packets.Version{packets.V311, packets.V5} {
			s := newServer(t, hook)
			c := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "c", CleanStart: true})
			for _, tt := range tests {
				want := tt.v5
				if v == packets.V311 {
					want = tt.v3
				}
				if got := c.Subscribe(tt.filter, tt.asked); got != want {
					t.Errorf("%v: %s asked %d: SUBACK %v, want %v", v, tt.filter, tt.asked, got, want)
				}
			}
			c.Publish("no", "x", 1, false) // a refused filter gets nothing
			c.Ping()
			c.Send(&packets.Publish{Topic: "two", QoS: 2, PacketID: 77})
			if p := mqtttest.Expect[*packets.Publish](c); p.QoS != 1 { // what was granted last
				t.Errorf("delivered with QoS %d, want 1", p.QoS)
			}
		}
	})
	t.Run("OnPublish", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, mqtt.HookFuncs{OnPublish: func(_ *mqtt.Client, p *packets.Publish) bool { return string(p.Payload) != "drop" }})
		c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
		sub := mqtttest.Dial(t, s, mqtttest.Connect("sub"))
		sub.Subscribe("a", 2)
		for qos := range byte(3) {
			c.Publish("a", "drop", qos, true) // acknowledged as usual
			c.Publish("a", "keep", qos, false)
			if p := sub.Message(); string(p.Payload) != "keep" {
				t.Errorf("got %q", p.Payload)
			}
		}
		if n := s.Stats().Retained; n != 0 {
			t.Errorf("%d retained, want none: a dropped message is not kept", n)
		}
	})
	t.Run("OnClose and OnStop", func(t *testing.T) {
		t.Parallel()
		var log diary
		s := newServer(t, mqtt.HookFuncs{
			OnClose: func(c *mqtt.Client, err error) { log.add("close %s %t", c.ID(), err == nil) },
			OnStop:  func() { log.add("stop") },
		})
		mqtttest.Dial(t, s, mqtttest.Connect("a")).Disconnect(0)
		until(t, func() bool { return log.len() == 1 })
		mqtttest.Dial(t, s, mqtttest.Connect("b")).Send(&packets.Connect{Version: packets.V5, ClientID: "b"})
		until(t, func() bool { return log.len() == 2 })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		log.expect(t, "close a true", "close b false", "stop")
	})
}
