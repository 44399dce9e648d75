package guard_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/auth/guard"
	"github.com/linnetmq/linnet/hooks/auth/passwd"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Tests of large numbers, with argon2id. LINNET_LONG=1 makes them as large as
// the promises are, and strict: on a busy machine, or with the race
// detector, times say little.

var long = os.Getenv("LINNET_LONG") == "1"

func pick[T any](usual, large T) T {
	if long {
		return large
	}
	return usual
}

// broker serves TCP with a password file of some users, whose names are their
// passwords.
func broker(t testing.TB, users int) (address string, g *guard.Guard) {
	t.Helper()
	var text strings.Builder
	var mu sync.Mutex
	each(users, 4, func(i int) {
		encoded, err := passwd.Hash(passwd.Argon2id, []byte(user(i)))
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		text.WriteString(user(i) + ":" + encoded + "\n")
	})
	path := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := passwd.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if g, err = guard.New(guard.Options{Source: file, Wait: pick(3*time.Second, 0)}); err != nil {
		t.Fatal(err)
	}
	s := mqtt.New(&mqtt.Options{SysTopicResendInterval: -1})
	l := listeners.NewTCP("tcp", "127.0.0.1:0", nil)
	if err := errors.Join(s.AddHook(g, nil), s.AddListener(l), s.Serve()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the end of the test
	return l.Address(), g
}

func user(i int) string { return "user" + strconv.Itoa(i) }

// each calls f for 0 to n-1, some at a time.
func each(n, parallel int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	wg.Wait()
}

// connect logs in from an address of this machine and returns the connection
// with the CONNACK's return code.
func connect(ctx context.Context, address string, from netip.Addr, username, password string) (net.Conn, byte, error) {
	var d net.Dialer
	if from != home { // the system looks long for a port that an address is bound to
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, 0, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetLinger(0) // the port is free again at once
	}
	pk := &packets.Connect{
		Version: packets.V311, CleanStart: true, Username: username, UsernameFlag: true, Password: []byte(password), PasswordFlag: true,
	}
	var b []byte
	if err == nil {
		b, err = pk.Append(nil, packets.V311)
	}
	if err == nil {
		_, err = conn.Write(b)
	}
	var ack [4]byte
	if err == nil {
		_, err = io.ReadFull(conn, ack[:])
	}
	if err != nil {
		conn.Close()
		return nil, 0, err
	}
	return conn, ack[3], nil
}

var home = netip.MustParseAddr("127.0.0.1")

// warmUp logs every user in for the first time. A fleet behind one address
// meets "server busy" when it comes all at once, so it comes a few at a time.
func warmUp(t testing.TB, address string, users int) time.Duration {
	t.Helper()
	start := time.Now()
	each(users, 4, func(i int) {
		conn, code, err := connect(t.Context(), address, home, user(i), user(i))
		if err != nil || code != 0 {
			t.Errorf("first login: code %d, %v", code, err)
			return
		}
		conn.Close()
	})
	return time.Since(start)
}

// TestReconnectStorm has clients that were known come back, all at once.
func TestReconnectStorm(t *testing.T) {
	users, clients := pick(10, 1000), pick(500, 10_000)
	address, g := broker(t, users)
	first := warmUp(t, address, users)
	start := time.Now()
	each(clients, 200, func(i int) {
		conn, code, err := connect(t.Context(), address, home, user(i%users), user(i%users))
		if err != nil || code != 0 {
			t.Errorf("client %d: code %d, %v", i, code, err)
			return
		}
		conn.Close()
	})
	took := time.Since(start)
	t.Logf("%d users logged in for the first time in %v, %d clients came back in %v", users, first.Round(time.Millisecond), clients, took.Round(time.Millisecond))
	if long && took > 10*time.Second {
		t.Errorf("%d known clients came back in %v, want 10 s at most", clients, took)
	}
	if got := g.Stats(); got.Verified != uint64(users) || got.Remembered != uint64(clients) {
		t.Errorf("have %+v", got)
	}
}

// TestGoodLoginsDuringAttack compares how many of a thousand known clients a
// second can log in, alone and while others try a thousand passwords a second.
// With LINNET_LONG it also tells how many could at the most, which the load on
// the same cores lowers too.
func TestGoodLoginsDuringAttack(t *testing.T) {
	const users, good, bad = 10, 1000, 1000
	phase := pick(500*time.Millisecond, 5*time.Second)
	for _, tt := range []struct {
		name     string
		attacker func(i int) (netip.Addr, string)
	}{
		{"one address tries one user", func(int) (netip.Addr, string) {
			return netip.MustParseAddr("127.0.0.66"), user(1)
		}},
		{"many addresses try many users", func(i int) (netip.Addr, string) {
			return netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), user(i % (2 * users))
		}},
		{"the address of the good ones tries unknown users", func(i int) (netip.Addr, string) {
			return home, "unknown" + strconv.Itoa(i)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, g := broker(t, users)
			warmUp(t, address, users)
			attacked := func(f func()) (rate float64) {
				ctx, stop := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { rate = attackAt(ctx, t, address, bad, tt.attacker) })
				f()
				stop()
				wg.Wait()
				return rate
			}
			alone := goodLogins(t, address, users, good, phase)
			var during float64
			attempts := attacked(func() { during = goodLogins(t, address, users, good, phase) })
			t.Logf("good logins a second: %.0f alone, %.0f during %.0f bad ones; %+v", alone, during, attempts, g.Stats())
			if got := g.Stats().Verified; got != users {
				t.Errorf("%d logins of known clients were hashed, want the first of each of the %d users", got, users)
			}
			if !long {
				return // who wins the cores of a busy machine says nothing
			}
			if during < 0.8*alone {
				t.Errorf("good logins fell to %.2f, want 0.80 at least", during/alone)
			}
			if attempts < bad*0.9 {
				t.Errorf("only %.0f bad logins a second", attempts)
			}
			most := goodLogins(t, address, users, 0, phase)
			attacked(func() { during = goodLogins(t, address, users, 0, phase) })
			t.Logf("at the most: %.0f alone, %.0f during the attack (%.2f)", most, during, during/most)
		})
	}
}

// goodLogins returns how many a second succeed, on a schedule of rate a second
// or, with 0, as fast as they can; each must.
func goodLogins(t *testing.T, address string, users, rate int, phase time.Duration) float64 {
	t.Helper()
	var n, next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range pick(4, 16) {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if rate > 0 {
					<-time.After(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate))))
				}
				if time.Since(start) >= phase {
					return
				}
				conn, code, err := connect(t.Context(), address, home, user(i%users), user(i%users))
				if err != nil || code != 0 {
					t.Errorf("good login: code %d, %v", code, err)
					return
				}
				conn.Close()
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(start).Seconds()
}

// attackAt tries wrong passwords on a schedule until ctx ends, and returns how
// many a second; each must be refused.
func attackAt(ctx context.Context, t *testing.T, address string, rate int, attacker func(i int) (netip.Addr, string)) float64 {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	for i := 0; ; {
		select {
		case <-ctx.Done():
			return float64(i) / time.Since(start).Seconds()
		case <-tick.C:
		}
		for ; i < int(time.Since(start).Seconds()*float64(rate)); i++ {
			from, name := attacker(i)
			password := "wrong" + strconv.Itoa(i)
			wg.Go(func() {
				conn, code, err := connect(context.WithoutCancel(ctx), address, from, name, password)
				if err != nil {
					t.Errorf("attack: %v", err)
					return
				}
				conn.Close()
				if code == 0 {
					t.Error("a wrong password was admitted")
				}
			})
		}
	}
}
