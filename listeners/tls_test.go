package listeners

import (
	"crypto/tls"
	"io"
	"slices"
	"testing"
)

func TestServerTLS(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		minVersion uint16
		protos     []string
		alpn       string
		wantMin    uint16
		wantProtos []string
	}{
		{"default", 0, nil, "mqtt", tls.VersionTLS12, []string{"mqtt"}},
		{"old version", tls.VersionTLS10, nil, "mqtt", tls.VersionTLS12, []string{"mqtt"}},
		{"newer version", tls.VersionTLS13, nil, "mqtt", tls.VersionTLS13, []string{"mqtt"}},
		{"own protocols", 0, []string{"mine"}, "mqtt", tls.VersionTLS12, []string{"mine"}},
		{"http default", 0, nil, alpnHTTP, tls.VersionTLS12, []string{"http/1.1"}},
		{"http without h2", 0, []string{"h2", "http/1.1", "acme-tls/1"}, alpnHTTP, tls.VersionTLS12, []string{"http/1.1", "acme-tls/1"}},
		{"http added", 0, []string{"acme-tls/1"}, alpnHTTP, tls.VersionTLS12, []string{"acme-tls/1", "http/1.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user := serverConfig()
			user.MinVersion, user.NextProtos = tt.minVersion, slices.Clone(tt.protos)
			got, err := serverTLS(user, tt.alpn)
			if err != nil {
				t.Fatal(err)
			}
			if got.MinVersion != tt.wantMin || !slices.Equal(got.NextProtos, tt.wantProtos) {
				t.Errorf("version %x, protocols %v", got.MinVersion, got.NextProtos)
			}
			if user.MinVersion != tt.minVersion || !slices.Equal(user.NextProtos, tt.protos) {
				t.Error("the user's config was changed")
			}
		})
	}
}

func TestTLSHandshake(t *testing.T) {
	t.Parallel()
	l := NewTLS("x", "127.0.0.1:0", &Config{TLSConfig: serverConfig()})
	start(t, l, nil, echo)
	for _, tt := range []struct {
		name   string
		protos []string
		max    uint16
		ok     bool
		chosen string
	}{
		{"no ALPN", nil, 0, true, ""},
		{"mqtt", []string{"mqtt"}, 0, true, "mqtt"},
		{"mqtt among others", []string{"other", "mqtt"}, 0, true, "mqtt"},
		{"a browser", []string{"h2", "http/1.1"}, 0, false, ""},
		{"TLS 1.2", nil, tls.VersionTLS12, true, ""},
		{"TLS 1.1", nil, tls.VersionTLS11, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := clientConfig()
			cfg.NextProtos, cfg.MaxVersion, cfg.MinVersion = tt.protos, tt.max, tls.VersionTLS10
			conn := tls.Client(dialTCP(t, l.Address()), cfg)
			err := conn.Handshake()
			if (err == nil) != tt.ok || conn.ConnectionState().NegotiatedProtocol != tt.chosen {
				t.Fatalf("%v, protocol %q", err, conn.ConnectionState().NegotiatedProtocol)
			}
			if tt.ok {
				mustWrite(t, conn, []byte("hello"))
				mustRead(t, conn, "hello")
			}
		})
	}
}

// A browser offers HTTP/2 first and gets HTTP/1.1, which can become a WebSocket.
func TestWebsocketTLSProtocol(t *testing.T) {
	t.Parallel()
	for _, protos := range [][]string{nil, {"h2", "http/1.1"}} {
		cfg := serverConfig()
		cfg.NextProtos = protos
		l := NewWebsocket("x", "127.0.0.1:0", &Config{TLSConfig: cfg})
		start(t, l, nil, echo)
		browser := clientConfig()
		browser.NextProtos = []string{"h2", "http/1.1"}
		conn := tls.Client(dialTCP(t, l.Address()), browser)
		if err := conn.Handshake(); err != nil || conn.ConnectionState().NegotiatedProtocol != "http/1.1" {
			t.Errorf("server %v: %v, protocol %q", protos, err, conn.ConnectionState().NegotiatedProtocol)
		}
	}
}

func TestNotTLSIsRefused(t *testing.T) {
	t.Parallel()
	book := newLogBook()
	l := NewTLS("x", "127.0.0.1:0", &Config{TLSConfig: serverConfig()})
	start(t, l, book.logger(), echo)
	client := dialTCP(t, l.Address())
	mustWrite(t, client, []byte("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"))
	io.Copy(io.Discard, client) // an alert may come before the end
	book.wait(t, "TLS handshake")
	if l.Refused() != 1 {
		t.Errorf("refused %d", l.Refused())
	}
}
