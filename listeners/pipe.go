package listeners

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBytes bounds what one direction of a memory connection buffers.
const pipeBytes = 64 << 10

// pipeConn is one end of a buffered in-process connection.
type pipeConn struct{ in, out *pipeHalf }

// newPipe returns the two ends of a connection.
func newPipe() (net.Conn, net.Conn) {
	a, b := newPipeHalf(), newPipeHalf()
	return &pipeConn{in: a, out: b}, &pipeConn{in: b, out: a}
}

// Read returns what the other end wrote, io.EOF after its last byte,
// os.ErrDeadlineExceeded or net.ErrClosed.
func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, opError("read", err)
}

// Write copies p into the buffer and blocks while it is full.
func (c *pipeConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, opError("write", err)
}

// Close ends both directions; the other end still reads what was written before.
func (c *pipeConn) Close() error {
	c.in.closeReader()
	c.out.closeWriter()
	return nil
}

// CloseWrite ends this end's direction only, like (*net.TCPConn).CloseWrite.
func (c *pipeConn) CloseWrite() error {
	c.out.closeWriter()
	return nil
}

// LocalAddr returns the address "memory".
func (c *pipeConn) LocalAddr() net.Addr { return memoryAddr{} }

// RemoteAddr returns the address "memory".
func (c *pipeConn) RemoteAddr() net.Addr { return memoryAddr{} }

// SetDeadline sets both deadlines.
func (c *pipeConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline ends Reads, also one that waits, at t. Zero means never.
func (c *pipeConn) SetReadDeadline(t time.Time) error {
	return opError("set", c.in.setDeadline(&c.in.reading, t))
}

// SetWriteDeadline ends Writes, also one that waits, at t. Zero means never.
func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	return opError("set", c.out.setDeadline(&c.out.writing, t))
}

// opError dresses err as the net package does; nil and io.EOF stay as they are.
func opError(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "memory", Addr: memoryAddr{}, Err: err}
}

// pipeHalf is one direction: a ring buffer with a reader and a writer.
type pipeHalf struct {
	mu      sync.Mutex
	changed sync.Cond // any field below changed
	ring    []byte    // grows up to pipeBytes
	start   int       // first unread byte
	size    int       // unread bytes
	reading pipeSide
	writing pipeSide
}

// pipeSide is what one of the two users of a pipeHalf has set.
type pipeSide struct {
	closed  bool
	expired bool
	timer   *time.Timer // nil without a deadline in the future
}

func newPipeHalf() *pipeHalf {
	h := &pipeHalf{}
	h.changed.L = &h.mu
	return h
}

func (h *pipeHalf) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reading.closed:
			return 0, net.ErrClosed
		case h.reading.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case h.size > 0:
			n := h.takeLocked(p)
			h.changed.Broadcast()
			return n, nil
		case h.writing.closed:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *pipeHalf) write(p []byte) (written int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.writing.closed:
			return written, net.ErrClosed
		case h.reading.closed:
			return written, io.ErrClosedPipe
		case h.writing.expired:
			return written, os.ErrDeadlineExceeded
		case len(p) == 0:
			return written, nil
		case h.size < pipeBytes:
			n := h.putLocked(p)
			written, p = written+n, p[n:]
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
}

// takeLocked moves unread bytes to p. mu is held.
func (h *pipeHalf) takeLocked(p []byte) int {
	p = p[:min(len(p), h.size)]
	n := copy(p, h.ring[h.start:])
	copy(p[n:], h.ring)
	h.start = (h.start + len(p)) % len(h.ring)
	h.size -= len(p)
	return len(p)
}

// putLocked copies what fits of p into the ring. mu is held.
func (h *pipeHalf) putLocked(p []byte) int {
	p = p[:min(len(p), pipeBytes-h.size)]
	h.growLocked(h.size + len(p))
	end := (h.start + h.size) % len(h.ring)
	n := copy(h.ring[end:], p)
	copy(h.ring, p[n:])
	h.size += len(p)
	return len(p)
}

// growLocked makes room for want bytes in all. mu is held.
func (h *pipeHalf) growLocked(want int) {
	if want <= len(h.ring) {
		return
	}
	room := max(512, len(h.ring))
	for room < want {
		room *= 2
	}
	ring := make([]byte, room)
	n := copy(ring[:h.size], h.ring[min(h.start, len(h.ring)):])
	copy(ring[n:h.size], h.ring)
	h.ring, h.start = ring, 0
}

func (h *pipeHalf) closeReader() { h.close(&h.reading) }
func (h *pipeHalf) closeWriter() { h.close(&h.writing) }

func (h *pipeHalf) close(side *pipeSide) {
	h.mu.Lock()
	defer h.mu.Unlock()
	side.closed = true
	side.stopLocked()
	if h.reading.closed {
		h.ring, h.start, h.size = nil, 0, 0 // nobody can read it any more
	}
	h.changed.Broadcast()
}

// setDeadline replaces side's deadline. A timer belongs to the pipe's owner and
// is stopped by the next deadline or by Close.
func (h *pipeHalf) setDeadline(side *pipeSide, t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if side.closed {
		return net.ErrClosed
	}
	side.stopLocked()
	side.expired = false
	if t.IsZero() {
		return nil
	}
	if wait := time.Until(t); wait > 0 {
		h.armLocked(side, wait)
		return nil
	}
	side.expired = true
	h.changed.Broadcast()
	return nil
}

// armLocked lets side expire after wait, unless its timer is another one by then.
func (h *pipeHalf) armLocked(side *pipeSide, wait time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if side.timer == timer {
			side.expired = true
			h.changed.Broadcast()
		}
	})
	side.timer = timer
}

func (s *pipeSide) stopLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
