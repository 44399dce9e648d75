package tlsid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// issue makes a certificate; without a parent it signs itself.
func issue(t *testing.T, template *x509.Certificate, parent *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(5), time.Unix(0, 0), time.Now().Add(time.Hour)
	signer, signerKey := template, any(key)
	if parent != nil {
		signer, signerKey = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// setup starts a broker with the hook on a listener and returns its address,
// and the authority that it believes.
func setup(t *testing.T, o Options, auth tls.ClientAuthType, websocket bool) (address string, ca tls.Certificate, names <-chan string) {
	t.Helper()
	ca = issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true}, nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	cfg := &listeners.Config{TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{issue(t, &x509.Certificate{DNSNames: []string{"server"}}, &ca)},
		ClientAuth:   auth, ClientCAs: pool,
	}}
	var l mqtt.Listener = listeners.NewTLS("tls", "127.0.0.1:0", cfg)
	if websocket {
		l = listeners.NewWebsocket("wss", "127.0.0.1:0", cfg)
	}
	hook, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 1) // one connection
	s := mqtt.New(&mqtt.Options{SysTopicResendInterval: -1})
	for _, h := range []any{hook, watcher(seen)} {
		if err := s.AddHook(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the end of the test
	return l.Address(), ca, seen
}

// watcher tells the user names of clients that were admitted.
type watcher chan string

func (w watcher) OnSessionEstablish(cl *mqtt.Client, _ *packets.Connect) { w <- cl.Username() }

func dial(t *testing.T, address string, websocket bool, cert *tls.Certificate) net.Conn {
	t.Helper()
	cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "server"}
	if cert != nil {
		// Also to a server that wants one of others.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	if !websocket {
		conn, err := tls.Dial("tcp", address, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	d := ws.Dialer{TLSConfig: cfg, Protocols: []string{"mqtt"}}
	conn, _, _, err := d.Dial(t.Context(), "wss://"+address+"/mqtt")
	if err != nil {
		t.Fatal(err)
	}
	return framed{conn}
}

// framed speaks WebSocket.
type framed struct{ net.Conn }

func (f framed) Write(p []byte) (int, error) { return len(p), wsutil.WriteClientBinary(f.Conn, p) }
func (f framed) Read(p []byte) (int, error) {
	b, err := wsutil.ReadServerBinary(f.Conn)
	return copy(p, b), err
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	full := func() *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: "device 1"}, DNSNames: []string{"d1.example", "d2.example"}, EmailAddresses: []string{"d1@example"},
			URIs: []*url.URL{{Scheme: "urn", Opaque: "dev:1"}},
		}
	}
	bare := func() *x509.Certificate { return &x509.Certificate{} }
	odd := func() *x509.Certificate { return &x509.Certificate{Subject: pkix.Name{CommonName: "a/+/#"}} }
	for _, tt := range []struct {
		name     string
		o        Options
		auth     tls.ClientAuthType
		cert     func() *x509.Certificate // nil: none
		stranger bool                     // signed by itself
		username string                   // of the CONNECT
		want     string                   // the client's name; "" is refused
		code     packets.Code
	}{
		{"the common name", Options{}, tls.RequireAndVerifyClientCert, full, false, "", "device 1", 0},
		{"the first DNS name", Options{Field: DNSName}, tls.RequireAndVerifyClientCert, full, false, "", "d1.example", 0},
		{"the mail address", Options{Field: Email}, tls.RequireAndVerifyClientCert, full, false, "", "d1@example", 0},
		{"the URI", Options{Field: URI, Prefix: "x509:"}, tls.RequireAndVerifyClientCert, full, false, "", "x509:urn:dev:1", 0},
		{"the same name in the CONNECT", Options{}, tls.RequireAndVerifyClientCert, full, false, "device 1", "device 1", 0},
		{"another name in the CONNECT", Options{}, tls.RequireAndVerifyClientCert, full, false, "admin", "", packets.ErrNotAuthorized},
		{"letters of patterns are letters", Options{}, tls.RequireAndVerifyClientCert, odd, false, "", "a/+/#", 0},
		{"no such name", Options{Field: URI}, tls.RequireAndVerifyClientCert, bare, false, "", "", packets.ErrNotAuthorized},
		{"no common name", Options{}, tls.RequireAndVerifyClientCert, bare, false, "admin", "", packets.ErrNotAuthorized},
		{"no certificate", Options{}, tls.VerifyClientCertIfGiven, nil, false, "device 1", "", packets.ErrBadUsernameOrPassword},
		{"one that nobody verified", Options{}, tls.RequestClientCert, full, true, "", "", packets.ErrBadUsernameOrPassword},
		{"one that nobody verified, with a name", Options{}, tls.RequireAnyClientCert, full, true, "device 1", "", packets.ErrBadUsernameOrPassword},
	} {
		for _, websocket := range []bool{false, true} {
			name := tt.name + "/tls"
			if websocket {
				name = tt.name + "/wss"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				address, ca, names := setup(t, tt.o, tt.auth, websocket)
				var cert *tls.Certificate
				if tt.cert != nil {
					parent := &ca
					if tt.stranger {
						parent = nil
					}
					c := issue(t, tt.cert(), parent)
					cert = &c
				}
				conn := dial(t, address, websocket, cert)
				defer conn.Close()
				c := mqtttest.NewClient(t, conn, packets.V5)
				c.Send(&packets.Connect{Version: packets.V5, CleanStart: true, Username: tt.username, UsernameFlag: tt.username != ""})
				if ack := mqtttest.Expect[*packets.Connack](c); ack.Code != tt.code {
					t.Fatalf("code %v, want %v", ack.Code, tt.code)
				}
				if tt.want != "" {
					if got := <-names; got != tt.want {
						t.Errorf("the client is %q, want %q", got, tt.want)
					}
				}
			})
		}
	}
}

func TestPlainConnectionsAreLeftToOthers(t *testing.T) {
	t.Parallel()
	hook, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	mqtttest.Dial(t, mqtttest.NewServer(t, hook), mqtttest.Connect("c")).Ping()
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Field: "serial"}); err == nil || !strings.Contains(err.Error(), "use cn, dns, email or uri") {
		t.Errorf("error %v", err)
	}
}
