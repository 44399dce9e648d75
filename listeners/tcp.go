package listeners

import (
	"context"
	"net"
)

// TCP listens on a TCP port, with or without TLS.
//
// A plain connection is handed over as the *net.TCPConn itself. A TLS connection
// is a *tls.Conn whose handshake is done. Where the PROXY protocol names another
// source, a plain connection is a *ProxyConn, and a *tls.Conn has one inside.
type TCP struct{ acceptor }

// NewTCP returns a listener for addr ("host:port"; ":1883" for all addresses of
// this machine, port 0 for a free one). With a TLSConfig in cfg it is NewTLS.
// cfg may be nil. Mistakes in cfg are reported by Listen.
func NewTCP(id, addr string, cfg *Config) *TCP {
	if cfg != nil && cfg.TLSConfig != nil {
		return NewTLS(id, addr, cfg)
	}
	l := &TCP{newAcceptor(id, "tcp", addr, cfg)}
	l.bind = l.bindTCP
	return l
}

// NewTLS returns a listener for MQTT over TLS; cfg.TLSConfig needs a certificate.
// The listener's copy of it never goes below TLS 1.2, and offers the ALPN name
// "mqtt" if it names none: a client that offers other names only is refused, one
// that offers none is served.
func NewTLS(id, addr string, cfg *Config) *TCP {
	l := &TCP{newAcceptor(id, "tls", addr, cfg)}
	l.bind = func() (net.Listener, error) {
		if l.cfg.TLSConfig == nil {
			_, err := serverTLS(nil, l.alpn)
			return nil, err
		}
		return l.bindTCP()
	}
	return l
}

// bindTCP opens the port. Accepted connections have TCP_NODELAY, as always in Go,
// and keep-alive probes; the backlog is the system's maximum (somaxconn).
func (a *acceptor) bindTCP() (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: a.cfg.KeepAlive}
	if a.cfg.KeepAlive > 0 {
		lc.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: a.cfg.KeepAlive, Interval: a.cfg.KeepAlive}
	}
	return lc.Listen(context.Background(), "tcp", a.address)
}
