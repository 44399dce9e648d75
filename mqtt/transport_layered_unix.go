//go:build unix

package mqtt

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// layeredTransport serves a socket with layers above it, TLS or WebSocket or
// both, which read and write here instead of the socket. What the socket sent is
// read in one piece and led through the layers until they are dry; what the
// layers write is gathered and written in one piece. So neither blocks, and the
// connection parks like a plain one.
type layeredTransport struct {
	rawTransport
	conn   net.Conn // the outermost layer
	socket net.Conn
	owing  func() // has what the layers wrote of their own accord flushed

	// The reader's.
	sealed []byte // read from the socket
	used   int    // of sealed, by the layers
	dry    bool   // the layers have nothing to give until the socket has

	mu       sync.Mutex
	out      []byte // written by the layers, not yet to the socket
	writing  bool   // somebody writes to the socket
	blocking bool   // the layers use the socket itself
	closed   bool
}

// junction is a connection whose bytes can be led elsewhere.
type junction interface {
	NetConn() net.Conn
	Divert(other io.ReadWriteCloser)
}

// layersOf finds the junction below the layers of conn; nil if there is none.
func layersOf(conn net.Conn) junction {
	for {
		if j, ok := conn.(junction); ok {
			return j
		}
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = outer.NetConn()
	}
}

// errDry tells the layers that the socket has no more for now.
var errDry net.Error = dryError{}

type dryError struct{}

func (dryError) Error() string   { return "nothing to read for now" }
func (dryError) Timeout() bool   { return true }
func (dryError) Temporary() bool { return true }

// onOwing sets what is called when the layers have written on their own account,
// such as the answer to a ping. The reader calls it.
func (t *layeredTransport) onOwing(f func()) { t.owing = f }

func (t *layeredTransport) read(buf []byte) ([]byte, error) {
	for held := len(buf); ; {
		if !t.dry {
			var err error
			buf, err = t.open(buf)
			if t.owes() {
				t.owing()
			}
			if err != nil || len(buf) > held {
				return buf, err
			}
		}
		buf = shrink(buf)
		sealed, err := t.rawTransport.read(nil)
		if err != nil {
			giveBack(sealed)
			return buf, err
		}
		t.sealed, t.used, t.dry = sealed, 0, false
	}
}

// open appends to buf what the layers make of what was read, until buf is full
// or they are dry.
func (t *layeredTransport) open(buf []byte) ([]byte, error) {
	held := len(buf)
	if buf == nil {
		buf = borrow(t.size)
	}
	buf = withRoom(buf, max(smallBuffer, min(held, t.size)))
	for len(buf) < cap(buf) {
		n, err := t.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, errDry) {
			t.dry = true
			giveBack(t.sealed)
			t.sealed, t.used = nil, 0
			break
		}
		if err != nil {
			if len(buf) > held {
				err = nil // it comes again
			}
			return buf, err
		}
	}
	return buf, nil
}

// Read gives the layers what was read from the socket.
func (t *layeredTransport) Read(p []byte) (int, error) {
	if t.used < len(t.sealed) {
		n := copy(p, t.sealed[t.used:])
		t.used += n
		return n, nil
	}
	if t.isBlocking() {
		return t.socket.Read(p)
	}
	return 0, errDry
}

// sealAtOnce is how much is led through the layers before it is written: three
// full records of TLS with the header of a frame, which with what is added to
// them fit a buffer.
const sealAtOnce = 48<<10 - 16

func (t *layeredTransport) tryWrite(b []byte) (n int, all bool, err error) {
	return t.seal(b, t.rawTransport.tryWrite)
}

func (t *layeredTransport) write(b []byte) error {
	_, _, err := t.seal(b, func(b []byte) (int, bool, error) { return len(b), true, t.rawTransport.write(b) })
	return err
}

// seal leads b through the layers and to the socket, piece by piece, as long as
// the socket takes it.
func (t *layeredTransport) seal(b []byte, write func([]byte) (int, bool, error)) (n int, all bool, err error) {
	for {
		if all, err = t.push(write); !all || err != nil || n == len(b) {
			return n, all, err
		}
		m, err := t.conn.Write(b[n:min(n+sealAtOnce, len(b))])
		if n += m; err != nil {
			return n, false, err
		}
	}
}

// push writes to the socket what the layers wrote.
func (t *layeredTransport) push(write func([]byte) (int, bool, error)) (all bool, err error) {
	t.mu.Lock()
	out := t.out
	if len(out) == 0 || t.closed {
		t.mu.Unlock()
		return true, nil
	}
	t.out, t.writing = nil, true
	t.mu.Unlock()
	n, all, err := write(out)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = false
	if n < len(out) { // the rest goes before what was written meanwhile
		out = out[:copy(out, out[n:])]
		out = append(withRoom(out, len(t.out)), t.out...)
		out, t.out = t.out, out
		all = false
	}
	giveBack(out)
	return all, err
}

// Write takes what a layer writes. While the transport is in use it only gathers.
func (t *layeredTransport) Write(p []byte) (int, error) {
	t.mu.Lock()
	closed, blocking := t.closed, t.blocking
	if !closed && !blocking {
		if t.out == nil {
			t.out = borrow(len(p))
		}
		t.out = append(withRoom(t.out, len(p)), p...)
	}
	t.mu.Unlock()
	switch {
	case closed:
		return 0, net.ErrClosed
	case blocking:
		return t.socket.Write(p)
	}
	return len(p), nil
}

// owes tells whether the layers wrote something that nobody writes yet.
func (t *layeredTransport) owes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.out) > 0 && !t.closed
}

// Close is called before the socket is closed: a last word, such as a close
// frame, leaves if the socket takes it at once.
func (t *layeredTransport) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.writing && !t.closed && len(t.out) > 0 && t.socket.SetWriteDeadline(time.Time{}) == nil { // TLS has set one
		_, _, _ = t.rawTransport.tryWrite(t.out) // nothing depends on it
	}
	t.closed = true
	return nil
}

// block has the layers use the socket itself from now on. It is for the end of
// the connection, when all is written that will be.
func (t *layeredTransport) block() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocking = true
	t.closed = t.closed || t.writing || len(t.out) > 0 // a word in the middle of another is none
}

func (t *layeredTransport) isBlocking() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blocking
}
