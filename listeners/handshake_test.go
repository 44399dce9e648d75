package listeners

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// slowKinds are listeners whose clients may be slow before they are handed over,
// and what such a client sends before it stops.
var slowKinds = []struct {
	name, sends string
	make        func(cfg Config) listener
}{
	{"tls", "\x16\x03\x01", func(cfg Config) listener {
		cfg.TLSConfig = serverConfig()
		return NewTLS("x", "127.0.0.1:0", &cfg)
	}},
	{"ws", "GET /mqtt HTT", func(cfg Config) listener { return NewWebsocket("x", "127.0.0.1:0", &cfg) }},
	{"wss", "\x16\x03\x01", func(cfg Config) listener {
		cfg.TLSConfig = serverConfig()
		return NewWebsocket("x", "127.0.0.1:0", &cfg)
	}},
	{"http", "GET /healthcheck HTT", func(cfg Config) listener { return NewHTTPHealthCheck("x", "127.0.0.1:0", &cfg) }},
}

// TestSlowHandshakeDelaysNobody holds clients in the middle of their handshake
// while another one gets through, and closes the listener on them.
func TestSlowHandshakeDelaysNobody(t *testing.T) {
	t.Parallel()
	for _, tt := range slowKinds {
		if tt.name == "http" {
			continue // hands nothing over
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := tt.make(Config{HandshakeTimeout: time.Hour})
			start(t, l, nil, echo)
			var slow []net.Conn
			for range 20 {
				conn := dialTCP(t, l.Address())
				mustWrite(t, conn, []byte(tt.sends))
				slow = append(slow, conn)
			}
			k := kinds()[slices.IndexFunc(kinds(), func(k kind) bool { return k.name == tt.name })]
			conn, err := k.dial(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			limited(t, conn)
			mustWrite(t, conn, []byte("quick"))
			mustRead(t, conn, "quick")
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, conn := range slow {
				mustEnd(t, conn)
			}
			conn.Close() // ends echo, for which Serve waits
		})
	}
}

func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	for _, tt := range slowKinds {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := tt.make(Config{HandshakeTimeout: 50 * time.Millisecond})
			start(t, l, nil, echo)
			conn := dialTCP(t, l.Address())
			mustWrite(t, conn, []byte(tt.sends))
			rest, err := io.ReadAll(conn) // net/http may answer 408 first
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				t.Errorf("still open, read %q", rest)
			}
		})
	}
}

// The deadline of the handshake does not outlive it.
func TestHandshakeDeadlineIsRemoved(t *testing.T) {
	t.Parallel()
	var last time.Time
	conn := &deadlines{set: func(t time.Time) { last = t }}
	err := within(conn, time.Minute, func() error {
		if left := time.Until(last); left < 50*time.Second || left > time.Minute {
			t.Errorf("%v left", left)
		}
		return nil
	})
	if err != nil || !last.IsZero() {
		t.Errorf("deadline %v, err %v", last, err)
	}
}

type deadlines struct {
	net.Conn
	set func(time.Time)
}

func (d *deadlines) SetDeadline(t time.Time) error {
	d.set(t)
	return nil
}
