package listeners

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

const proxyLine = "PROXY TCP4 192.0.2.7 10.0.0.1 12345 1883\r\n"

func TestProxyNamesTheSource(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, header string
		trusted      []netip.Prefix
		remote       string // "" = the connection's own
	}{
		{"v1", proxyLine, nil, "192.0.2.7:12345"},
		{"v2", v2(0x21, 0x11, v2inet), nil, "192.0.2.7:12345"},
		{"IPv6", v2(0x21, 0x21, v2inet6), nil, "[2001:db8::7]:12345"},
		{"trusted", proxyLine, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}, "192.0.2.7:12345"},
		{"LOCAL", v2(0x20, 0x00), nil, ""},
		{"UNKNOWN", "PROXY UNKNOWN\r\n", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := NewTCP("x", "127.0.0.1:0", &Config{ProxyProtocol: true, ProxyTrusted: tt.trusted})
			establish, conns := handOver()
			start(t, l, nil, establish)
			client := dialTCP(t, l.Address())
			mustWrite(t, client, []byte(tt.header+"hello"))
			conn := limited(t, receive(t, conns, "the connection"))
			mustRead(t, conn, "hello")
			mustWrite(t, conn, []byte("welcome"))
			mustRead(t, client, "welcome")
			if tt.remote == "" {
				if _, ok := conn.(*net.TCPConn); !ok || conn.RemoteAddr().String() != client.LocalAddr().String() {
					t.Errorf("a %T from %v, want the TCP connection itself", conn, conn.RemoteAddr())
				}
				return
			}
			if conn.RemoteAddr().String() != tt.remote {
				t.Errorf("remote %v, want %v", conn.RemoteAddr(), tt.remote)
			}
			inner := conn.(*ProxyConn)
			if _, ok := inner.NetConn().(*net.TCPConn); !ok || len(inner.Buffered()) > 0 {
				t.Errorf("a %T inside with %q buffered", inner.NetConn(), inner.Buffered())
			}
		})
	}
}

func TestProxyInFrontOfTLS(t *testing.T) {
	t.Parallel()
	l := NewTLS("x", "127.0.0.1:0", &Config{TLSConfig: serverConfig(), ProxyProtocol: true})
	establish, conns := handOver()
	start(t, l, nil, establish)
	raw := dialTCP(t, l.Address())
	mustWrite(t, raw, []byte(proxyLine))
	client := tls.Client(raw, clientConfig())
	mustWrite(t, client, []byte("hello"))
	conn := limited(t, receive(t, conns, "the connection"))
	mustRead(t, conn, "hello")
	if conn.RemoteAddr().String() != "192.0.2.7:12345" {
		t.Errorf("remote %v", conn.RemoteAddr())
	}
}

func TestProxyInFrontOfWebsocket(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			cfg := &Config{ProxyProtocol: true}
			if scheme == "wss" {
				cfg.TLSConfig = serverConfig()
			}
			l := NewWebsocket("x", "127.0.0.1:0", cfg)
			establish, conns := handOver()
			start(t, l, nil, establish)
			client, _, err := dialWS(t.Context(), scheme+"://"+l.Address()+"/mqtt", func(d *ws.Dialer) {
				d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, addr)
					if err == nil {
						_, err = conn.Write([]byte(proxyLine))
					}
					return conn, err
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			limited(t, client)
			conn := limited(t, receive(t, conns, "the connection"))
			mustWrite(t, client, []byte("hello"))
			mustRead(t, conn, "hello")
			mustWrite(t, conn, []byte("welcome"))
			mustRead(t, client, "welcome")
			if conn.RemoteAddr().String() != "192.0.2.7:12345" {
				t.Errorf("remote %v", conn.RemoteAddr())
			}
		})
	}
}

func TestProxyRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, header, want string
		trusted            string
	}{
		{"malformed", "PROXY TCP4 a b 1 2\r\n", "no address for TCP4", "0.0.0.0/0"},
		{"missing", "\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06abcdef", "begins with", "0.0.0.0/0"},
		{"untrusted", proxyLine, "not in ProxyTrusted", "10.0.0.0/8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := NewTCP("x", "127.0.0.1:0", &Config{ProxyProtocol: true, ProxyTrusted: []netip.Prefix{netip.MustParsePrefix(tt.trusted)}})
			book := newLogBook()
			start(t, l, book.logger(), func(net.Conn) error {
				t.Error("a refused connection was handed over")
				return nil
			})
			client := dialTCP(t, l.Address())
			mustWrite(t, client, []byte(tt.header))
			mustEnd(t, client)
			book.wait(t, tt.want)
			if l.Refused() != 1 || !strings.Contains(book.String(), "level=WARN") {
				t.Errorf("refused %d, log\n%s", l.Refused(), book)
			}
		})
	}
}

// A health probe connects and leaves; that is counted and not warned about.
func TestProxyProbeIsQuiet(t *testing.T) {
	t.Parallel()
	l := NewTCP("x", "127.0.0.1:0", &Config{ProxyProtocol: true})
	book := newLogBook()
	start(t, l, book.logger(), echo)
	dialTCP(t, l.Address()).Close()
	book.wait(t, errSilent.Error())
	if l.Refused() != 1 || strings.Contains(book.String(), "level=WARN") {
		t.Errorf("refused %d, log\n%s", l.Refused(), book)
	}
}

func TestProxyOpenToTheWorldIsWarnedAbout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, address string
		trusted       []netip.Prefix
		warn          bool
	}{
		{"everywhere", ":0", nil, true},
		{"loopback", "127.0.0.1:0", nil, false},
		{"trusted", ":0", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			book := newLogBook()
			start(t, NewTCP("x", tt.address, &Config{ProxyProtocol: true, ProxyTrusted: tt.trusted}), book.logger(), echo)
			if strings.Contains(book.String(), "set ProxyTrusted") != tt.warn {
				t.Errorf("log: %s", book)
			}
		})
	}
}

func TestProxyHeaderTooLate(t *testing.T) {
	t.Parallel()
	l := NewTCP("x", "127.0.0.1:0", &Config{ProxyProtocol: true, HandshakeTimeout: 50 * time.Millisecond})
	book := newLogBook()
	start(t, l, book.logger(), echo)
	client := dialTCP(t, l.Address())
	mustWrite(t, client, []byte("PROXY TC"))
	mustEnd(t, client)
	book.wait(t, "i/o timeout")
}

func TestProxyTrusts(t *testing.T) {
	t.Parallel()
	p := proxyPolicy{trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}}
	for _, tt := range []struct {
		name string
		peer net.Addr
		want bool
	}{
		{"inside", &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, true},
		{"outside", &net.TCPAddr{IP: net.IPv4(11, 1, 2, 3)}, false},
		{"IPv4 in IPv6", &net.TCPAddr{IP: net.ParseIP("::ffff:10.1.2.3")}, true},
		{"zone", &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, true},
		{"no address", &net.TCPAddr{}, false},
		{"Unix socket", &net.UnixAddr{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := p.trusts(tt.peer); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
