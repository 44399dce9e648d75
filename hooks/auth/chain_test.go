package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// source answers always the same, and counts.
type source struct {
	name     string
	decision mqtt.Decision
	err      error
	verdict  auth.Verdict
	asked    atomic.Int64
}

func (s *source) Name() string { return s.name }

func (s *source) Authenticate(context.Context, *auth.Request) (mqtt.Decision, string, error) {
	return s.decision, s.name, s.err
}

func (s *source) Authorize(context.Context, *auth.Request) (auth.Verdict, error) {
	s.asked.Add(1)
	v := s.verdict
	v.Decision = s.decision
	return v, s.err
}

func TestChainOrder(t *testing.T) {
	t.Parallel()
	yes, no, pass := mqtt.Allow, mqtt.Deny, mqtt.Pass
	away := errors.New("database away")
	for _, tt := range []struct {
		name    string
		sources []*source
		connect packets.Code
		publish packets.Code
	}{
		{"allow", []*source{{decision: yes}}, 0, 0},
		{"deny", []*source{{decision: no}}, packets.ErrBadUsernameOrPassword, 0},
		{"the first wins", []*source{{decision: yes}, {decision: no}}, 0, 0},
		{"a deny first", []*source{{decision: no}, {decision: yes}}, packets.ErrBadUsernameOrPassword, 0},
		{"pass asks the next", []*source{{decision: pass}, {decision: yes}}, 0, 0},
		{"all pass", []*source{{decision: pass}, {decision: pass}}, packets.ErrBadUsernameOrPassword, 0},
		{"an error denies", []*source{{err: away}, {decision: yes}}, packets.ErrServerUnavailable, 0},
		{"an error beats its allow", []*source{{decision: yes, err: away}}, packets.ErrServerUnavailable, 0},
		{"an error with a code", []*source{{err: packets.ErrBanned}}, packets.ErrBanned, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sources []auth.Source
			for _, s := range tt.sources {
				s.name = "s"
				sources = append(sources, s)
			}
			b, _ := startBroker(t, &auth.Options{Sources: sources})
			c := b.dialRefused(t, "", mqtttest.Connect("c"))
			wantCode(t, "CONNACK", c.Connack.Code, tt.connect)
			if tt.connect == 0 {
				wantCode(t, "PUBACK", publish(t, c, "a"), tt.publish)
			}
		})
	}
}

func TestChainAuthorizes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		second  *source
		allowed bool
	}{
		{"all pass", &source{decision: mqtt.Pass}, false},
		{"nobody has rules", &source{decision: mqtt.Pass, verdict: auth.Verdict{NoRules: true}}, true},
		{"an error", &source{decision: mqtt.Allow, err: errors.New("database away")}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.second.name = "s"
			acl := onlyACL{tt.second}
			b, _ := startBroker(t, &auth.Options{Ledger: everybody(), Sources: []auth.Source{acl}})
			c := b.dial(t, "", mqtttest.Connect("c"))
			for action, code := range map[string]packets.Code{"publish": publish(t, c, "a"), "subscribe": c.Subscribe("a", 0)} {
				if code.Failed() == tt.allowed {
					t.Errorf("%s: %v", action, code)
				}
			}
		})
	}
}

// onlyACL hides the authenticator of a source.
type onlyACL struct{ s *source }

func (a onlyACL) Name() string { return a.s.name }
func (a onlyACL) Authorize(ctx context.Context, r *auth.Request) (auth.Verdict, error) {
	return a.s.Authorize(ctx, r)
}

// seedHook is a hook as users of mochi and comqtt write it.
type seedHook struct{}

func (seedHook) OnConnectAuthenticate(cl *mqtt.Client, pk *packets.Connect) bool {
	return string(pk.Password) == "open sesame"
}
func (seedHook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool { return topic == "a" }

func TestFromHook(t *testing.T) {
	t.Parallel()
	s, err := auth.FromHook("mine", seedHook{})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := startBroker(t, &auth.Options{Sources: []auth.Source{s}, Ledger: &auth.Ledger{
		Users: auth.Users{"ann": {Password: "a"}}, ACL: auth.ACLRules{{Username: "ann"}},
	}})
	c := b.dial(t, "", user("c", "", "open sesame"))
	wantCode(t, "true is allow", publish(t, c, "a"), packets.CodeSuccess)
	wantCode(t, "false is pass, and nobody else allows", publish(t, c, "b"), denied)
	ann := b.dial(t, "", user("ann", "ann", "a"))
	wantCode(t, "false is pass, and the ledger allows", publish(t, ann, "b"), packets.CodeSuccess)
	wantCode(t, "neither", b.dialRefused(t, "", user("x", "x", "x")).Connack.Code, packets.ErrBadUsernameOrPassword)
	if _, err := auth.FromHook("none", 3); err == nil {
		t.Error("3 is a source")
	}
}

func TestHookOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config any
		want   string
	}{
		{"none", nil, "*auth.Options"},
		{"another type", auth.Options{}, "*auth.Options"},
		{"no source", &auth.Options{}, "name no source"},
		{"bad data", &auth.Options{Data: []byte("acl: 3")}, "line 1"},
		{"bad ledger", &auth.Options{Ledger: &auth.Ledger{ACL: auth.ACLRules{{Remote: "x"}}}}, "acl[0]"},
		{"no source at all", &auth.Options{Sources: []auth.Source{nameOnly("x")}}, "neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := mqtt.New(nil).AddHook(new(auth.Hook), tt.config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

type nameOnly string

func (n nameOnly) Name() string { return string(n) }

func TestLedgerByData(t *testing.T) {
	t.Parallel()
	b, _ := startBroker(t, &auth.Options{Data: []byte("auth:\n- {username: ann, password: a, allow: true}\n")})
	c := b.dial(t, "", user("c", "ann", "a"))
	wantCode(t, "no ACL rules: allowed", publish(t, c, "a"), packets.CodeSuccess)
	wantCode(t, "but not $SYS", publish(t, c, "$SYS/a"), denied)
}

func TestPassUndecided(t *testing.T) {
	t.Parallel()
	s := mqtt.New(nil)
	if err := s.AddHook(new(auth.Hook), &auth.Options{PassUndecided: true, Sources: []auth.Source{mustACL(t, "deny clientid * 3 secret")}}); err != nil {
		t.Fatal(err)
	}
	// What the chain leaves open the next hook decides.
	b := serve(t, s, new(auth.AllowHook))
	c := b.dial(t, "", mqtttest.Connect("c"))
	wantCode(t, "left open", publish(t, c, "a"), packets.CodeSuccess)
	wantCode(t, "denied", publish(t, c, "secret"), denied)
}

// Decisions are remembered per client, in bounds, until the rules change.
func TestDecisionsAreCached(t *testing.T) {
	t.Parallel()
	s := &source{name: "s", decision: mqtt.Allow}
	b, hook := startBroker(t, &auth.Options{Sources: []auth.Source{s}})
	c := b.dial(t, "", mqtttest.Connect("c"))
	step := func(what string, want int64, topics ...string) {
		t.Helper()
		before := s.asked.Load()
		for _, topic := range topics {
			publish(t, c, topic)
		}
		if got := s.asked.Load() - before; got != want {
			t.Errorf("%s: asked %d times, want %d", what, got, want)
		}
	}
	step("first", 2, "a", "b")
	step("again", 0, "a", "b", "a")
	hook.Changed()
	step("after a change", 1, "a", "a")
	var many []string
	for i := range 1000 {
		many = append(many, strings.Repeat("x", 1+i%100)+string(rune('a'+i/100)))
	}
	step("many", int64(len(many)), many...)
	step("another client asks for itself", 0, many[len(many)-1])
	other := b.dial(t, "", mqtttest.Connect("other"))
	before := s.asked.Load()
	publish(t, other, many[len(many)-1])
	if s.asked.Load() != before+1 {
		t.Error("a client got the decision of another")
	}
}
