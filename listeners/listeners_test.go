package listeners

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// kind is a listener that carries MQTT and the way to reach it.
type kind struct {
	name    string // Protocol as well
	address string // a prefix of Address before Listen
	make    func(t *testing.T, cfg *Config) listener
	dial    func(ctx context.Context, l listener) (net.Conn, error)
}

func plainDial(network string) func(context.Context, listener) (net.Conn, error) {
	return func(ctx context.Context, l listener) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Address())
	}
}

func kinds() []kind {
	secure := func(cfg *Config) *Config {
		out := cfg.withDefaults()
		out.TLSConfig = serverConfig()
		return &out
	}
	tlsDial := func(ctx context.Context, l listener) (net.Conn, error) {
		d := tls.Dialer{Config: clientConfig()}
		return d.DialContext(ctx, "tcp", l.Address())
	}
	wsDial := func(ctx context.Context, l listener) (net.Conn, error) {
		c, _, err := dialWS(ctx, l.Protocol()+"://"+l.Address()+"/mqtt")
		return c, err
	}
	return []kind{
		{"tcp", "127.0.0.1:", func(_ *testing.T, c *Config) listener { return NewTCP("x", "127.0.0.1:0", c) }, plainDial("tcp")},
		{"tls", "127.0.0.1:", func(_ *testing.T, c *Config) listener { return NewTCP("x", "127.0.0.1:0", secure(c)) }, tlsDial},
		{"ws", "127.0.0.1:", func(_ *testing.T, c *Config) listener { return NewWebsocket("x", "127.0.0.1:0", c) }, wsDial},
		{"wss", "127.0.0.1:", func(_ *testing.T, c *Config) listener { return NewWebsocket("x", "127.0.0.1:0", secure(c)) }, wsDial},
		{"unix", os.TempDir(), func(t *testing.T, c *Config) listener { return NewUnixSock("x", socketPath(t), c) }, plainDial("unix")},
		{"tcp4", "127.0.0.1:", func(t *testing.T, _ *Config) listener {
			ln, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return NewNet("x", named{ln, "tcp4"})
		}, plainDial("tcp")},
		{
			"memory", "memory", func(*testing.T, *Config) listener { return NewMemory("x") },
			func(ctx context.Context, l listener) (net.Conn, error) { return l.(*Memory).Dial(ctx) },
		},
	}
}

// named is a listener on a network of another name.
type named struct {
	net.Listener
	network string
}

func (n named) Addr() net.Addr { return namedAddr{n.Listener.Addr(), n.network} }

type namedAddr struct {
	net.Addr
	network string
}

func (a namedAddr) Network() string { return a.network }

// socketPath returns a path short enough for a Unix socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "linnet") //nolint:usetesting // the path of t.TempDir is too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "mqtt.sock")
}

// each runs f for every kind of listener.
func each(t *testing.T, f func(t *testing.T, k kind)) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			f(t, k)
		})
	}
}

func TestIdentity(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.make(t, nil)
		if !strings.HasPrefix(l.Address(), k.address) {
			t.Errorf("address before Listen is %q", l.Address())
		}
		start(t, l, nil, echo)
		if l.ID() != "x" || l.Protocol() != k.name {
			t.Errorf("id %q, protocol %q, want x, %q", l.ID(), l.Protocol(), k.name)
		}
		if !strings.HasPrefix(l.Address(), k.address) || strings.HasSuffix(l.Address(), ":0") {
			t.Errorf("address after Listen is %q", l.Address())
		}
	})
}

func TestEcho(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.make(t, nil)
		start(t, l, nil, echo)
		conn, err := k.dial(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		limited(t, conn)
		for _, size := range []int{1, 125, 126, 4096, 65535, 65536, 300_000} {
			sent := bytes.Repeat([]byte{byte(size), 1, 2, 3, 5}, size/5+1)[:size]
			go conn.Write(sent) // more than the buffers hold: the echo must be read meanwhile
			got := make([]byte, size)
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d bytes came back changed, err %v", size, err)
			}
		}
	})
}

func TestManyConnections(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.make(t, nil)
		start(t, l, nil, echo)
		var clients sync.WaitGroup
		for i := range 40 {
			clients.Go(func() {
				conn, err := k.dial(t.Context(), l)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				want := fmt.Sprintf("client %d", i)
				got := make([]byte, len(want))
				if _, err := conn.Write([]byte(want)); err != nil {
					t.Error(err)
				} else if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			})
		}
		clients.Wait()
	})
}

func TestCloseKeepsEstablishedConnections(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.make(t, nil)
		establish, conns := handOver()
		over := make(chan struct{})
		if err := l.Listen(nil); err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() {
			served <- l.Serve(func(conn net.Conn) error {
				establish(conn)
				<-over
				return nil
			})
		}()
		client, err := k.dial(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		limited(t, client)
		server := limited(t, receive(t, conns, "the connection"))

		for range 2 {
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		mustWrite(t, client, []byte("still here"))
		mustRead(t, server, "still here")
		mustWrite(t, server, []byte("me too"))
		mustRead(t, client, "me too")
		ctx, cancel := context.WithTimeout(t.Context(), patienceOfTests)
		defer cancel()
		if conn, err := k.dial(ctx, l); err == nil {
			mustEnd(t, limited(t, conn)) // taken by the kernel, served by nobody
		}
		select {
		case <-served:
			t.Fatal("Serve returned before establish")
		default:
		}
		close(over)
		if err := receive(t, served, "the end of Serve"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWrongOrder(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.make(t, nil)
		if err := l.Serve(echo); !errors.Is(err, errNotListening) {
			t.Errorf("Serve before Listen: %v", err)
		}
		if err := l.Listen(nil); err != nil {
			t.Fatal(err)
		}
		if err := l.Listen(nil); err == nil || !strings.Contains(err.Error(), "already listening") {
			t.Errorf("second Listen: %v", err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := l.Serve(echo); err != nil {
			t.Errorf("Serve after Close: %v", err)
		}
		if err := l.Listen(nil); !errors.Is(err, errClosedBefore) {
			t.Errorf("Listen after Close: %v", err)
		}
	})
}

// Serve before Listen does no lasting harm.
func TestServeAgain(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.make(t, nil)
		if err := l.Serve(echo); !errors.Is(err, errNotListening) {
			t.Errorf("Serve before Listen: %v", err)
		}
		start(t, l, nil, echo)
		conn, err := k.dial(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, limited(t, conn), []byte("hello"))
		mustRead(t, conn, "hello")
	})
}

func TestHandedOverTypes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.make(t, nil)
		establish, conns := handOver()
		start(t, l, nil, establish)
		client, err := k.dial(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		limited(t, client)
		conn := limited(t, receive(t, conns, "the connection"))
		want := map[string]string{
			"tcp": "*net.TCPConn", "tcp4": "*net.TCPConn", "unix": "*net.UnixConn", "tls": "*tls.Conn",
			"ws": "*listeners.WebsocketConn", "wss": "*listeners.WebsocketConn", "memory": "*listeners.pipeConn",
		}[k.name]
		if got := fmt.Sprintf("%T", conn); got != want {
			t.Errorf("handed over a %s, want %s", got, want)
		}
		if _, raw := conn.(syscall.Conn); raw != (want == "*net.TCPConn" || want == "*net.UnixConn") {
			t.Errorf("syscall.Conn: %v", raw)
		}
		if k.name == "wss" {
			if _, ok := conn.(*WebsocketConn).NetConn().(*tls.Conn); !ok {
				t.Error("no tls.Conn inside")
			}
		}
	})
}

func TestListenErrorsNameAddressAndCure(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := busy.Addr().String()
	for _, tt := range []struct {
		name string
		l    listener
		is   error
		want []string
	}{
		{"tcp in use", NewTCP("a", taken, nil), syscall.EADDRINUSE, []string{"listener a", taken, "in use", "choose another"}},
		{"ws in use", NewWebsocket("a", taken, nil), syscall.EADDRINUSE, []string{taken, "choose another"}},
		{"http in use", NewHTTPStats("a", taken, nil, nil), syscall.EADDRINUSE, []string{taken, "choose another"}},
		{"foreign address", NewTCP("a", "192.0.2.1:0", nil), syscall.EADDRNOTAVAIL, []string{"192.0.2.1:0", "no such address"}},
		{"no port", NewTCP("a", "127.0.0.1", nil), nil, []string{"missing port", "host:port"}},
		{"bad port", NewTCP("a", "127.0.0.1:99999", nil), nil, []string{"invalid port", "host:port"}},
		{"no TLS config", NewTLS("a", "127.0.0.1:0", nil), nil, []string{"TLSConfig is missing"}},
		{"no certificate", NewTCP("a", "127.0.0.1:0", &Config{TLSConfig: &tls.Config{}}), nil, []string{"no certificate"}},
		{"nil listener", NewNet("a", nil), nil, []string{"net.Listener"}},
		{"path", NewWebsocket("a", "127.0.0.1:0", &Config{WebsocketPath: "mqtt"}), nil, []string{"WebsocketPath", "slash"}},
		{"origin", NewWebsocket("a", "127.0.0.1:0", &Config{WebsocketOrigins: []string{"example.com"}}), nil, []string{"WebsocketOrigins", "https://"}},
		{"timeout", NewTCP("a", "127.0.0.1:0", &Config{HandshakeTimeout: -1}), nil, []string{"HandshakeTimeout"}},
		{"mode", NewUnixSock("a", "x.sock", &Config{UnixMode: os.ModeDir}), nil, []string{"UnixMode"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.l.Listen(nil)
			if err == nil {
				tt.l.Close(t.Context())
				t.Fatal("no error")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			for _, words := range tt.want {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not contain %q", err, words)
				}
			}
		})
	}
}

func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	cfg := &Config{WebsocketPath: "/a", WebsocketOrigins: []string{"https://a"}}
	l := NewWebsocket("x", "127.0.0.1:0", cfg)
	cfg.WebsocketPath, cfg.WebsocketOrigins[0] = "broken", "broken"
	start(t, l, nil, echo)
}
