package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Source is where passwords are verified, such as a *passwd.File.
type Source interface {
	// Verify tells whether the password is the user's, and whether there is
	// such a user. It should take as long for unknown users. It may block; it is
	// called by as many goroutines as Options.Workers says.
	Verify(username string, password []byte) (ok, known bool, err error)
	// Knows tells, without any work worth mentioning, whether there is such a
	// user. It is asked with Options.PassUnknown only.
	Knows(username string) bool
	// Generation is a larger number after each change of any password: until
	// then a verified password is the user's only one.
	Generation() uint64
}

// Options of a Guard. Only Source is needed; the zero value of each other field
// means its default.
type Options struct {
	Source Source

	// PassUnknown leaves users whom the source does not know to the hooks behind.
	// By default they are refused, as those with a wrong password are.
	PassUnknown bool

	// Workers is how many passwords are hashed at a time; default half the cores.
	Workers int
	// Queue is how many logins may wait for their turn; default 64 per worker.
	Queue int
	// Wait is how long; default 8/10 of the server's ConnectTimeout.
	Wait time.Duration

	// PerAddress is how many failures an address may have (of IPv6: its /64);
	// default 50 and 5 a second. PerUser counts for a user name, wherever from;
	// default 20 and one in 2 s. PerPair counts instead of both where the user
	// has logged in from that address before; default 10 and one in 2 s.
	PerAddress, PerUser, PerPair Rate
	// Remember bounds each of the tables of addresses, users and pairs; default
	// 65536, twice that at the most.
	Remember int

	// Delay is the least time from a CONNECT with a wrong password to its
	// refusal; default 1 s, negative for none. At most MaximumDelayed clients
	// are held up at a time, default 1024; the others are answered at once.
	Delay          time.Duration
	MaximumDelayed int

	// Logger replaces the server's.
	Logger *slog.Logger
}

// Stats are counts since the start.
type Stats struct {
	Remembered uint64 // logins admitted without hashing
	Verified   uint64 // logins admitted by the source
	Wrong      uint64 // wrong passwords and unknown users
	Limited    uint64 // refused without hashing, for too many failures
	Busy       uint64 // refused without an answer of the source
	Failed     uint64 // refused because the source failed
}

// Guard is a hook that authenticates by user name and password. Clients without
// a user name are left to other hooks.
type Guard struct {
	o       Options
	log     *slog.Logger
	limiter *limiter
	memory  *memory
	hasher  *hasher
	delayed atomic.Int64

	remembered, verified, wrong, limited, busy, failed atomic.Uint64
}

// New returns a Guard. Its error names the field that makes no sense.
func New(o Options) (*Guard, error) {
	if o.Source == nil {
		return nil, errors.New("guard: Source is missing")
	}
	setDefault(&o.Workers, max(1, runtime.GOMAXPROCS(0)/2))
	setDefault(&o.Queue, 64*o.Workers)
	setDefault(&o.PerAddress, Rate{50, time.Second / 5})
	setDefault(&o.PerUser, Rate{20, 2 * time.Second})
	setDefault(&o.PerPair, Rate{10, 2 * time.Second})
	setDefault(&o.Remember, 1<<16)
	setDefault(&o.Delay, time.Second)
	setDefault(&o.MaximumDelayed, 1024)
	if o.Workers < 0 || o.Queue < 0 || o.Wait < 0 || o.Remember < 0 || o.MaximumDelayed < 0 {
		return nil, errors.New("guard: Workers, Queue, Wait, Remember and MaximumDelayed must not be negative")
	}
	for name, r := range map[string]Rate{"PerAddress": o.PerAddress, "PerUser": o.PerUser, "PerPair": o.PerPair} {
		if r.Burst < 1 || r.Every <= 0 {
			return nil, fmt.Errorf("guard: %s is %d and one in %v: use positive numbers", name, r.Burst, r.Every)
		}
	}
	g := &Guard{
		o: o, log: o.Logger, limiter: newLimiter(&o), memory: newMemory(o.Remember), hasher: newHasher(o.Source, o.Workers, o.Queue),
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.o.Wait == 0 {
		g.o.Wait = 8 * time.Second
	}
	return g, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// ID names the hook.
func (*Guard) ID() string { return "password-guard" }

// Attach takes from the server what the options leave open.
func (g *Guard) Attach(s *mqtt.Server) {
	o := s.Options()
	if g.o.Logger == nil && o.Logger != nil {
		g.log = o.Logger
	}
	if wait := o.ConnectTimeout * 8 / 10; wait > 0 {
		g.o.Wait = min(g.o.Wait, wait)
	}
}

// Stats returns the counts.
func (g *Guard) Stats() Stats {
	return Stats{
		Remembered: g.remembered.Load(), Verified: g.verified.Load(), Wrong: g.wrong.Load(),
		Limited: g.limited.Load(), Busy: g.busy.Load(), Failed: g.failed.Load(),
	}
}

// OnConnectAuthenticate admits or refuses whoever gives a user name. A refusal
// is 0x86 for a wrong password, 0x97 for too many failures and 0x89 when there
// was no turn in time. It blocks the client's goroutine.
func (g *Guard) OnConnectAuthenticate(cl *mqtt.Client, pk *packets.Connect) (mqtt.Decision, error) {
	if !pk.UsernameFlag || pk.Username == "" {
		return mqtt.Pass, nil
	}
	if g.o.PassUnknown && !g.o.Source.Knows(pk.Username) {
		return mqtt.Pass, nil
	}
	p := pair{pk.Username, addressOf(cl.RemoteAddr())}
	start := time.Now()
	err := g.login(p, pk.Password, start)
	switch {
	case err == nil:
		return mqtt.Allow, nil
	case errors.Is(err, errWrong):
		g.wrong.Add(1)
		g.limiter.failed(p, time.Now())
		g.hold(start)
		return mqtt.Deny, &packets.Error{Code: packets.ErrBadUsernameOrPassword, Detail: "wrong user name or password"}
	case errors.Is(err, errLimited):
		g.limited.Add(1)
		return mqtt.Deny, &packets.Error{Code: packets.ErrQuotaExceeded, Detail: "too many failed logins"}
	case errors.Is(err, errBusy):
		g.busy.Add(1)
		return mqtt.Deny, &packets.Error{Code: packets.ErrServerBusy, Detail: errBusy.Error()}
	}
	g.failed.Add(1)
	g.log.Error("password cannot be verified", "client_id", cl.ID(), "username", pk.Username, "err", err)
	return mqtt.Deny, packets.ErrServerUnavailable
}

var (
	errWrong   = errors.New("wrong user name or password")
	errLimited = errors.New("too many failed logins")
)

// login returns nil for the right password, and one of the errors above or the
// source's for others.
func (g *Guard) login(p pair, password []byte, now time.Time) error {
	if g.limiter.check(p, now) == tooManyFailures {
		return errLimited
	}
	k := flightKey{g.o.Source.Generation(), g.memory.mac(p.user, password)}
	if right, remembered := g.memory.look(k.generation, p.user, k.sum); right {
		g.remembered.Add(1)
		g.limiter.succeeded(p, now)
		return nil
	} else if remembered {
		return errWrong // without hashing: it is not the one password there is
	}
	timer := time.NewTimer(g.o.Wait)
	defer timer.Stop()
	ok, _, err := g.hasher.verify(k, p.user, password, timer.C, func() (func(), error) {
		c, v := g.limiter.begin(p, now)
		switch v {
		case tooManyFailures:
			return nil, errLimited
		case tooManyAtOnce:
			return nil, errBusy
		case admitted:
		}
		return func() { g.limiter.end(c) }, nil
	})
	if err != nil {
		return err
	}
	if !ok {
		return errWrong
	}
	g.verified.Add(1)
	g.memory.keep(k.generation, p.user, k.sum)
	g.limiter.succeeded(p, now)
	return nil
}

// hold waits until Delay has passed since start, if not too many wait.
func (g *Guard) hold(start time.Time) {
	left := g.o.Delay - time.Since(start)
	if left <= 0 {
		return
	}
	defer g.delayed.Add(-1)
	if g.delayed.Add(1) > int64(g.o.MaximumDelayed) {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	<-timer.C
}

// addressOf is what failures of a remote address are counted for: its IP, of
// IPv6 the network that one customer has. Others, such as Unix sockets, share one.
func addressOf(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // the bits are right for the address
	return prefix
}

var _ mqtt.ConnectAuthenticator = (*Guard)(nil)
