package listeners

import (
	"io"
	"net"
)

// junction is the connection under TLS and WebSocket. It lets who serves the
// connection move the raw bytes himself, so that the layers above neither block
// nor need a goroutine each.
type junction struct {
	net.Conn
	other io.ReadWriteCloser
}

// NetConn returns the connection inside.
func (j *junction) NetConn() net.Conn { return j.Conn }

// Divert has all that the layers above read and write from now on go to other
// instead of the connection inside. Its Read may say by a temporary net.Error
// that nothing is there. Its Close is called before the connection inside is
// closed. Divert must be called before somebody else uses the connection.
func (j *junction) Divert(other io.ReadWriteCloser) { j.other = other }

// Read reads from wherever the bytes are led.
func (j *junction) Read(p []byte) (int, error) {
	if j.other != nil {
		return j.other.Read(p)
	}
	return j.Conn.Read(p)
}

// Write writes to wherever the bytes are led.
func (j *junction) Write(p []byte) (int, error) {
	if j.other != nil {
		return j.other.Write(p)
	}
	return j.Conn.Write(p)
}

// Close closes the connection inside.
func (j *junction) Close() error {
	if j.other != nil {
		_ = j.other.Close() // the connection inside is what counts
	}
	return j.Conn.Close()
}
