package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	_, hook := startBroker(t, &auth.Options{Sources: []auth.Source{mustACL(t, example)}, Ledger: peaches()})
	far := "192.0.2.7:1"
	for _, tt := range []struct {
		name     string
		who      who
		password string
		action   auth.Action
		topic    string
		want     mqtt.Decision
		rule     string
		steps    []string // rule: why
	}{
		{"allowed by the second", who{"0001", "u", far}, "", pub, "a", mqtt.Allow, "acl.conf:5", []string{
			"acl.conf:4 pass: it is about the other direction", "acl.conf:5 allow: it is the first that fits",
		}},
		{"the type first", who{"0002", "admin", far}, "", sub, "a/#", mqtt.Allow, "acl.conf:6", []string{
			"acl.conf:4 pass: it is about another address", "acl.conf:5 pass: it is about another client ID",
			"acl.conf:6 allow: it is the first that fits",
		}},
		{"on to the next source", who{"c", "melon", far}, "", sub, "$SYS/#", mqtt.Deny, "no rule fits", []string{
			"acl.conf:4 pass: it is about another address", "acl.conf:5 pass: it is about another client ID",
			"acl.conf:6 pass: it is about another user name", "acl.conf:7 pass: it is about another user name",
			"acl.conf:8 pass: it is about the other direction", "acl.conf:9 pass: it is about the other direction",
			"acl.conf:10 pass: none of its topics covers the one asked for",
			"ledger acl[0] pass: it is about another address", "ledger acl[1] pass: none of its filters covers the topic",
			"ledger acl[2] pass: none of its filters covers the topic",
		}},
		{"shared", who{"0001", "", far}, "", sub, "$share/g/a", mqtt.Allow, "acl.conf:5", nil},
		{"$SYS is nobody's", who{"0001", "", far}, "", pub, "$SYS/a", mqtt.Deny, "no client may publish topics of the server, whatever the rules say", nil},
		{"connect", who{"c", "melon", far}, "password2", auth.Connect, "", mqtt.Allow, "ledger auth[1]", []string{
			"ledger auth[0] pass: it is about another user name", "ledger auth[1] allow: it is the first that fits",
		}},
		{"connect without", who{"c", "", far}, "", auth.Connect, "", mqtt.Deny, "no access source knows the client", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, tt.who, tt.action, tt.topic)
			r.Password = []byte(tt.password)
			e, err := hook.Explain(r)
			if err != nil {
				t.Fatal(err)
			}
			if e.Decision != tt.want || e.Rule != tt.rule {
				t.Errorf("%v by %q, want %v by %q", e.Decision, e.Rule, tt.want, tt.rule)
			}
			var got []string
			for _, s := range e.Steps {
				got = append(got, fmt.Sprintf("%s %v: %s", s.Rule, s.Decision, s.Why))
			}
			if tt.steps != nil && strings.Join(got, "\n") != strings.Join(tt.steps, "\n") {
				t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.steps, "\n"))
			}
		})
	}
	for _, r := range []auth.Request{{Action: sub, Topic: "a#"}, {Action: pub, Topic: "a/+"}, {Action: pub}} {
		if _, err := hook.Explain(&r); err == nil {
			t.Errorf("%v %q is explained", r.Action, r.Topic)
		}
	}
}

// An explanation decides as the hook does.
func TestExplainNarrower(t *testing.T) {
	t.Parallel()
	_, hook := startBroker(t, &auth.Options{Sources: []auth.Source{mustACL(t, "deny ip * 2 a/secret\nallow ip * 2 a/#")}})
	e, err := hook.Explain(request(t, who{client: "c"}, sub, "a/#"))
	if err != nil || e.Decision != mqtt.Allow || !e.Narrower {
		t.Errorf("%+v, %v; want allowed and narrowed", e, err)
	}
	if !strings.Contains(e.Steps[0].Why, "will not be delivered") {
		t.Errorf("the first step says %q", e.Steps[0].Why)
	}
}
