package listeners

import (
	"context"
	"errors"
	"log/slog"
	"net"
)

var errNotYet = errors.New("not implemented yet")

type base struct{ id, addr, protocol string }

// ID returns the listener's name.
func (b *base) ID() string { return b.id }

// Address returns the bound address after Listen, the configured one before.
func (b *base) Address() string { return b.addr }

// Protocol returns the kind of listener in one word.
func (b *base) Protocol() string { return b.protocol }

// Listen binds the address.
func (b *base) Listen(*slog.Logger) error { return errNotYet }

// Serve accepts until Close.
func (b *base) Serve(func(net.Conn) error) error { return errNotYet }

// Close stops accepting.
func (b *base) Close(context.Context) error { return nil }

type (
	// TCP listens on a TCP port.
	TCP struct{ base }
	// UnixSock listens on a Unix socket.
	UnixSock struct{ base }
	// Net accepts from the caller's net.Listener.
	Net struct{ base }
	// Memory accepts in-process connections.
	Memory struct{ base }
	// Websocket accepts MQTT over WebSocket.
	Websocket struct{ base }
	// HTTPStats serves statistics as JSON.
	HTTPStats struct{ base }
	// HTTPHealthCheck serves GET /healthcheck.
	HTTPHealthCheck struct{ base }
)

// NewTCP returns a TCP listener, TLS when cfg has a TLSConfig.
func NewTCP(id, addr string, cfg *Config) *TCP { return &TCP{base{id, addr, "tcp"}} }

// NewTLS returns a TLS listener.
func NewTLS(id, addr string, cfg *Config) *TCP { return &TCP{base{id, addr, "tls"}} }

// NewWebsocket returns a WebSocket listener.
func NewWebsocket(id, addr string, cfg *Config) *Websocket { return &Websocket{base{id, addr, "ws"}} }

// NewUnixSock returns a Unix socket listener.
func NewUnixSock(id, path string, cfg ...*Config) *UnixSock { return &UnixSock{base{id, path, "unix"}} }

// NewNet returns a listener over l.
func NewNet(id string, l net.Listener) *Net { return &Net{base{id, l.Addr().String(), "net"}} }

// NewMemory returns an in-process listener.
func NewMemory(id string) *Memory { return &Memory{base{id, "memory", "memory"}} }

// Dial connects to the listener.
func (m *Memory) Dial(context.Context) (net.Conn, error) { return nil, errNotYet }

// NewHTTPStats returns a listener that serves stats() as JSON.
func NewHTTPStats(id, addr string, cfg *Config, stats func() any) *HTTPStats {
	return &HTTPStats{base{id, addr, "http"}}
}

// NewHTTPHealthCheck returns a listener that serves GET /healthcheck.
func NewHTTPHealthCheck(id, addr string, cfg *Config) *HTTPHealthCheck {
	return &HTTPHealthCheck{base{id, addr, "http"}}
}
