//go:build unix

package mqtt

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// rawTransport reads and writes a socket itself: it waits for readability
// without a buffer, and writes without blocking. Reads belong to the reader
// goroutine, writes to the holder of outbound.writing.
type rawTransport struct {
	raw  syscall.RawConn
	size int
}

// rawCall is one call of a rawTransport with its prebound callbacks, so that
// calls allocate nothing and idle connections hold none of it.
type rawCall struct {
	onRead, onTryWrite, onWrite func(fd uintptr) bool

	size    int
	buf     []byte // read so far, or still to be written
	written int
	err     error
}

var rawCalls = sync.Pool{New: func() any {
	call := new(rawCall)
	call.onRead, call.onTryWrite, call.onWrite = call.readReady, call.writeOnce, call.writeAll
	return call
}}

// borrowCall returns a call for a buffer; finish gives it back.
func borrowCall(buf []byte, size int) *rawCall {
	call, _ := rawCalls.Get().(*rawCall) // the pool holds nothing else
	call.buf, call.size = buf, size
	return call
}

// finish returns the call's error, or that of the connection.
func (c *rawCall) finish(err error) error {
	if c.err != nil {
		err = c.err
	}
	c.buf, c.written, c.err = nil, 0, nil
	rawCalls.Put(c)
	return err
}

// newTransport picks the raw transport for sockets, and the layered one for
// sockets below TLS and WebSocket that have a junction.
func newTransport(conn net.Conn, size int) transport {
	if j := layersOf(conn); j != nil {
		if raw, ok := rawTransportOf(j.NetConn(), size); ok {
			t := &layeredTransport{rawTransport: raw, conn: conn, socket: j.NetConn()}
			j.Divert(t)
			return t
		}
	}
	if raw, ok := rawTransportOf(conn, size); ok {
		return &raw
	}
	return &streamTransport{conn: conn, size: size}
}

// rawTransportOf is the transport of a socket. A wrapper that only changes
// addresses, such as that of the PROXY protocol, offers its socket by NetConn
// and says by Buffered that it holds no bytes back.
func rawTransportOf(conn net.Conn, size int) (t rawTransport, ok bool) {
	if w, ok := conn.(interface {
		NetConn() net.Conn
		Buffered() []byte
	}); ok && len(w.Buffered()) == 0 {
		conn = w.NetConn()
	}
	var socket syscall.Conn
	switch c := conn.(type) {
	case *net.TCPConn:
		socket = c
	case *net.UnixConn:
		socket = c
	default:
		return t, false
	}
	raw, err := socket.SyscallConn()
	return rawTransport{raw: raw, size: size}, err == nil
}

func (t *rawTransport) read(buf []byte) ([]byte, error) {
	call := borrowCall(buf, t.size)
	err := t.raw.Read(call.onRead)
	buf = call.buf
	return buf, call.finish(err)
}

// readReady is called when the socket may be readable, and first without
// waiting: Go's poller reports edges, so it reads until the kernel says EAGAIN.
func (c *rawCall) readReady(fd uintptr) bool {
	buf := c.buf
	held := len(buf)
	if buf == nil {
		buf = borrow(c.size)
	}
	buf = withRoom(buf, max(smallBuffer, min(held, c.size)))
	n, err := ignoringEINTR(syscall.Read, int(fd), buf[held:cap(buf)])
	switch {
	case errors.Is(err, syscall.EAGAIN):
		c.buf = shrink(buf)
		return false
	case err != nil:
		c.buf, c.err = buf, err
	case n == 0:
		c.buf, c.err = buf, io.EOF
	default:
		c.buf = buf[:held+n]
	}
	return true
}

// descriptor returns the socket's descriptor while it is open.
func (t *rawTransport) descriptor() (fd int32, ok bool) {
	err := t.raw.Control(func(n uintptr) { fd, ok = int32(n), true })
	return fd, ok && err == nil
}

func (t *rawTransport) tryWrite(b []byte) (n int, all bool, err error) {
	call := borrowCall(b, 0)
	err = t.raw.Write(call.onTryWrite)
	n = call.written
	return n, n == len(b), call.finish(err)
}

func (t *rawTransport) write(b []byte) error {
	call := borrowCall(b, 0)
	err := t.raw.Write(call.onWrite)
	return call.finish(err)
}

func (c *rawCall) writeOnce(fd uintptr) bool {
	c.writeAll(fd)
	return true
}

// writeAll writes until all is written (true) or the socket is full (false).
func (c *rawCall) writeAll(fd uintptr) bool {
	for len(c.buf) > 0 {
		n, err := ignoringEINTR(syscall.Write, int(fd), c.buf)
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if err != nil {
			c.err = err
			return true
		}
		c.written += n
		c.buf = c.buf[n:]
	}
	return true
}

func ignoringEINTR(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
