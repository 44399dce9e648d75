package listeners

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
)

var (
	errNotListening = errors.New("Serve before Listen: call Listen first")
	errClosedBefore = errors.New("the listener was closed: make a new one")
)

// acceptor is what all listeners share: it binds once, accepts until it is
// closed, prepares each connection on a goroutine of its own (PROXY header, TLS)
// and hands it over.
type acceptor struct {
	id       string
	protocol string
	cfg      Config
	alpn     string // the ALPN name offered when TLSConfig names none
	// bind opens the socket. It is called once, by Listen.
	bind func() (net.Listener, error)

	refused  atomic.Uint64
	handlers sync.WaitGroup // connections between accept and the return of establish

	mu      sync.Mutex
	address string
	ln      net.Listener // nil until Listen
	steps   preparation
	log     *slog.Logger
	quiet   quieter
	pending map[net.Conn]struct{} // connections being prepared
	closed  bool
	done    chan struct{} // closed by Close
}

// newAcceptor returns an acceptor for addr which is not yet bound.
func newAcceptor(id, protocol, addr string, cfg *Config) acceptor {
	return acceptor{
		id: id, protocol: protocol, address: addr, cfg: cfg.withDefaults(), alpn: "mqtt",
		log: slog.New(slog.DiscardHandler), pending: map[net.Conn]struct{}{}, done: make(chan struct{}),
	}
}

// ID returns the name the listener was made with.
func (a *acceptor) ID() string { return a.id }

// Protocol returns the kind of the listener in one word: tcp, tls, ws, wss,
// unix, memory, http, https, or the network of a caller's net.Listener.
func (a *acceptor) Protocol() string { return a.protocol }

// Address returns the bound address after Listen and the configured one before.
func (a *acceptor) Address() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.address
}

// Refused returns how many connections were closed before they were handed
// over: bad PROXY headers, failed TLS handshakes, refused WebSocket upgrades.
func (a *acceptor) Refused() uint64 { return a.refused.Load() }

// Listen checks the configuration and binds the address. Its errors name the
// address and what to do about it. A nil log is silent.
func (a *acceptor) Listen(log *slog.Logger) error {
	if err := a.listen(log); err != nil {
		return fmt.Errorf("listener %s: %w", a.id, err)
	}
	return nil
}

func (a *acceptor) listen(log *slog.Logger) error {
	if err := a.cfg.validate(); err != nil {
		return err
	}
	steps, err := newPreparation(&a.cfg, a.alpn)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return errClosedBefore
	case a.ln != nil:
		return fmt.Errorf("already listening on %s", a.address)
	}
	ln, err := a.bind()
	if err != nil {
		return explain(a.address, err)
	}
	a.ln, a.steps = ln, steps
	a.address = boundAddress(ln, a.address)
	if log != nil {
		a.log = log
	}
	if a.cfg.ProxyProtocol && len(a.cfg.ProxyTrusted) == 0 && reachable(ln.Addr()) {
		a.log.Warn("proxy headers are believed from every peer, set ProxyTrusted",
			"listener", a.id, "address", a.address)
	}
	return nil
}

// Serve accepts connections until Close and then returns nil, once every call
// of establish has returned. It calls establish once per connection, on a
// goroutine of its own; establish owns the connection and closes it. Serve
// returns an error when the socket is broken for good, logged at once and
// returned when the connections are over; passing trouble, such as too many open
// files, is waited out.
func (a *acceptor) Serve(establish func(net.Conn) error) error {
	defer a.handlers.Wait()
	a.mu.Lock()
	ln, log, closed := a.ln, a.log, a.closed
	a.mu.Unlock()
	if closed {
		return nil
	}
	if ln == nil {
		return fmt.Errorf("listener %s: %w", a.id, errNotListening)
	}
	p := patience{ln: ln, log: log, id: a.id, done: a.done}
	for {
		conn, err := p.accept()
		if a.isClosed() {
			if err == nil {
				conn.Close() // nobody will serve it
			}
			return nil
		}
		if err != nil {
			// Said now, because Serve still waits for its connections.
			log.Error("listener is broken and accepts no more", "listener", a.id, "err", err)
			return fmt.Errorf("listener %s: accept on %s: %w", a.id, a.Address(), err)
		}
		// Ends when establish returns; Serve waits for it.
		a.handlers.Go(func() { a.handle(conn, establish) })
	}
}

// handle prepares one connection and hands it over.
func (a *acceptor) handle(raw net.Conn, establish func(net.Conn) error) {
	conn := raw
	if a.steps.needed() {
		if conn = a.prepare(raw); conn == nil {
			return
		}
	}
	remote := conn.RemoteAddr()
	if err := establish(conn); err != nil {
		a.log.Debug("connection ended", "listener", a.id, "remote", remote, "err", err)
	}
}

// prepare takes raw through the PROXY header and TLS. It returns nil when the
// connection had to be closed.
func (a *acceptor) prepare(raw net.Conn) net.Conn {
	if !a.track(raw) {
		raw.Close() // closed while it was being accepted
		return nil
	}
	conn, err := a.steps.run(raw)
	stillOpen := a.untrack(raw)
	if err == nil && stillOpen {
		return conn
	}
	raw.Close() // a clean TLS goodbye makes no sense on an unfinished handshake
	if err != nil && stillOpen {
		a.refuse(raw.RemoteAddr(), err)
	}
	return nil
}

// track remembers a connection in preparation, so that Close can cut it. It
// returns false when the listener is closed.
func (a *acceptor) track(conn net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.pending[conn] = struct{}{}
	return true
}

// untrack forgets it again and returns false when the listener was closed meanwhile.
func (a *acceptor) untrack(conn net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pending, conn)
	return !a.closed
}

// refuse counts and logs a connection that is not handed over.
func (a *acceptor) refuse(remote net.Addr, err error) {
	a.refused.Add(1)
	if errors.Is(err, errSilent) {
		a.log.Debug("connection refused", "listener", a.id, "remote", remote, "err", err)
		return
	}
	if suppressed, ok := a.quiet.allow(); ok {
		a.log.Warn("connection refused", "listener", a.id, "remote", remote, "err", err, "suppressed", suppressed)
	}
}

// Close stops accepting and cuts connections that are still in their handshake;
// those handed over stay. It does not wait for Serve, and a second call does nothing.
func (a *acceptor) Close(context.Context) error {
	ln, pending := a.shut()
	for _, conn := range pending {
		conn.Close() // the handshake's own error is not logged after Close
	}
	if ln == nil {
		return nil
	}
	if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("listener %s: close %s: %w", a.id, a.Address(), err)
	}
	return nil
}

// shut marks the acceptor closed and returns what the first caller has to close.
func (a *acceptor) shut() (net.Listener, []net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, nil
	}
	a.closed = true
	close(a.done)
	pending := make([]net.Conn, 0, len(a.pending))
	for conn := range a.pending {
		pending = append(pending, conn)
	}
	return a.ln, pending
}

func (a *acceptor) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// boundAddress returns where ln listens; a nameless one keeps the configured address.
func boundAddress(ln net.Listener, configured string) string {
	if addr := ln.Addr(); addr != nil && addr.String() != "" {
		return addr.String()
	}
	return configured
}

// reachable reports whether other machines may reach addr.
func reachable(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}
