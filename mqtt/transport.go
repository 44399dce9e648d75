package mqtt

import (
	"errors"
	"net"
	"time"
)

// transport moves the bytes of one Network Connection for its reader goroutine
// and for whoever flushes its outbound queue.
type transport interface {
	// read appends to buf what the peer sent, at least one byte, and returns
	// it. While nothing is there it waits without holding more memory than the
	// bytes buf already has; buf may be nil.
	read(buf []byte) ([]byte, error)
	// tryWrite takes what can be written of b without blocking, and returns how
	// much. Unless all is true, write must follow with the rest of b, even if
	// that is nothing.
	tryWrite(b []byte) (n int, all bool, err error)
	// write blocks until all of b and of what tryWrite took is written.
	write(b []byte) error
}

// streamTransport serves connections that are no sockets, such as those in
// memory. They cannot write without blocking, so a writer goroutine does it.
type streamTransport struct {
	conn  net.Conn
	large bool // the last read filled its buffer, so the next one is large
	size  int
}

func (t *streamTransport) read(buf []byte) ([]byte, error) {
	want := smallBuffer
	if t.large {
		want = t.size
	}
	if len(buf) == 0 && cap(buf) > want { // a waiting connection holds no large buffer
		giveBack(buf)
		buf = nil
	}
	if buf == nil {
		buf = borrow(want)
	}
	buf = withRoom(buf, want)
	n, err := t.conn.Read(buf[len(buf):cap(buf)])
	t.large = n >= want
	buf = buf[:len(buf)+n]
	if n > 0 {
		return buf, nil
	}
	return buf, err
}

func (t *streamTransport) tryWrite([]byte) (int, bool, error) { return 0, false, nil }

func (t *streamTransport) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := t.conn.Write(b)
	return err
}

// lingerTime bounds how long a connection that the server ends may take to
// receive the last bytes and to close its side.
const lingerTime = time.Second

// lingerBytes bounds what is read from a peer that goes on sending meanwhile.
const lingerBytes = 256 << 10

// linger lets the peer read the last packet before the connection goes away: a
// close with unread input would reset the connection and destroy it.
func linger(conn net.Conn, passive bool) {
	patience := lingerTime
	if passive {
		patience *= 2
	} else if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if half.CloseWrite() != nil {
			return
		}
	}
	if conn.SetReadDeadline(time.Now().Add(patience)) != nil {
		return
	}
	buf := borrow(smallBuffer)
	defer giveBack(buf)
	for read := 0; read < lingerBytes; {
		n, err := conn.Read(buf[:cap(buf)])
		if err != nil {
			return
		}
		read += n
	}
}

// isTimeout tells a deadline, by which a waiting reader is woken, from an end.
func isTimeout(err error) bool {
	if err == nil {
		return false
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
