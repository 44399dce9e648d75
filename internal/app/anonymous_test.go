package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serveConfig runs a broker for a configuration until the test ends, and
// returns the addresses of its listeners by their ID.
func serveConfig(t *testing.T, cfg *config.Config) (map[string]string, *lockedBuffer) {
	t.Helper()
	log := new(lockedBuffer)
	srv, err := newBroker(cfg, slog.New(slog.NewTextHandler(log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := srv.Serve(); err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{}
	for _, l := range srv.Listeners() {
		addresses[l.ID()] = l.Address()
	}
	return addresses, log
}

func proxied(anonymous bool) *config.Config {
	cfg := config.Default()
	if anonymous {
		cfg.SetAnonymous(config.Everybody)
	}
	l := config.NewListener("proxied", config.TCP, "127.0.0.1:0")
	l.ProxyProtocol, l.ProxyTrusted = true, []string{"127.0.0.0/8"}
	cfg.Listeners = []config.Listener{l}
	return cfg
}

// TestOnlyLocalClientsAreAdmitted proves that the source a proxy names counts,
// not the proxy, which is local here.
func TestOnlyLocalClientsAreAdmitted(t *testing.T) {
	t.Parallel()
	local, log := serveConfig(t, proxied(false))
	everybody, _ := serveConfig(t, proxied(true))
	for _, tt := range []struct {
		source string
		local  bool
	}{
		{"TCP4 127.0.0.1 10.0.0.1 5000 1883", true},
		{"TCP4 127.8.9.1 10.0.0.1 5000 1883", true},
		{"TCP6 ::1 ::2 5000 1883", true},
		{"TCP6 ::ffff:127.0.0.1 ::2 5000 1883", true},
		{"TCP4 203.0.113.7 10.0.0.1 5000 1883", false},
		{"TCP4 192.168.1.1 10.0.0.1 5000 1883", false},
		{"TCP4 0.0.0.0 10.0.0.1 5000 1883", false},
		{"TCP6 2001:db8::1 ::2 5000 1883", false},
		{"TCP6 fe80::1 ::2 5000 1883", false},
		{"UNKNOWN", true}, // the proxy's own, which is local
	} {
		for _, v := range []packets.Version{packets.V31, packets.V311, packets.V5} {
			t.Run(fmt.Sprintf("%s %s", tt.source, v), func(t *testing.T) {
				t.Parallel()
				want := packets.ErrNotAuthorized
				if tt.local {
					want = packets.CodeSuccess
				}
				if code := connectFrom(t, local["proxied"], tt.source, v); code != want {
					t.Errorf("CONNACK with %v, want %v", code, want)
				}
				if code := connectFrom(t, everybody["proxied"], tt.source, v); code != packets.CodeSuccess {
					t.Errorf("CONNACK with %v although everybody is admitted", code)
				}
			})
		}
	}
	t.Cleanup(func() {
		if !strings.Contains(log.String(), `msg="client refused" client_id=c listener=proxied remote=203.0.113.7:5000 reason="without access rules`) {
			t.Errorf("the log does not tell why: %s", log)
		}
	})
}

// connectFrom connects through a proxy that names a source.
func connectFrom(t *testing.T, address, source string, v packets.Version) packets.Code {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "PROXY %s\r\n", source); err != nil {
		t.Fatal(err)
	}
	c := mqtttest.NewClient(t, conn, v)
	c.Send(&packets.Connect{Version: v, ClientID: "c", CleanStart: true})
	return mqtttest.Expect[*packets.Connack](c).Code
}

// TestForeignPagesAreRefused opens WebSockets as pages in a local browser do. A
// page under a name of its owner's, that leads to 127.0.0.1 by DNS, has an origin
// that equals the Host and is refused all the same.
func TestForeignPagesAreRefused(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	l := config.NewListener("websocket", config.WebSocket, "127.0.0.1:0")
	l.Origins = []string{"https://app.example.com"}
	cfg.Listeners = []config.Listener{l}
	addresses, _ := serveConfig(t, cfg)
	for _, tt := range []struct {
		name, origin, host string
		want               packets.Code
	}{
		{"forwarded by a local proxy", "X-Forwarded-For: 203.0.113.7", "broker.example.com", packets.ErrNotAuthorized},
		{"forwarded, by the standard", "Forwarded: for=203.0.113.7", "broker.example.com", packets.ErrNotAuthorized},
		{"no browser", "", "", packets.CodeSuccess},
		{"localhost", "http://localhost:3000", "localhost:8083", packets.CodeSuccess},
		{"a name below localhost", "http://app.localhost", "app.localhost:8083", packets.CodeSuccess},
		{"loopback", "http://127.0.0.1:3000", "127.0.0.1:8083", packets.CodeSuccess},
		{"IPv6 loopback", "http://[::1]:3000", "[::1]:8083", packets.CodeSuccess},
		{"named by the operator", "https://app.example.com", "broker.example.com", packets.CodeSuccess},
		{"a name that leads here", "http://evil.example.com:8083", "evil.example.com:8083", packets.ErrNotAuthorized},
		{"a name like localhost", "http://localhost.example.com", "localhost.example.com", packets.ErrNotAuthorized},
		{"an address of the network", "http://192.168.1.1", "192.168.1.1:8083", packets.ErrNotAuthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if code := connectPage(t, addresses["websocket"], tt.origin, tt.host); code != tt.want {
				t.Errorf("CONNACK with %v, want %v", code, tt.want)
			}
		})
	}
}

// connectPage connects as a page of origin does that asked for host.
func connectPage(t *testing.T, address, origin, host string) packets.Code {
	t.Helper()
	d := ws.Dialer{Protocols: []string{"mqtt"}, Host: host, Timeout: patience}
	switch {
	case strings.Contains(origin, ": "): // another header
		d.Header = ws.HandshakeHeaderString(origin + "\r\n")
	case origin != "":
		d.Header = ws.HandshakeHeaderString("Origin: " + origin + "\r\n")
	}
	conn, _, _, err := d.Dial(t.Context(), "ws://"+address+"/mqtt")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	packet, err := mqtttest.Connect("c").Append(nil, packets.V5)
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewBinaryFrame(packet))); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	frame, err := wsutil.ReadServerBinary(conn)
	if err != nil {
		t.Fatal(err)
	}
	var ack packets.Connack
	if err := ack.Decode(frame[0]&15, frame[2:], packets.V5); err != nil {
		t.Fatal(err)
	}
	return ack.Code
}

func TestLocal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		addr net.Addr
		want bool
	}{
		{"none", nil, false},
		{"a nameless Unix socket", &net.UnixAddr{Net: "unix"}, true},
		{"loopback", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, true},
		{"IPv6 loopback", &net.TCPAddr{IP: net.IPv6loopback, Port: 1}, true},
		{"the network", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, false},
		{"no address", &net.TCPAddr{}, false},
		{"link local with a zone", &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 1}, false},
	} {
		if got := local(tt.addr); got != tt.want {
			t.Errorf("%s: local %t, want %t", tt.name, got, tt.want)
		}
	}
	if (&anonymousRules{}).strange(nil) == "" {
		t.Error("a client without connection is local")
	}
}
