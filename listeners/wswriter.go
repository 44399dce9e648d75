package listeners

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// wsChunk is how much is joined into one write where writev is not possible; a
// TLS record holds no more.
const wsChunk = 16 << 10

var wsChunks = sync.Pool{New: func() any { return new([wsChunk]byte) }}

// wsWriter writes whole frames, one writer at a time. Its lock is a channel: it
// is held while the socket blocks, and it can be tried and waited for in time.
type wsWriter struct {
	token chan struct{} // holds one element while locked

	// Below belongs to the holder of the lock.
	conn    net.Conn
	under   *junction // conn is inside it, nil if in none
	vectors bool      // conn does writev
	head    [ws.MaxHeaderSize]byte
	vector  [2][]byte
	buffers net.Buffers
	err     error // ends all writing: a frame was cut in two, or a close frame sent
}

func newWSWriter(conn net.Conn) wsWriter {
	under, ok := conn.(*junction)
	if ok {
		conn = under.NetConn()
	}
	if proxied, ok := conn.(*ProxyConn); ok {
		conn = proxied.NetConn()
	}
	_, vectors := conn.(*net.TCPConn)
	return wsWriter{token: make(chan struct{}, 1), conn: conn, under: under, vectors: vectors}
}

func (w *wsWriter) lock()   { w.token <- struct{}{} }
func (w *wsWriter) unlock() { <-w.token }

func (w *wsWriter) tryLock() bool {
	select {
	case w.token <- struct{}{}:
		return true
	default:
		return false
	}
}

// lockWithin waits for the lock no longer than d.
func (w *wsWriter) lockWithin(d time.Duration) bool {
	if w.tryLock() {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case w.token <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

// endLocked makes all later writes fail.
func (w *wsWriter) endLocked() {
	if w.err == nil {
		w.err = net.ErrClosed
	}
}

// frameLocked sends one frame and returns how much of payload was sent.
func (w *wsWriter) frameLocked(op ws.OpCode, payload []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	head := appendServerHeader(w.head[:0], op, len(payload))
	var n int
	var err error
	switch {
	case w.under != nil && w.under.other != nil:
		n, err = writeBoth(w.under, head, payload)
	case w.vectors:
		n, err = w.writeVector(head, payload)
	default:
		n, err = w.writeJoined(head, payload)
	}
	if err != nil && n > 0 {
		w.err = err // the client waits for the rest of this frame
	}
	return max(0, n-len(head)), err
}

// writeBoth is for a connection that joins writes itself.
func writeBoth(conn io.Writer, head, payload []byte) (int, error) {
	n, err := conn.Write(head)
	if err != nil || len(payload) == 0 {
		return n, err
	}
	m, err := conn.Write(payload)
	return n + m, err
}

// writeVector lets the kernel join header and payload.
func (w *wsWriter) writeVector(head, payload []byte) (int, error) {
	w.vector = [2][]byte{head, payload}
	w.buffers = w.vector[:]
	n, err := w.buffers.WriteTo(w.conn)
	w.vector, w.buffers = [2][]byte{}, nil // payload is the caller's again
	return int(n), err
}

// writeJoined copies the header and the beginning of payload together, so that a
// small frame is one write and one TLS record.
func (w *wsWriter) writeJoined(head, payload []byte) (int, error) {
	chunk, _ := wsChunks.Get().(*[wsChunk]byte) // it holds nothing else
	defer wsChunks.Put(chunk)
	size := copy(chunk[:], head)
	joined := copy(chunk[size:], payload)
	n, err := w.conn.Write(chunk[:size+joined])
	if err != nil || joined == len(payload) {
		return n, err
	}
	rest, err := w.conn.Write(payload[joined:])
	return n + rest, err
}

// appendServerHeader appends the header of a whole, unmasked frame.
func appendServerHeader(dst []byte, op ws.OpCode, length int) []byte {
	const final = 0x80
	dst = append(dst, final|byte(op))
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(length))
}
