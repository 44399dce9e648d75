//go:build !unix

package mqtt

import "net"

// newTransport uses blocking reads and a writer goroutine where sockets cannot
// be read and written directly.
func newTransport(conn net.Conn, size int) transport {
	return &streamTransport{conn: conn, size: size}
}
