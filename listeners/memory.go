package listeners

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// memoryAddr is the address of everything in memory.
type memoryAddr struct{}

// Network returns "memory".
func (memoryAddr) Network() string { return "memory" }

// String returns "memory".
func (memoryAddr) String() string { return "memory" }

// Memory accepts connections from the same process, without a socket. Its
// connections buffer a bounded number of bytes, keep deadlines, and wait in ways
// that testing/synctest understands. Make it inside the synctest bubble that
// uses it.
type Memory struct {
	acceptor
	queue *memoryQueue
}

// NewMemory returns an in-process listener. Its Address is "memory".
func NewMemory(id string) *Memory {
	m := &Memory{acceptor: newAcceptor(id, "memory", "memory", nil)}
	m.queue = newMemoryQueue(memoryAddr{}, m.done)
	m.bind = func() (net.Listener, error) { return m.queue, nil }
	return m
}

// Dial connects to the listener and returns the client's end. It waits until
// the connection is accepted, ctx ends, or the listener is closed.
func (m *Memory) Dial(ctx context.Context) (net.Conn, error) {
	client, server := newPipe()
	if err := m.queue.put(ctx, server); err != nil {
		return nil, fmt.Errorf("dial memory listener %s: %w", m.id, err)
	}
	return client, nil
}

// memoryQueue is a net.Listener whose connections are put in by hand.
type memoryQueue struct {
	addr  net.Addr
	conns chan net.Conn   // no capacity: a connection put is a connection accepted
	over  <-chan struct{} // the owner's end, may be nil
	once  sync.Once
	done  chan struct{} // closed by Close
}

func newMemoryQueue(addr net.Addr, over <-chan struct{}) *memoryQueue {
	return &memoryQueue{addr: addr, conns: make(chan net.Conn), over: over, done: make(chan struct{})}
}

// put waits until conn is accepted and fails when ctx ends or the queue is closed.
func (q *memoryQueue) put(ctx context.Context, conn net.Conn) error {
	select {
	case <-q.over: // closed wins over a Serve that is just about to see it
		return net.ErrClosed
	default:
	}
	select {
	case q.conns <- conn:
		return nil
	case <-q.over:
		return net.ErrClosed
	case <-q.done:
		return net.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Accept returns the next connection put in.
func (q *memoryQueue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and put.
func (q *memoryQueue) Close() error {
	q.end()
	return nil
}

func (q *memoryQueue) end() { q.once.Do(func() { close(q.done) }) }

// Addr returns the address given at the beginning.
func (q *memoryQueue) Addr() net.Addr { return q.addr }
