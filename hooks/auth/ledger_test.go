package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
)

// peaches is the ledger of comqtt's README, as it stands there.
func peaches() *auth.Ledger {
	return &auth.Ledger{
		Auth: auth.AuthRules{ // Auth disallows all by default
			{Username: "peach", Password: "password1", Allow: true},
			{Username: "melon", Password: "password2", Allow: true},
			{Remote: "127.0.0.1:*", Allow: true},
			{Remote: "localhost:*", Allow: true},
		},
		ACL: auth.ACLRules{ // ACL allows all by default
			{Remote: "127.0.0.1:*"}, // local superuser allow all
			{
				// user melon can read and write to their own topic
				Username: "melon", Filters: auth.Filters{
					"melon/#":   auth.ReadWrite,
					"updates/#": auth.WriteOnly, // can write to updates, but can't read updates from others
				},
			},
			{
				// Otherwise, no clients have publishing permissions
				Filters: auth.Filters{
					"#":         auth.ReadOnly,
					"updates/#": auth.Deny,
				},
			},
		},
	}
}

func mustLedger(t testing.TB, l *auth.Ledger) *auth.LedgerSource {
	t.Helper()
	s, err := auth.NewLedger("ledger", l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLedgerExampleAuth(t *testing.T) {
	t.Parallel()
	s := mustLedger(t, peaches())
	far := "192.0.2.7:1"
	for _, tt := range []struct {
		name, user, password, ip string
		want                     mqtt.Decision
		rule                     string
	}{
		{"peach", "peach", "password1", far, mqtt.Allow, "ledger auth[0]"},
		{"melon", "melon", "password2", far, mqtt.Allow, "ledger auth[1]"},
		{"wrong password", "peach", "password2", far, mqtt.Pass, ""},
		{"no password", "peach", "", far, mqtt.Pass, ""},
		{"another user", "plum", "password1", far, mqtt.Pass, ""},
		{"local", "", "", "127.0.0.1:4000", mqtt.Allow, "ledger auth[2]"},
		{"local by IPv6", "", "", "[::1]:4000", mqtt.Allow, "ledger auth[3]"},
		{"another loopback address", "", "", "127.0.0.2:4000", mqtt.Allow, "ledger auth[3]"},
		{"far", "", "", far, mqtt.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, who{"c", tt.user, tt.ip}, auth.Connect, "")
			r.Secret = auth.NewSecret([]byte(tt.password))
			d, rule, err := s.Authenticate(t.Context(), r)
			if d != tt.want || rule != tt.rule || err != nil {
				t.Errorf("%v by %q, %v; want %v by %q", d, rule, err, tt.want, tt.rule)
			}
		})
	}
}

func TestLedgerExampleACL(t *testing.T) {
	t.Parallel()
	far := "192.0.2.7:1"
	melon, peach, local := who{"c", "melon", far}, who{"c", "peach", far}, who{"c", "peach", "127.0.0.1:4000"}
	for _, tt := range []struct {
		name   string
		who    who
		action auth.Action
		topic  string
		want   mqtt.Decision
		rule   string
	}{
		{"local may write", local, pub, "updates/x", mqtt.Allow, "ledger acl[0]"},
		{"local may read all", local, sub, "#", mqtt.Allow, "ledger acl[0]"},
		{"melon writes its own", melon, pub, "melon/a", mqtt.Allow, "ledger acl[1]"},
		{"melon reads its own", melon, sub, "melon/#", mqtt.Allow, "ledger acl[1]"},
		{"melon writes updates", melon, pub, "updates/x", mqtt.Allow, "ledger acl[1]"},
		{"melon does not read updates", melon, sub, "updates/#", mqtt.Deny, "ledger acl[1]"},
		{"melon reads the rest", melon, sub, "news/#", mqtt.Allow, "ledger acl[2]"},
		{"melon does not write the rest", melon, pub, "news/x", mqtt.Deny, "ledger acl[2]"},
		{"peach reads", peach, sub, "news/#", mqtt.Allow, "ledger acl[2]"},
		{"peach does not write", peach, pub, "news/x", mqtt.Deny, "ledger acl[2]"},
		{"updates are denied", peach, sub, "updates/#", mqtt.Deny, "ledger acl[2]"},
		{"one of them is", peach, sub, "updates/x", mqtt.Deny, "ledger acl[2]"},
		{"nor are they received", peach, rcv, "updates/x", mqtt.Deny, "ledger acl[2]"},
		{"their parent belongs to them", peach, rcv, "updates", mqtt.Deny, "ledger acl[2]"},
		{"others are", peach, rcv, "updatesx", mqtt.Allow, "ledger acl[2]"},
		{"not $SYS by #", peach, sub, "$SYS/#", mqtt.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := authorize(t, mustLedger(t, peaches()), tt.who, tt.action, tt.topic)
			if v.Decision != tt.want || v.Rule != tt.rule {
				t.Errorf("%v by %q, want %v by %q", v.Decision, v.Rule, tt.want, tt.rule)
			}
		})
	}
	if v := authorize(t, mustLedger(t, peaches()), peach, sub, "#"); v.Decision != mqtt.Allow || !v.Narrower {
		t.Errorf("peach and #: %+v, want allowed and narrowed", v)
	}
}

func TestLedgerRules(t *testing.T) {
	t.Parallel()
	acl := func(rules ...auth.ACLRule) *auth.Ledger { return &auth.Ledger{ACL: rules} }
	anyone := who{"c1", "u1", "10.1.2.3:400"}
	for _, tt := range []struct {
		name   string
		ledger *auth.Ledger
		who    who
		action auth.Action
		topic  string
		want   mqtt.Decision
	}{
		{"rules but no match", acl(auth.ACLRule{Filters: auth.Filters{"a": auth.ReadWrite}}), anyone, pub, "b", mqtt.Pass},
		{"the next rule when no filter covers", acl(auth.ACLRule{Filters: auth.Filters{"a": auth.ReadWrite}}, auth.ACLRule{}), anyone, pub, "b", mqtt.Allow},
		{"not the next rule when one does", acl(auth.ACLRule{Filters: auth.Filters{"a": auth.ReadOnly}}, auth.ACLRule{}), anyone, pub, "a", mqtt.Deny},
		{"most specific of many", acl(auth.ACLRule{Filters: auth.Filters{
			"#": auth.Deny, "a/#": auth.ReadWrite, "a/+": auth.Deny, "a/b": auth.ReadWrite,
		}}), anyone, pub, "a/b", mqtt.Allow},
		{"plus before hash", acl(auth.ACLRule{Filters: auth.Filters{
			"#": auth.Deny, "a/#": auth.ReadWrite, "a/+": auth.Deny, "a/b": auth.ReadWrite,
		}}), anyone, pub, "a/c", mqtt.Deny},
		{"client prefix", acl(auth.ACLRule{Client: "c*"}), anyone, pub, "a", mqtt.Allow},
		{"client exact", acl(auth.ACLRule{Client: "c"}), anyone, pub, "a", mqtt.Pass},
		{"case counts", acl(auth.ACLRule{Username: "U1"}), anyone, pub, "a", mqtt.Pass},
		{"star", acl(auth.ACLRule{Username: "*"}), anyone, pub, "a", mqtt.Allow},
		{"star inside", acl(auth.ACLRule{Client: "c*1"}), who{"cable1", "", ""}, pub, "a", mqtt.Allow},
		{"star inside, other end", acl(auth.ACLRule{Client: "c*1"}), who{"cable2", "", ""}, pub, "a", mqtt.Pass},
		{"remote CIDR", acl(auth.ACLRule{Remote: "10.0.0.0/8"}), anyone, pub, "a", mqtt.Allow},
		{"remote address", acl(auth.ACLRule{Remote: "10.1.2.3"}), anyone, pub, "a", mqtt.Allow},
		{"remote with its port", acl(auth.ACLRule{Remote: "10.1.2.3:400"}), anyone, pub, "a", mqtt.Allow},
		{"remote with another port", acl(auth.ACLRule{Remote: "10.1.2.3:401"}), anyone, pub, "a", mqtt.Pass},
		{"remote text", acl(auth.ACLRule{Remote: "10.1.*"}), anyone, pub, "a", mqtt.Allow},
		{"remote of another network", acl(auth.ACLRule{Remote: "10.2.0.0/16"}), anyone, pub, "a", mqtt.Pass},
		{"127.0.0.1:* is no prefix", acl(auth.ACLRule{Remote: "127.0.0.1:*"}), who{"c", "u", "127.0.0.10:1"}, pub, "a", mqtt.Pass},
		{"localhost", acl(auth.ACLRule{Remote: "localhost"}), who{"c", "u", "127.3.2.1:1"}, pub, "a", mqtt.Allow},
		{"all criteria", acl(auth.ACLRule{Client: "c1", Username: "u2"}), anyone, pub, "a", mqtt.Pass},
		{"the user's own filters first", &auth.Ledger{
			Users: auth.Users{"u1": {ACL: auth.Filters{"a": auth.Deny}}}, ACL: auth.ACLRules{{}},
		}, anyone, pub, "a", mqtt.Deny},
		{"then the rules", &auth.Ledger{
			Users: auth.Users{"u1": {ACL: auth.Filters{"a": auth.Deny}}}, ACL: auth.ACLRules{{}},
		}, anyone, pub, "b", mqtt.Allow},
		{"a user's name is no pattern", &auth.Ledger{
			Users: auth.Users{"u*": {ACL: auth.Filters{"a": auth.ReadWrite}}},
		}, anyone, pub, "a", mqtt.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if v := authorize(t, mustLedger(t, tt.ledger), tt.who, tt.action, tt.topic); v.Decision != tt.want {
				t.Errorf("%v by %q, want %v", v.Decision, v.Rule, tt.want)
			}
		})
	}
}

func TestLedgerUsers(t *testing.T) {
	t.Parallel()
	s := mustLedger(t, &auth.Ledger{
		Users: auth.Users{"ann": {Password: "a"}, "bob": {Password: "b", Disallow: true}, "cat": {ACL: auth.Filters{"#": auth.ReadOnly}}},
		Auth:  auth.AuthRules{{Username: "dan"}, {Allow: true}},
	})
	for _, tt := range []struct {
		name, user, password string
		want                 mqtt.Decision
	}{
		{"right password", "ann", "a", mqtt.Allow},
		{"a wrong one is not left to the rules", "ann", "b", mqtt.Deny},
		{"disallowed", "bob", "b", mqtt.Deny},
		{"without a password the rules decide", "cat", "x", mqtt.Allow},
		{"refused by a rule", "dan", "x", mqtt.Deny},
		{"unknown", "eve", "x", mqtt.Allow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, who{"c", tt.user, ""}, auth.Connect, "")
			r.Secret = auth.NewSecret([]byte(tt.password))
			if d, rule, err := s.Authenticate(t.Context(), r); d != tt.want || err != nil {
				t.Errorf("%v by %q, %v; want %v", d, rule, err, tt.want)
			}
		})
	}
}

func TestLedgerFormats(t *testing.T) {
	t.Parallel()
	var fromJSON, fromYAML auth.Ledger
	j, err := peaches().ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	y, err := peaches().ToYAML()
	if err != nil {
		t.Fatal(err)
	}
	if err := fromJSON.Unmarshal(j); err != nil {
		t.Fatalf("%v in\n%s", err, j)
	}
	if err := fromYAML.Unmarshal(y); err != nil {
		t.Fatalf("%v in\n%s", err, y)
	}
	again, _ := fromYAML.ToJSON()
	third, _ := fromJSON.ToJSON()
	if string(again) != string(j) || string(third) != string(j) {
		t.Errorf("JSON %s\nby YAML %s\nby JSON %s", j, again, third)
	}
	if shown := fmt.Sprintf("%v %+v %#v", fromJSON, fromJSON, fromJSON); strings.Contains(shown, "password1") {
		t.Errorf("a password shows: %s", shown)
	}
}

func TestLedgerErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, data, want string }{
		{"empty", "", "empty"},
		{"unknown key", "auth:\n- user: a\n", "line 2"},
		{"unknown key in JSON", "{\n\"auth\": [\n{\"user\": \"a\"}]}", "line 3"},
		{"wrong type", "acl: 3\n", "line 1"},
		{"bad JSON", "{\n\n\"auth\": x}", "line 3"},
		{"more than one value", "{} {}", "follows"},
		{"access", "acl:\n- filters: {a: 4}\n", `acl[0].filters: "a": access 4, want 0`},
		{"negative access", "acl:\n- filters: {a: -1}\n", "line 2"},
		{"filter", "acl:\n- filters: {a#: 1}\n", `"a#"`},
		{"share", "acl:\n- filters: {$share/g/a: 1}\n", "without $share"},
		{"remote", "auth:\n- remote: nowhere\n", `auth[0]: remote "nowhere"`},
		{"user's name", "users:\n  a: {username: b}\n", "users.a"},
		{"twice the same key", "acl: []\nacl: []\n", "line 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := new(auth.Ledger).Unmarshal([]byte(tt.data)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func FuzzLedger(f *testing.F) {
	f.Add([]byte("auth:\n- {username: a, password: b, allow: true}\nacl:\n- filters: {\"a/#\": 3}\n"), "a", "a/b")
	f.Add([]byte(`{"acl":[{"remote":"10.0.0.0/8","filters":{"#":1}}]}`), "", "#")
	f.Fuzz(func(t *testing.T, data []byte, user, topic string) {
		var l auth.Ledger
		if l.Unmarshal(data) != nil {
			return
		}
		s := mustLedger(t, &l)
		for _, action := range []auth.Action{pub, sub, rcv} {
			authorize(t, s, who{"c", user, "10.0.0.1:1"}, action, topic)
		}
	})
}
