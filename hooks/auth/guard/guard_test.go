package guard_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/auth/guard"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// source is a Source whose users have their own name as password.
type source struct {
	calls      atomic.Int64
	generation atomic.Uint64
	takes      time.Duration
	verify     func(username string) // if set, called first
}

var errDown = errors.New("source is down")

func (s *source) Verify(username string, password []byte) (ok, known bool, err error) {
	s.calls.Add(1)
	if s.verify != nil {
		s.verify(username)
	}
	if s.takes > 0 {
		<-time.After(s.takes)
	}
	if username == "down" {
		return false, false, errDown
	}
	return s.Knows(username) && string(password) == username, s.Knows(username), nil
}

func (s *source) Knows(username string) bool { return username != "nobody" }
func (s *source) Generation() uint64         { return s.generation.Load() }

// serve starts a broker with a guard.
func serve(t *testing.T, o guard.Options, more ...any) (*mqtttest.Server, *guard.Guard) {
	t.Helper()
	g, err := guard.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return mqtttest.NewBareServer(t, &mqtt.Options{SysTopicResendInterval: -1}, append([]any{g}, more...)...), g
}

// login connects and returns the answer and how long it took.
func login(t *testing.T, s *mqtttest.Server, v packets.Version, username, password string) (*packets.Connack, time.Duration) {
	t.Helper()
	start := time.Now()
	c := mqtttest.NewClient(t, s.Conn(t), v)
	c.Send(&packets.Connect{
		Version: v, CleanStart: true, ClientID: "c-" + strconv.FormatInt(ids.Add(1), 10),
		Username: username, UsernameFlag: true, Password: []byte(password), PasswordFlag: true,
	})
	ack := mqtttest.ExpectWithin[*packets.Connack](c, time.Minute)
	return ack, time.Since(start)
}

var ids atomic.Int64

func TestLogin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, username, password string
		code                     packets.Code
		v3                       byte
		takes                    time.Duration
	}{
		{"the right password", "alice", "alice", packets.CodeSuccess, 0, 0},
		{"a wrong one", "alice", "x", packets.ErrBadUsernameOrPassword, 4, time.Second},
		{"none", "alice", "", packets.ErrBadUsernameOrPassword, 4, time.Second},
		{"an unknown user", "nobody", "nobody", packets.ErrBadUsernameOrPassword, 4, time.Second},
		{"a source that fails", "down", "x", packets.ErrServerUnavailable, 3, 0},
	} {
		for _, v := range []packets.Version{packets.V311, packets.V5} {
			t.Run(tt.name+"/"+v.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, _ := serve(t, guard.Options{Source: &source{takes: 300 * time.Millisecond}})
					ack, took := login(t, s, v, tt.username, tt.password)
					if v == packets.V5 && ack.Code != tt.code || v == packets.V311 && ack.Code.ConnackV3() != tt.v3 {
						t.Errorf("code %v, want %v", ack.Code, tt.code)
					}
					if want := max(tt.takes, 300*time.Millisecond); took != want {
						t.Errorf("took %v, want %v", took, want)
					}
				})
			})
		}
	}
}

func TestNoUsernameIsLeftToOthers(t *testing.T) {
	t.Parallel()
	src := new(source)
	s, _ := serve(t, guard.Options{Source: src})
	if ack := mqtttest.DialRefused(t, s, mqtttest.Connect("c")).Connack; ack.Code != packets.ErrBadUsernameOrPassword || src.calls.Load() != 0 {
		t.Errorf("code %v after %d questions", ack.Code, src.calls.Load())
	}
}

// allow admits whom the hooks before it leave.
type allow struct{}

func (allow) OnConnectAuthenticate(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) {
	return mqtt.Allow, nil
}

func TestPassUnknown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, username, password string
		pass                     bool
		want                     packets.Code
		calls                    int64
	}{
		{"an unknown user is left to others", "nobody", "x", true, packets.CodeSuccess, 0},
		{"a known one is not", "alice", "x", true, packets.ErrBadUsernameOrPassword, 1},
		{"without the option nobody is", "nobody", "x", false, packets.ErrBadUsernameOrPassword, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := new(source)
			s, _ := serve(t, guard.Options{Source: src, PassUnknown: tt.pass, Delay: -1}, allow{})
			if ack, _ := login(t, s, packets.V5, tt.username, tt.password); ack.Code != tt.want || src.calls.Load() != tt.calls {
				t.Errorf("code %v, %d questions, want %v, %d", ack.Code, src.calls.Load(), tt.want, tt.calls)
			}
		})
	}
}

// TestRememberedUntilReload: the second login asks nobody, also with a wrong
// password, until the source has changed.
func TestRememberedUntilReload(t *testing.T) {
	t.Parallel()
	src := new(source)
	s, g := serve(t, guard.Options{Source: src, Delay: -1})
	for _, step := range []struct {
		password string
		ok       bool
		calls    int64
	}{{"wrong", false, 1}, {"alice", true, 2}, {"alice", true, 2}, {"wrong", false, 2}, {"alice", true, 2}} {
		ack, _ := login(t, s, packets.V5, "alice", step.password)
		if (ack.Code == packets.CodeSuccess) != step.ok || src.calls.Load() != step.calls {
			t.Errorf("%s: code %v, %d questions, want %d", step.password, ack.Code, src.calls.Load(), step.calls)
		}
	}
	src.generation.Add(1)
	if ack, _ := login(t, s, packets.V5, "alice", "alice"); ack.Code != packets.CodeSuccess || src.calls.Load() != 3 {
		t.Errorf("after a reload: code %v, %d questions", ack.Code, src.calls.Load())
	}
	if got, want := g.Stats(), (guard.Stats{Remembered: 2, Verified: 2, Wrong: 2}); got != want {
		t.Errorf("have %+v, want %+v", got, want)
	}
}

// TestFailuresAreLimitedBeforeHashing guesses a password.
func TestFailuresAreLimitedBeforeHashing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := new(source)
		s, g := serve(t, guard.Options{Source: src, PerUser: guard.Rate{Burst: 3, Every: time.Minute}, Delay: -1})
		for i := range 10 {
			want := packets.ErrBadUsernameOrPassword
			if i >= 3 {
				want = packets.ErrQuotaExceeded
			}
			if ack, _ := login(t, s, packets.V5, "alice", "wrong"); ack.Code != want {
				t.Errorf("attempt %d: %v, want %v", i, ack.Code, want)
			}
		}
		if ack, _ := login(t, s, packets.V5, "alice", "alice"); ack.Code != packets.ErrQuotaExceeded {
			t.Errorf("the right password after too many wrong ones: %v", ack.Code)
		}
		if ack, _ := login(t, s, packets.V311, "alice", "alice"); ack.Code.ConnackV3() != 3 {
			t.Errorf("the same with 3.1.1: %v", ack.Code)
		}
		if src.calls.Load() != 3 || g.Stats().Limited != 9 {
			t.Errorf("%d questions, %+v", src.calls.Load(), g.Stats())
		}
		if ack, _ := login(t, s, packets.V5, "bob", "bob"); ack.Code != packets.CodeSuccess {
			t.Errorf("another user: %v", ack.Code)
		}
		<-time.After(time.Minute)
		if ack, _ := login(t, s, packets.V5, "alice", "alice"); ack.Code != packets.CodeSuccess {
			t.Errorf("a minute later: %v", ack.Code)
		}
	})
}

// TestNoTurnInTime: more logins than can be verified in the time that is left.
func TestNoTurnInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{takes: 3 * time.Second}
		s, g := serve(t, guard.Options{Source: src, Workers: 1, Queue: 4})
		var mu sync.Mutex
		took := map[packets.Code][]time.Duration{}
		var wg sync.WaitGroup
		for i := range 7 {
			name := "user" + strconv.Itoa(i)
			wg.Go(func() {
				ack, d := login(t, s, packets.V5, name, name)
				mu.Lock()
				defer mu.Unlock()
				took[ack.Code] = append(took[ack.Code], d)
			})
		}
		wg.Wait()
		// Of seven two find no place to wait; of the five, three have an answer
		// after 3, 6 and 9 s; the time-out of 8 s is over for the others.
		if n := len(took[packets.CodeSuccess]); n != 3 {
			t.Errorf("admitted %v", took[packets.CodeSuccess])
		}
		var at0, at8 int
		for _, d := range took[packets.ErrServerBusy] {
			switch d {
			case 0:
				at0++
			case 8 * time.Second:
				at8++
			default:
				t.Errorf("refused after %v", d)
			}
		}
		if at0 != 2 || at8 != 2 || src.calls.Load() != 3 || g.Stats().Busy != 4 {
			t.Errorf("refused after %v, %d questions, %+v", took[packets.ErrServerBusy], src.calls.Load(), g.Stats())
		}
	})
}

// TestEqualLoginsAreHashedOnce has a fleet that shares one user name connect.
func TestEqualLoginsAreHashedOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, password string
		want           packets.Code
	}{{"right", "fleet", packets.CodeSuccess}, {"wrong", "x", packets.ErrBadUsernameOrPassword}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				src := &source{takes: time.Second}
				s, _ := serve(t, guard.Options{Source: src, Workers: 1, Queue: 1})
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						if ack, took := login(t, s, packets.V5, "fleet", tt.password); ack.Code != tt.want || took != time.Second {
							t.Errorf("code %v after %v", ack.Code, took)
						}
					})
				}
				wg.Wait()
				if src.calls.Load() != 1 {
					t.Errorf("%d questions", src.calls.Load())
				}
			})
		})
	}
}

// TestDelayIsBounded: more wrong passwords than may be held up.
func TestDelayIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := serve(t, guard.Options{Source: new(source), MaximumDelayed: 2, Delay: 5 * time.Second})
		var wg sync.WaitGroup
		var atOnce atomic.Int64
		for i := range 5 {
			name := "user" + strconv.Itoa(i)
			wg.Go(func() {
				if _, took := login(t, s, packets.V5, name, "wrong"); took == 0 {
					atOnce.Add(1)
				} else if took != 5*time.Second {
					t.Errorf("took %v", took)
				}
			})
		}
		wg.Wait()
		if atOnce.Load() != 3 {
			t.Errorf("%d were answered at once, want 3", atOnce.Load())
		}
	})
}

// TestSourceThatPanics loses the client that asked, and nobody waits for ever.
func TestSourceThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{verify: func(name string) {
			if name == "bomb" {
				<-time.After(time.Second)
				panic("bomb")
			}
		}}
		s, _ := serve(t, guard.Options{Source: src, Workers: 1})
		connect := func() *mqtttest.Client {
			c := mqtttest.NewClient(t, s.Conn(t), packets.V5)
			c.Send(&packets.Connect{Version: packets.V5, CleanStart: true, Username: "bomb", UsernameFlag: true})
			return c
		}
		first := connect()
		synctest.Wait()
		second := connect()
		first.ExpectClosed()
		if ack := mqtttest.Expect[*packets.Connack](second); ack.Code != packets.ErrServerBusy {
			t.Errorf("who waited for it: %v", ack.Code)
		}
		if ack, _ := login(t, s, packets.V5, "alice", "alice"); ack.Code != packets.CodeSuccess {
			t.Errorf("the next: %v", ack.Code)
		}
	})
}
