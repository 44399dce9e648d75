package listeners

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// ProxyConn is a connection whose real source was named by a PROXY header. It
// reads and writes the connection inside without a buffer of its own.
type ProxyConn struct {
	net.Conn
	source net.Addr
}

// RemoteAddr returns the source that the PROXY header named.
func (c *ProxyConn) RemoteAddr() net.Addr { return c.source }

// NetConn returns the connection inside, for those who need the raw socket; its
// RemoteAddr is the proxy's.
func (c *ProxyConn) NetConn() net.Conn { return c.Conn }

// Buffered returns bytes already read from the connection inside: always none,
// because the header is read to its exact end. Whoever reads NetConn directly
// misses nothing.
func (c *ProxyConn) Buffered() []byte { return nil }

// proxyPolicy decides whose PROXY headers are believed.
type proxyPolicy struct{ trusted []netip.Prefix }

// accept reads the header at the beginning of conn. It returns conn itself when
// the header names no source (LOCAL, UNKNOWN), a *ProxyConn otherwise.
func (p *proxyPolicy) accept(conn net.Conn) (net.Conn, error) {
	if !p.trusts(conn.RemoteAddr()) {
		return nil, errors.New("the peer is not in ProxyTrusted")
	}
	source, err := readProxyHeader(conn)
	if errors.Is(err, io.EOF) {
		return nil, errSilent
	}
	if err != nil {
		return nil, err
	}
	if !source.IsValid() {
		return conn, nil
	}
	return &ProxyConn{Conn: conn, source: net.TCPAddrFromAddrPort(source)}, nil
}

func (p *proxyPolicy) trusts(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok || len(p.trusted) == 0 {
		return true
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, prefix := range p.trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// malformed returns the error for a header that breaks the protocol.
func malformed(format string, args ...any) error {
	return fmt.Errorf("malformed header: "+format, args...)
}
