package crash

import (
	"net"
	"sync"
	"time"
)

// gate is a net.Listener whose connections can all be silenced in one moment.
type gate struct {
	net.Listener

	mu     sync.RWMutex // read: a connection is writing
	closed bool

	connsMu sync.Mutex
	conns   map[*gated]struct{}
}

func newGate(l net.Listener) *gate { return &gate{Listener: l, conns: make(map[*gated]struct{})} }

// open lets connections through again.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

// shut silences and closes all connections. moment is called when nothing more
// gets out and before anybody can tell.
func (g *gate) shut(moment func()) {
	conns := g.all()
	for _, c := range conns {
		_ = c.Conn.SetWriteDeadline(time.Now()) // wakes who waits for a client to read; a closed one is no loss
	}
	g.mu.Lock()
	g.closed = true
	moment()
	g.mu.Unlock()
	for _, c := range g.all() {
		_ = c.Close() // the broker may have been first
	}
}

func (g *gate) all() []*gated {
	g.connsMu.Lock()
	defer g.connsMu.Unlock()
	conns := make([]*gated, 0, len(g.conns))
	for c := range g.conns {
		conns = append(conns, c)
	}
	return conns
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &gated{Conn: conn, gate: g}
	g.connsMu.Lock()
	defer g.connsMu.Unlock()
	g.conns[c] = struct{}{}
	return c, nil
}

// gated is the broker's end of a connection.
type gated struct {
	net.Conn
	gate *gate
}

// Write implements net.Conn; behind a gate that is shut nothing gets out.
func (c *gated) Write(b []byte) (int, error) {
	c.gate.mu.RLock()
	defer c.gate.mu.RUnlock()
	if c.gate.closed {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *gated) Close() error {
	c.gate.connsMu.Lock()
	delete(c.gate.conns, c)
	c.gate.connsMu.Unlock()
	return c.Conn.Close()
}
