package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/internal/client"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// pipe is a connection whose writes do not wait for reads.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	m := listeners.NewMemory("pipe")
	if err := m.Listen(nil); err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	served := make(chan error, 1)
	go func() { served <- m.Serve(func(conn net.Conn) error { accepted <- conn; return nil }) }()
	near, err := m.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	far = <-accepted
	if err := errors.Join(m.Close(t.Context()), <-served); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// certificate makes one for 127.0.0.1, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestDialEveryScheme(t *testing.T) {
	t.Parallel()
	pair, pool := certificate(t)
	secure := &listeners.Config{TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
	socket := filepath.Join(t.TempDir(), "mqtt.sock")
	for _, tt := range []struct {
		scheme string
		l      mqtt.Listener
	}{
		{"mqtt", listeners.NewTCP("mqtt", "127.0.0.1:0", nil)},
		{"mqtts", listeners.NewTLS("mqtts", "127.0.0.1:0", secure)},
		{"ws", listeners.NewWebsocket("ws", "127.0.0.1:0", nil)},
		{"wss", listeners.NewWebsocket("wss", "127.0.0.1:0", secure)},
		{"unix", listeners.NewUnixSock("unix", socket)},
	} {
		t.Run(tt.scheme, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			if err := s.AddListener(tt.l); err != nil {
				t.Fatal(err)
			}
			for _, v := range allVersions {
				onMessage, messages := inbox(1)
				o := client.Options{URL: tt.scheme + "://" + tt.l.Address(), Version: v, OnMessage: onMessage, TLS: &tls.Config{RootCAs: pool}}
				c, err := client.Dial(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				subscribe(t, c, "a", 2)
				large := strings.Repeat("x", 300_000)
				if err := c.Publish(t.Context(), &packets.Publish{Topic: "a", Payload: []byte(large), QoS: 2}); err != nil {
					t.Fatal(err)
				}
				if pk := next(t, messages); string(pk.Payload) != large {
					t.Errorf("got %d bytes, want %d", len(pk.Payload), len(large))
				}
				disconnect(t, c)
			}
		})
	}
}

func TestDialErrorsSayWhy(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	pair, _ := certificate(t)
	s := mqtttest.NewServer(t)
	secure := listeners.NewTLS("mqtts", "127.0.0.1:0", &listeners.Config{TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}})
	if err := s.AddListener(secure); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, url, want string }{
		{"no listener", "unix://" + filepath.Join(t.TempDir(), "none.sock"), "no such file"},
		{"no URL", "", "write mqtt://"},
		{"an HTTP server", "ws://" + page.Listener.Addr().String() + "/here", "HTTP 404 instead of a WebSocket at /here"},
		{"an unknown authority", "mqtts://" + secure.Address(), "unknown authority"},
		{"plain text to TLS", "mqtt://" + secure.Address(), "connect to " + secure.Address()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Dial(t.Context(), client.Options{URL: tt.url})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestDialTimeout connects to somebody who never answers.
func TestDialTimeout(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	o := client.Options{URL: "mqtt://" + ln.Addr().String(), Timeout: 50 * time.Millisecond}
	if _, err := client.Dial(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("error %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Dial(ended, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that the context ended", err)
	}
}

// connects is a hook that passes CONNECT packets on.
type connects chan *packets.Connect

func (c connects) OnConnect(_ *mqtt.Client, pk *packets.Connect) error {
	c <- pk
	return nil
}

func TestURLCredentials(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	seen := make(chan *packets.Connect, 1)
	if err := s.AddHook(connects(seen), nil); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP("mqtt", "127.0.0.1:0", nil)
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(t.Context(), client.Options{URL: "mqtt://me:secret@" + l.Address()})
	if err != nil {
		t.Fatal(err)
	}
	disconnect(t, c)
	if pk := next(t, seen); pk.Username != "me" || string(pk.Password) != "secret" {
		t.Errorf("connected as %q with %q", pk.Username, pk.Password)
	}
}
