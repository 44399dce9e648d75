package auth_test

import (
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
)

// who is a requester: client ID, user name, address.
type who struct{ client, user, ip string }

func request(t testing.TB, w who, action auth.Action, topic string) *auth.Request {
	t.Helper()
	remote, ok := auth.ParseRemote(w.ip)
	if !ok {
		t.Fatalf("%q is no address", w.ip)
	}
	return &auth.Request{ClientID: w.client, Username: w.user, Remote: remote, Action: action, Topic: topic}
}

func authorize(t testing.TB, s auth.Authorizer, w who, action auth.Action, topic string) auth.Verdict {
	t.Helper()
	v, err := s.Authorize(t.Context(), request(t, w, action, topic))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustACL(t testing.TB, text string) *auth.ACLFile {
	t.Helper()
	f, err := auth.ParseACL("acl.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const (
	pub = auth.Publish
	sub = auth.Subscribe
	rcv = auth.Receive
)

// example is the file as the README of hmq shows it, comments and all.
const example = `## type clientid , username, ipaddr
##pub 1 ,  sub 2,  pubsub 3
## %c is clientid , %u is username
allow      ip          127.0.0.1   2     $SYS/#
allow      clientid    0001        3     #
allow      username    admin       3     #
allow      username    joy         3     /test,hello/world 
allow      clientid    *           1     toCloud/%c
allow      username    *           1     toCloud/%u
deny       clientid    *           3     #
`

// Every line of the example does what the words beside it say, and no more.
func TestACLExampleLineByLine(t *testing.T) {
	t.Parallel()
	f := mustACL(t, example)
	local, far := "127.0.0.1:5555", "192.0.2.7:5555"
	for _, tt := range []struct {
		name   string
		who    who
		action auth.Action
		topic  string
		want   mqtt.Decision
		line   string
	}{
		{"local sub $SYS", who{"c", "u", local}, sub, "$SYS/#", mqtt.Allow, "acl.conf:4"},
		{"local sub part of $SYS", who{"c", "u", local}, sub, "$SYS/broker/+", mqtt.Allow, "acl.conf:4"},
		{"local receive $SYS", who{"c", "u", local}, rcv, "$SYS/broker/uptime", mqtt.Allow, "acl.conf:4"},
		{"local does not pub $SYS", who{"c", "u", local}, pub, "$SYS/x", mqtt.Pass, ""},
		{"far does not sub $SYS", who{"c", "u", far}, sub, "$SYS/#", mqtt.Pass, ""},
		{"0001 pub all", who{"0001", "", far}, pub, "any/thing", mqtt.Allow, "acl.conf:5"},
		{"0001 sub all", who{"0001", "", far}, sub, "#", mqtt.Allow, "acl.conf:5"},
		{"0001 has no $SYS by #", who{"0001", "", far}, sub, "$SYS/#", mqtt.Pass, ""},
		{"00012 is another", who{"00012", "", far}, pub, "any/thing", mqtt.Deny, "acl.conf:10"},
		{"admin pub all", who{"c", "admin", far}, pub, "any/thing", mqtt.Allow, "acl.conf:6"},
		{"admin sub all", who{"c", "admin", far}, sub, "+/#", mqtt.Allow, "acl.conf:6"},
		{"joy pub /test", who{"c", "joy", far}, pub, "/test", mqtt.Allow, "acl.conf:7"},
		{"joy sub hello/world", who{"c", "joy", far}, sub, "hello/world", mqtt.Allow, "acl.conf:7"},
		{"joy not deeper", who{"c", "joy", far}, pub, "hello/world/deeper", mqtt.Deny, "acl.conf:10"},
		{"joy not with +", who{"c", "joy", far}, sub, "+/+", mqtt.Deny, "acl.conf:10"},
		{"joy not with #", who{"c", "joy", far}, sub, "hello/world/#", mqtt.Deny, "acl.conf:10"},
		{"joy not test without slash", who{"c", "joy", far}, pub, "test", mqtt.Deny, "acl.conf:10"},
		{"client to its cloud", who{"dev1", "bob", far}, pub, "toCloud/dev1", mqtt.Allow, "acl.conf:8"},
		{"client does not read its cloud", who{"dev1", "bob", far}, sub, "toCloud/dev1", mqtt.Deny, "acl.conf:10"},
		{"client not to another's", who{"dev1", "bob", far}, pub, "toCloud/dev2", mqtt.Deny, "acl.conf:10"},
		{"user to its cloud", who{"dev1", "bob", far}, pub, "toCloud/bob", mqtt.Allow, "acl.conf:9"},
		{"user not below its cloud", who{"dev1", "bob", far}, pub, "toCloud/bob/x", mqtt.Deny, "acl.conf:10"},
		{"all denied", who{"dev1", "bob", far}, sub, "news", mqtt.Deny, "acl.conf:10"},
		{"a client called #", who{"#", "", far}, pub, "toCloud/x", mqtt.Deny, "acl.conf:10"},
		{"a client called +", who{"+", "", far}, pub, "toCloud/x", mqtt.Deny, "acl.conf:10"},
		{"no user name is nobody's", who{"dev1", "", far}, pub, "toCloud/", mqtt.Deny, "acl.conf:10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := authorize(t, f, tt.who, tt.action, tt.topic)
			if v.Decision != tt.want || v.Rule != tt.line {
				t.Errorf("%v by %q, want %v by %q", v.Decision, v.Rule, tt.want, tt.line)
			}
		})
	}
}

func TestACLRules(t *testing.T) {
	t.Parallel()
	anyone := who{"c", "u", "192.0.2.7:1"}
	for _, tt := range []struct {
		name   string
		file   string
		who    who
		action auth.Action
		topic  string
		want   mqtt.Decision
	}{
		{"direction is part of matching", "allow clientid * 1 a\ndeny clientid * 2 a", anyone, pub, "a", mqtt.Allow},
		{"an allow to publish does not deny to subscribe", "allow clientid * 1 a\nallow clientid * 2 a", anyone, sub, "a", mqtt.Allow},
		{"a deny to publish does not allow to subscribe", "deny clientid * 1 a", anyone, sub, "a", mqtt.Pass},
		{"no prefix match", "allow clientid * 3 hello/world", anyone, pub, "hello/world/deeper", mqtt.Pass},
		{"# matches its parent", "allow clientid * 3 a/#", anyone, pub, "a", mqtt.Allow},
		{"a leading slash counts", "allow clientid * 3 /a", anyone, pub, "x/a", mqtt.Pass},
		{"# is not $SYS", "allow clientid * 3 #", anyone, sub, "$SYS/#", mqtt.Pass},
		{"the first match decides", "deny clientid * 3 a/b\nallow clientid * 3 a/#", anyone, pub, "a/b", mqtt.Deny},
		{"rules after a blank line", "deny clientid * 3 x\n\n\nallow clientid * 3 a", anyone, pub, "a", mqtt.Allow},
		{"all kinds of comments", "# a\n; b\n// c\n* d\n  # e\nallow clientid * 3 a", anyone, pub, "a", mqtt.Allow},
		{"tabs and CRLF", "allow\tclientid\t*\t3\ta\r\n", anyone, pub, "a", mqtt.Allow},
		{"ipaddr", "allow ipaddr 192.0.2.7 3 a", anyone, pub, "a", mqtt.Allow},
		{"another address", "allow ip 192.0.2.70 3 a", anyone, pub, "a", mqtt.Pass},
		{"CIDR", "allow ip 192.0.2.0/24 3 a", anyone, pub, "a", mqtt.Allow},
		{"outside of the CIDR", "allow ip 192.0.3.0/24 3 a", anyone, pub, "a", mqtt.Pass},
		{"IPv6", "allow ip 2001:db8::1 3 a", who{"c", "u", "[2001:db8::1]:1"}, pub, "a", mqtt.Allow},
		{"IPv6 in brackets", "allow ip [2001:db8::1] 3 a", who{"c", "u", "[2001:db8::1]:1"}, pub, "a", mqtt.Allow},
		{"IPv6 network", "allow ip 2001:db8::/32 3 a", who{"c", "u", "[2001:db8:9::1]:1"}, pub, "a", mqtt.Allow},
		{"IPv4 in IPv6 clothes", "allow ip 192.0.2.7 3 a", who{"c", "u", "[::ffff:192.0.2.7]:1"}, pub, "a", mqtt.Allow},
		{"localhost by IPv6", "allow ip localhost 3 a", who{"c", "u", "[::1]:1"}, pub, "a", mqtt.Allow},
		{"localhost is not far", "allow ip localhost 3 a", anyone, pub, "a", mqtt.Pass},
		{"no address, no network", "allow ip 0.0.0.0/0 3 a", who{"c", "u", ""}, pub, "a", mqtt.Pass},
		{"%c in an ip rule", "allow ip * 1 x/%c", anyone, pub, "x/c", mqtt.Allow},
		{"%u in a clientid rule", "allow clientid * 1 x/%u", anyone, pub, "x/u", mqtt.Allow},
		{"both, many times", "allow ip * 1 %u/%c/%u-%c", anyone, pub, "u/c/u-c", mqtt.Allow},
		{"a client ID with a slash reaches nothing", "allow ip * 1 x/%c", who{"c/d", "u", ""}, pub, "x/c/d", mqtt.Pass},
		{"but is denied what it spells", "deny ip * 1 x/%c\nallow ip * 1 #", who{"c/d", "u", ""}, pub, "x/c/d", mqtt.Deny},
		{"a client ID called $SYS", "allow ip * 2 %c/#", who{"$SYS", "u", ""}, sub, "$SYS/#", mqtt.Pass},
		{"substituted once", "allow ip * 1 x/%c", who{"%u", "secret", ""}, pub, "x/secret", mqtt.Pass},
		{"substituted as it is", "allow ip * 1 x/%c", who{"%u", "secret", ""}, pub, "x/%u", mqtt.Allow},
		{"* is everybody, also without a user name", "allow username * 1 a", who{"c", "", ""}, pub, "a", mqtt.Allow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if v := authorize(t, mustACL(t, tt.file), tt.who, tt.action, tt.topic); v.Decision != tt.want {
				t.Errorf("%v by %q, want %v", v.Decision, v.Rule, tt.want)
			}
		})
	}
}

func TestACLNarrower(t *testing.T) {
	t.Parallel()
	const file = "deny clientid * 2 secret/#\ndeny clientid * 1 quiet/#\nallow clientid * 3 #"
	for _, tt := range []struct {
		name, filter string
		decision     mqtt.Decision
		narrower     bool
	}{
		{"a part is denied", "#", mqtt.Allow, true},
		{"crossing the denied", "+/x", mqtt.Allow, true},
		{"all of it is denied", "secret/+", mqtt.Deny, false},
		{"apart from the denied", "open/#", mqtt.Allow, false},
		{"denied in the other direction only", "quiet/#", mqtt.Allow, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := authorize(t, mustACL(t, file), who{"c", "u", ""}, sub, tt.filter)
			if v.Decision != tt.decision || v.Narrower != tt.narrower {
				t.Errorf("%v, narrower %v; want %v, %v", v.Decision, v.Narrower, tt.decision, tt.narrower)
			}
		})
	}
}

func TestACLErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, want string }{
		{"columns", "allow clientid * 3", "acl.conf:1: 4 columns, want 5"},
		{"spaces between topics", "\nallow clientid * 3 a, b", "acl.conf:2: 6 columns"},
		{"trailing comment", "allow clientid * 3 a # why", "acl.conf:1: 7 columns"},
		{"first word", "permit clientid * 3 a", `acl.conf:1: "permit", want allow or deny`},
		{"type", "allow client * 3 a", `"client", want clientid, username or ip`},
		{"direction", "allow clientid * 4 a", `"4", want 1 (publish), 2 (subscribe) or 3 (both)`},
		{"address", "allow ip 1.2.3 3 a", `"1.2.3", want an address`},
		{"network", "allow ip 1.2.3.0/33 3 a", "want an address"},
		{"topic", "allow clientid * 3 a#", `topic "a#"`},
		{"empty topic", "allow clientid * 3 a,", `topic ""`},
		{"placeholder beside a wildcard", "allow clientid * 3 %c#", `topic "%c#"`},
		{"share", "allow clientid * 3 $share/g/a", "without $share"},
		{"every wrong line is told", "x\nallow clientid * 3 a\ny", "acl.conf:3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.ParseACL("acl.conf", []byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

// FuzzACL: no text makes the parser or the rules panic, and an identity never
// opens a topic that another identity of the same length without special
// characters would not have opened at its own place.
func FuzzACL(f *testing.F) {
	f.Add(example, "dev1", "bob", "toCloud/dev1", true)
	f.Add("allow ip * 3 x/%c/#", "#", "+", "x/y", false)
	f.Add("deny ip * 3 %c\nallow ip * 3 #", "a/b", "", "a/b", false)
	f.Fuzz(func(t *testing.T, text, client, user, topic string, write bool) {
		acl, err := auth.ParseACL("f", []byte(text))
		if err != nil {
			return
		}
		action := sub
		if write {
			action = pub
		}
		v := authorize(t, acl, who{client, user, "127.0.0.1:1"}, action, topic)
		if v.Decision == mqtt.Allow && strings.ContainsAny(client, "+#") && !strings.Contains(text, client) {
			// Whatever allowed it did not need the client ID: a plain one is allowed as well.
			plain := authorize(t, acl, who{"plain", user, "127.0.0.1:1"}, action, topic)
			if plain.Decision != mqtt.Allow && !strings.Contains(text, "plain") && !strings.Contains(text, "%c") {
				t.Fatalf("client %q is allowed %q, a plain one is not", client, topic)
			}
		}
	})
}
