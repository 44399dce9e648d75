package guard

import (
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func newTestLimiter() *limiter {
	return newLimiter(&Options{
		PerAddress: Rate{4, time.Second}, PerUser: Rate{2, time.Minute}, PerPair: Rate{3, time.Minute}, Remember: 100,
	})
}

func at(user, address string) pair { return pair{user, addressOf(address + ":1")} }

func TestLimiter(t *testing.T) {
	t.Parallel()
	var (
		mallory = at("alice", "192.0.2.1")
		alice   = at("alice", "192.0.2.2")
		bob     = at("bob", "192.0.2.1")
		now     = time.Unix(1000, 0)
	)
	steps := []struct {
		name   string
		wait   time.Duration
		fails  []pair
		passes []pair
		check  pair
		want   verdict
	}{
		{"nothing yet", 0, nil, nil, mallory, admitted},
		{"alice logs in from home", 0, nil, []pair{alice}, alice, admitted},
		{"two wrong passwords for alice", 0, []pair{mallory, mallory}, nil, mallory, tooManyFailures},
		{"they do not count at home", 0, nil, nil, alice, admitted},
		{"another user of that address may", 0, nil, nil, bob, admitted},
		{"until the address has had four", 0, []pair{bob, at("carol", "192.0.2.1")}, nil, bob, tooManyFailures},
		{"which pass with time", time.Second, nil, nil, bob, admitted},
		{"alice's take longer", 0, nil, nil, mallory, tooManyFailures},
		{"and pass too", time.Minute, nil, nil, mallory, admitted},
		{"at home three are tolerated", 0, []pair{alice, alice}, nil, alice, admitted},
		{"no more", 0, []pair{alice}, nil, alice, tooManyFailures},
		{"which is nothing to others", 0, nil, nil, mallory, admitted},
	}
	l := newTestLimiter()
	for _, s := range steps {
		now = now.Add(s.wait)
		for _, p := range s.fails {
			l.failed(p, now)
		}
		for _, p := range s.passes {
			l.succeeded(p, now)
		}
		if got := l.check(s.check, now); got != s.want {
			t.Errorf("%s: %d, want %d", s.name, got, s.want)
		}
	}
}

// TestLimiterCountsPending: attempts at the same moment cannot all pass.
func TestLimiterCountsPending(t *testing.T) {
	t.Parallel()
	l, now, p := newTestLimiter(), time.Unix(1000, 0), at("alice", "192.0.2.1")
	var began []counted
	for range 2 {
		c, v := l.begin(p, now)
		if v != admitted {
			t.Fatalf("verdict %d", v)
		}
		began = append(began, c)
	}
	if _, v := l.begin(p, now); v != tooManyAtOnce {
		t.Errorf("a third at the same time: %d", v)
	}
	l.end(began[0])
	if c, v := l.begin(p, now); v != admitted {
		t.Errorf("after one had an answer: %d", v)
	} else {
		l.end(c)
	}
	l.failed(p, now)
	l.failed(p, now)
	l.end(began[1])
	if _, v := l.begin(p, now); v != tooManyFailures {
		t.Errorf("after two failures: %d", v)
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	tab := newTable[string, int](10)
	*tab.get("kept") = 7
	for i := range 1000 {
		*tab.get(strconv.Itoa(i)) = i
		if tab.len() > 20 {
			t.Fatalf("%d entries", tab.len())
		}
		if v := tab.find("kept"); v == nil || *v != 7 {
			t.Fatalf("what is in use was forgotten after %d", i)
		}
	}
	if tab.find("1") != nil {
		t.Error("what was not used is still there")
	}
	tab.clear()
	if tab.len() != 0 || tab.find("kept") != nil {
		t.Error("not cleared")
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	m := newMemory(10)
	right, wrong := m.mac("alice", []byte("secret")), m.mac("alice", []byte("Secret"))
	check := func(name string, generation uint64, user string, sum mac, wantRight, wantRemembered bool) {
		t.Helper()
		if r, k := m.look(generation, user, sum); r != wantRight || k != wantRemembered {
			t.Errorf("%s: %t, %t, want %t, %t", name, r, k, wantRight, wantRemembered)
		}
	}
	check("nothing yet", 1, "alice", right, false, false)
	m.keep(1, "alice", right)
	check("the password", 1, "alice", right, true, true)
	check("another", 1, "alice", wrong, false, true)
	check("another user", 1, "bob", right, false, false)
	check("after a reload", 2, "alice", right, false, false)
	m.keep(2, "bob", m.mac("bob", nil))
	check("after another was kept", 2, "alice", right, false, false)
	m.keep(1, "alice", right)
	check("kept too late", 2, "alice", right, false, false)
	check("kept too late, asked for the old", 1, "alice", right, false, false)
	if m.mac("ab", []byte("c")) == m.mac("a", []byte("bc")) {
		t.Error("user and password run into one another")
	}
	if newMemory(1).mac("alice", []byte("secret")) == right {
		t.Error("two processes have the same key")
	}
}

func TestAddressOf(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:5000":          "192.0.2.1/32",
		"[::ffff:192.0.2.1]:5000": "192.0.2.1/32",
		"[2001:db8:1:2:3::4]:5":   "2001:db8:1:2::/64",
		"[fe80::1%eth0]:5":        "fe80::/64",
		"@":                       netip.Prefix{}.String(),
		"local":                   netip.Prefix{}.String(),
	} {
		if got := addressOf(remote).String(); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no source":     {},
		"workers":       {Source: nothing{}, Workers: -1},
		"a rate of 0":   {Source: nothing{}, PerUser: Rate{0, time.Second}},
		"an empty time": {Source: nothing{}, PerPair: Rate{5, 0}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

type nothing struct{}

func (nothing) Verify(string, []byte) (ok, known bool, err error) { return false, false, nil }
func (nothing) Knows(string) bool                                 { return false }
func (nothing) Generation() uint64                                { return 0 }
