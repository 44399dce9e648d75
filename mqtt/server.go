package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// ErrListenerIDExists is returned by AddListener for an ID that is taken.
var ErrListenerIDExists = errors.New("mqtt: a listener with this ID exists already")

// Server is an MQTT broker. Make one with New.
type Server struct {
	options Options
	invalid error // what New found wrong; Serve returns it
	log     *slog.Logger
	limited *limitedLog
	clock   clock
	started time.Time

	hooks     hooks
	registry  *registry
	index     topics.Index[uint64, *subscription]
	shares    shares
	retained  retained
	deadlines *deadlines
	stats     counters
	completer completer
	sessions  atomic.Uint64 // number of the newest session in the store
	mender    mender
	joint     jointFlush
	keys      atomic.Uint64
	pausing   atomic.Int32 // sessions that pause in sending retained messages
	tight     atomic.Bool  // the memory budget is nearly spent
	spent     atomic.Bool  // it is spent: nothing that is held may grow
	inline    *Client

	accessEpoch    atomic.Uint64 // counts RecheckAccess
	maximumClients atomic.Int64  // 0: no bound

	done       chan struct{}  // closed when the server stops
	stopped    chan struct{}  // closed when it has stopped
	goroutines sync.WaitGroup // every goroutine of the server
	parkOnce   sync.Once
	parker     atomic.Pointer[parker] // nil until the first raw socket
	spawnMu    sync.RWMutex           // lets finishClose wait without a goroutine slipping in
	noSpawn    bool

	mu        sync.Mutex
	state     serverState
	listeners []Listener
	hookList  []any
	clients   map[*Client]struct{} // connections, also those before CONNECT
	drained   chan struct{}        // closed when the last client has gone, while stopping

	inlineMu   sync.Mutex
	inlineSubs map[inlineKey]*inlineSubscription
}

type serverState int

const (
	stateNew serverState = iota
	stateRestoring
	stateServing
	stateStopping
	stateClosed
)

// New makes a server. A nil Options means all defaults. It refuses every client
// until a hook that admits clients is added, such as auth.AllowHook. Invalid
// options are reported by AddListener and Serve.
func New(opts *Options) *Server {
	s := &Server{
		registry:   newRegistry(),
		clock:      newClock(),
		started:    time.Now(),
		done:       make(chan struct{}),
		stopped:    make(chan struct{}),
		clients:    make(map[*Client]struct{}),
		inlineSubs: make(map[inlineKey]*inlineSubscription),
	}
	s.options, s.invalid = opts.withDefaults()
	s.maximumClients.Store(s.options.Capabilities.MaximumClients)
	s.log = s.options.Logger
	s.limited = &limitedLog{log: s.log, clock: s.clock}
	s.shares = shares{seed: s.registry.seed, groups: make(map[string]*shareGroup)}
	s.retained.server = s
	s.deadlines = newDeadlines(s.clock)
	s.completer.wake = make(chan struct{}, 1)
	s.inline = s.NewClient(nil, "local", "inline", true)
	return s
}

func (s *Server) nextKey() uint64 { return s.keys.Add(1) }

// Options returns a copy of the options in force, defaults filled in.
func (s *Server) Options() Options {
	options := s.options
	options.Capabilities.MaximumClients = s.maximumClients.Load()
	return options
}

// AddListener binds the listener's address. Its connections are served from
// Serve on, or at once if the server serves already.
func (s *Server) AddListener(l Listener) error {
	if s.invalid != nil {
		return s.invalid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state >= stateStopping {
		return ErrServerClosed
	}
	if slices.ContainsFunc(s.listeners, func(other Listener) bool { return other.ID() == l.ID() }) {
		return fmt.Errorf("listener %q: %w", l.ID(), ErrListenerIDExists)
	}
	if err := l.Listen(s.log); err != nil {
		return fmt.Errorf("listener %q: %w", l.ID(), err)
	}
	s.listeners = append(s.listeners, l)
	if s.state == stateServing {
		s.serveListener(l)
	}
	return nil
}

// Listeners returns the listeners in the order of adding.
func (s *Server) Listeners() []Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.listeners)
}

// Serve starts the server and returns at once; the listeners' connections are
// served until Shutdown or Close. Run blocks instead.
func (s *Server) Serve() error {
	if s.invalid != nil {
		return s.invalid
	}
	if err := s.restoreOnce(); err != nil {
		return err
	}
	s.mu.Lock()
	err := s.serveLocked()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, tell := range s.hooks.load().onStarted {
		tell()
	}
	return nil
}

// restoreOnce takes over what an earlier run left. After an error Serve may be
// tried again.
func (s *Server) restoreOnce() error {
	s.mu.Lock()
	state := s.state
	if state == stateNew {
		s.state = stateRestoring
	}
	s.mu.Unlock()
	switch {
	case state >= stateStopping:
		return ErrServerClosed
	case state != stateNew:
		return errors.New("mqtt: the server serves already")
	}
	err := s.reload()
	if err == nil {
		err = s.restore()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.state == stateRestoring {
		s.state = stateNew
	}
	return err
}

// serveLocked starts the server's goroutines. s.mu is held.
func (s *Server) serveLocked() error {
	if s.state != stateRestoring {
		return ErrServerClosed
	}
	s.state = stateServing
	s.goroutines.Go(func() { s.deadlines.run(s.done) })
	if s.options.Store != nil {
		s.goroutines.Go(func() { s.completer.run(s) })
		s.goroutines.Go(s.tendStore)
	}
	if s.options.SysTopicResendInterval > 0 {
		s.goroutines.Go(s.runSys)
	}
	if s.options.MemoryBudget > 0 {
		s.goroutines.Go(s.watchMemory)
	}
	if s.options.RetryInterval > 0 {
		s.goroutines.Go(s.runRetries)
	}
	for _, l := range s.listeners {
		s.serveListener(l)
	}
	return nil
}

// Run serves until ctx ends, then shuts down, giving clients five seconds to
// take their last messages.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Serve(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.done:
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return s.Shutdown(patience)
}

const shutdownPatience = 5 * time.Second

// serveListener runs a listener's accept loop. s.mu is held.
func (s *Server) serveListener(l Listener) {
	s.log.Info("listening", "listener", l.ID(), "protocol", l.Protocol(), "address", l.Address())
	s.goroutines.Go(func() {
		err := l.Serve(func(conn net.Conn) error { return s.establish(l.ID(), conn) })
		if err != nil && !s.isClosed() {
			s.log.Error("a listener has stopped", "listener", l.ID(), "err", err)
		}
	})
}

func (s *Server) newClient(conn net.Conn, listener string) *Client {
	c := &Client{server: s, conn: conn, listener: listener, version: packets.V311, connectedAt: time.Now()}
	if conn != nil {
		c.transport = newTransport(conn, s.options.ClientNetReadBufferSize)
		if _, raw := c.transport.(interface{ descriptor() (int32, bool) }); raw {
			c.parkable = s.startParker() != nil
		}
		if t, layered := c.transport.(interface{ onOwing(f func()) }); layered {
			t.onOwing(c.flushOwed)
		}
	}
	c.shard = uint32(s.nextKey())
	c.deadline.owner = c
	return c
}

// track counts a connection in, unless the server is stopping.
func (s *Server) track(c *Client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateServing {
		return ErrServerClosed
	}
	s.clients[c] = struct{}{}
	return nil
}

func (s *Server) untrack(c *Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	if len(s.clients) == 0 && s.drained != nil {
		close(s.drained)
		s.drained = nil
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateClosed
}

// connections returns all connections, also those before CONNECT.
func (s *Server) connections() []*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Client, 0, len(s.clients))
	for c := range s.clients {
		list = append(list, c)
	}
	return list
}

// DisconnectClient ends a client's connection with a Reason Code.
func (s *Server) DisconnectClient(cl *Client, code packets.Code) error {
	if cl.conn == nil {
		return errors.New("mqtt: disconnect: the client has no connection")
	}
	cl.stop(code)
	return nil
}

// Client returns the connected client with a ClientID; ok is false if there is none.
func (s *Server) Client(clientID string) (cl *Client, ok bool) {
	sess := s.registry.find(clientID)
	if sess == nil {
		return nil, false
	}
	cl = sess.online.Load()
	return cl, cl != nil
}

// spawn runs f on a goroutine that the server waits for. It returns false when
// the server has stopped and f will not run.
func (s *Server) spawn(f func()) bool {
	s.spawnMu.RLock()
	defer s.spawnMu.RUnlock()
	if s.noSpawn {
		return false
	}
	s.goroutines.Go(func() { s.guard(f) })
	return true
}

// guard calls f, which may run hooks, and survives its panic; ok tells that
// there was none.
func (s *Server) guard(f func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(p)
		}
	}()
	f()
	return true
}

func (s *Server) panicked(p any) {
	s.stats.panics.Add(1)
	s.log.Error("panic in a hook or in the server", "panic", p, "stack", string(debug.Stack()))
}
