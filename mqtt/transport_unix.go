//go:build unix

package mqtt

import (
	"io"
	"net"
	"syscall"
)

// rawTransport reads and writes a socket itself: it waits for readability
// without a buffer, and writes without blocking.
type rawTransport struct {
	raw  syscall.RawConn
	size int

	// Prebound callbacks and their arguments, so that calls allocate nothing.
	// Reads belong to the reader goroutine, writes to the holder of
	// outbound.writing.
	onRead, onTryWrite, onWrite func(fd uintptr) bool
	in                          []byte
	inErr                       error
	out                         []byte
	written                     int
	outErr                      error
}

// newTransport picks the raw transport for sockets. A wrapper that only changes
// addresses, such as that of the PROXY protocol, offers its socket by NetConn
// and says by Buffered that it holds no bytes back; others, such as TLS, do not.
func newTransport(conn net.Conn, size int) transport {
	inner := conn
	if w, ok := conn.(interface {
		NetConn() net.Conn
		Buffered() []byte
	}); ok && len(w.Buffered()) == 0 {
		inner = w.NetConn()
	}
	switch inner.(type) {
	case *net.TCPConn, *net.UnixConn:
		if raw, err := inner.(syscall.Conn).SyscallConn(); err == nil {
			t := &rawTransport{raw: raw, size: size}
			t.onRead, t.onTryWrite, t.onWrite = t.readReady, t.writeOnce, t.writeAll
			return t
		}
	}
	return &streamTransport{conn: conn, size: size}
}

func (t *rawTransport) read(buf []byte) ([]byte, error) {
	t.in, t.inErr = buf, nil
	err := t.raw.Read(t.onRead)
	buf, t.in = t.in, nil
	if t.inErr != nil {
		err = t.inErr
	}
	return buf, err
}

// readReady is called when the socket may be readable, and first without
// waiting: Go's poller reports edges, so it reads until the kernel says EAGAIN.
func (t *rawTransport) readReady(fd uintptr) bool {
	buf := t.in
	held := len(buf)
	if buf == nil {
		buf = borrow(t.size)
	}
	buf = withRoom(buf, max(smallBuffer, min(held, t.size)))
	n, err := ignoringEINTR(syscall.Read, int(fd), buf[held:cap(buf)])
	switch {
	case err == syscall.EAGAIN:
		t.in = shrink(buf)
		return false
	case err != nil:
		t.in, t.inErr = buf, err
	case n == 0:
		t.in, t.inErr = buf, io.EOF
	default:
		t.in = buf[:held+n]
	}
	return true
}

// shrink keeps of a buffer what a waiting connection needs: nothing if it holds
// no bytes, else about as much as it holds.
func shrink(buf []byte) []byte {
	if len(buf) == 0 {
		giveBack(buf)
		return nil
	}
	if cap(buf) <= smallBuffer || cap(buf) <= 2*len(buf) {
		return buf
	}
	small := append(borrow(len(buf)), buf...)
	if cap(small) == cap(buf) {
		small = append(make([]byte, 0, len(buf)), buf...)
	}
	giveBack(buf)
	return small
}

// descriptor returns the socket's descriptor while it is open.
func (t *rawTransport) descriptor() (fd int32, ok bool) {
	err := t.raw.Control(func(n uintptr) { fd, ok = int32(n), true })
	return fd, ok && err == nil
}

func (t *rawTransport) tryWrite(b []byte) (int, error) {
	t.out, t.written, t.outErr = b, 0, nil
	err := t.raw.Write(t.onTryWrite)
	t.out = nil
	if t.outErr != nil {
		err = t.outErr
	}
	return t.written, err
}

func (t *rawTransport) write(b []byte) error {
	t.out, t.written, t.outErr = b, 0, nil
	err := t.raw.Write(t.onWrite)
	t.out = nil
	if t.outErr != nil {
		err = t.outErr
	}
	return err
}

func (t *rawTransport) writeOnce(fd uintptr) bool {
	t.writeSome(fd)
	return true
}

func (t *rawTransport) writeAll(fd uintptr) bool { return t.writeSome(fd) }

// writeSome writes until all is written (true) or the socket is full (false).
func (t *rawTransport) writeSome(fd uintptr) bool {
	for len(t.out) > 0 {
		n, err := ignoringEINTR(syscall.Write, int(fd), t.out)
		if err == syscall.EAGAIN {
			return false
		}
		if err != nil {
			t.outErr = err
			return true
		}
		t.written += n
		t.out = t.out[n:]
	}
	return true
}

func ignoringEINTR(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
