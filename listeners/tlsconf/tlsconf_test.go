package tlsconf

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// wire is one end of a connection in memory whose writes do not wait for reads,
// as they would in net.Pipe, where both sides of a refusal wait for each other.
type wire struct {
	net.Conn // for what TLS does not call
	in, out  chan []byte
	rest     []byte
}

func newWire() (a, b *wire) {
	x, y := make(chan []byte, 100), make(chan []byte, 100)
	return &wire{in: x, out: y}, &wire{in: y, out: x}
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.rest) == 0 {
		w.rest = <-w.in
	}
	if w.rest == nil {
		return 0, io.EOF
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *wire) Write(p []byte) (int, error) {
	w.out <- bytes.Clone(p)
	return len(p), nil
}

// Close ends what the other side reads.
func (w *wire) Close() error {
	w.out <- nil
	return nil
}

// shake does a handshake in memory and returns what both sides say.
func shake(t *testing.T, server, client *tls.Config) (s, c tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	a, b := newWire()
	there, here := tls.Server(a, server), tls.Client(b, client)
	done := make(chan error, 1)
	go func() {
		err := there.Handshake()
		if err == nil {
			_, err = there.Write([]byte{1})
		}
		done <- errors.Join(err, a.Close())
	}()
	clientErr = here.Handshake()
	if clientErr == nil {
		_, clientErr = here.Read(make([]byte, 1)) // TLS 1.3: a refusal comes after the client's handshake
	}
	b.Close()
	serverErr = <-done
	return there.ConnectionState(), here.ConnectionState(), serverErr, clientErr
}

func mustNew(t *testing.T, o Options) *Source {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pairIn(dir, name string) Pair {
	return Pair{filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")}
}

func keyPair(t *testing.T, dir, name string) []tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{pair}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func TestServerName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	ca.sign("one", "one.example")
	ca.sign("two", "*.two.example")
	s := mustNew(t, Options{Certificates: []Pair{pairIn(dir, "one"), pairIn(dir, "two")}})
	for asked, want := range map[string]string{
		"one.example": "one", "a.two.example": "two", "A.TWO.example": "two", "two.example": "one", "other.example": "one", "": "one",
	} {
		c := &tls.Config{ServerName: asked, InsecureSkipVerify: true}
		_, state, serverErr, clientErr := shake(t, s.Config(), c)
		if serverErr != nil || clientErr != nil || state.PeerCertificates[0].Subject.CommonName != want {
			t.Errorf("%q: %v, %v, certificate %v", asked, serverErr, clientErr, state.PeerCertificates)
		}
		got, err := s.Config().GetCertificate(&tls.ClientHelloInfo{
			ServerName: asked, SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		})
		if err != nil || got.Leaf.Subject.CommonName != want {
			t.Errorf("%q: GetCertificate has %v, %v", asked, got, err)
		}
	}
	if all := s.Expiries(); len(all) != 2 || all[1].File != pairIn(dir, "two").CertFile || all[1].NotAfter.Before(time.Now()) {
		t.Errorf("expiries %v", all)
	}
}

func TestVersionsAndSuites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newAuthority(t, dir, "ca").sign("one", "one.example")
	for _, tt := range []struct {
		name       string
		minVersion uint16
		client     *tls.Config
		ok         bool
	}{
		{"TLS 1.3", 0, &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.2", 0, &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.1", 0, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"TLS 1.2 where 1.3 is the least", tls.VersionTLS13, &tls.Config{MaxVersion: tls.VersionTLS12}, false},
		{"a suite with CBC", 0, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"ALPN mqtt", 0, &tls.Config{NextProtos: []string{"x", "mqtt"}}, true},
		{"another ALPN", 0, &tls.Config{NextProtos: []string{"h2"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mustNew(t, Options{Certificates: []Pair{pairIn(dir, "one")}, MinVersion: tt.minVersion, ALPN: []string{"mqtt"}})
			client := tt.client.Clone()
			client.InsecureSkipVerify = true
			_, state, serverErr, clientErr := shake(t, s.Config(), client)
			if (serverErr == nil && clientErr == nil) != tt.ok {
				t.Errorf("server %v, client %v, want success %t", serverErr, clientErr, tt.ok)
			}
			if tt.ok && client.NextProtos != nil && state.NegotiatedProtocol != "mqtt" {
				t.Errorf("protocol %q", state.NegotiatedProtocol)
			}
		})
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	ca, stranger := newAuthority(t, dir, "ca"), newAuthority(t, elsewhere, "ca")
	ca.sign("server", "server.example")
	ca.sign("good", "good.example")
	bad := ca.sign("revoked", "revoked.example")
	stranger.sign("stranger", "stranger.example")
	ca.revoke("ca.crl", time.Now().Add(time.Hour), bad, 77)
	file := filepath.Join(dir, "ca.pem")
	crl := filepath.Join(dir, "ca.crl")
	for _, tt := range []struct {
		name   string
		auth   ClientAuth
		crl    string
		client []tls.Certificate
		want   string // part of the server's error, "" for success
		chains bool
	}{
		{"none asked, none given", NoClientCert, "", nil, "", false},
		{"none asked, one given", NoClientCert, "", keyPair(t, dir, "good"), "", false},
		{"optional, none given", OptionalClientCert, crl, nil, "", false},
		{"optional, a good one", OptionalClientCert, crl, keyPair(t, dir, "good"), "", true},
		{"optional, a revoked one", OptionalClientCert, crl, keyPair(t, dir, "revoked"), "is revoked", false},
		{"required, a good one", RequireClientCert, crl, keyPair(t, dir, "good"), "", true},
		{"required, none given", RequireClientCert, "", nil, "didn't provide a certificate", false},
		{"required, a revoked one", RequireClientCert, crl, keyPair(t, dir, "revoked"), "is revoked", false},
		{"required, a revoked one, no list", RequireClientCert, "", keyPair(t, dir, "revoked"), "", true},
		{"required, one of a stranger", RequireClientCert, "", keyPair(t, elsewhere, "stranger"), "signed by unknown authority", false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+"/"+tls.VersionName(version), func(t *testing.T) {
				t.Parallel()
				o := Options{Certificates: []Pair{pairIn(dir, "server")}, ClientAuth: tt.auth, CRLFile: tt.crl}
				if tt.auth != NoClientCert {
					o.ClientCAFile = file
				}
				client := &tls.Config{
					RootCAs: ca.pool(), ServerName: "server.example", MaxVersion: version,
					// Whatever the server would like.
					GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
						if tt.client == nil {
							return new(tls.Certificate), nil
						}
						return &tt.client[0], nil
					},
				}
				state, _, serverErr, clientErr := shake(t, mustNew(t, o).Config(), client)
				if tt.want == "" {
					if serverErr != nil || clientErr != nil || (len(state.VerifiedChains) > 0) != tt.chains {
						t.Errorf("server %v, client %v, chains %v", serverErr, clientErr, state.VerifiedChains)
					}
				} else if serverErr == nil || !strings.Contains(serverErr.Error(), tt.want) || clientErr == nil {
					t.Errorf("server %v, client %v, want %q", serverErr, clientErr, tt.want)
				}
			})
		}
	}
}

// TestTickets: sessions are resumed, but not where a certificate counts, which
// may have been revoked since.
func TestTickets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	ca.sign("server", "server.example")
	ca.sign("good", "good.example")
	for _, auth := range []ClientAuth{NoClientCert, RequireClientCert} {
		o := Options{Certificates: []Pair{pairIn(dir, "server")}, ClientAuth: auth}
		if auth != NoClientCert {
			o.ClientCAFile = filepath.Join(dir, "ca.pem")
		}
		s := mustNew(t, o)
		server := s.Config() // one for all connections, as in a listener
		client := &tls.Config{
			RootCAs: ca.pool(), ServerName: "server.example", ClientSessionCache: tls.NewLRUClientSessionCache(4), Certificates: keyPair(t, dir, "good"),
		}
		for i := range 3 {
			if i == 2 { // tickets stay good when files are read again
				if err := s.Reload(); err != nil {
					t.Fatal(err)
				}
			}
			_, state, serverErr, clientErr := shake(t, server, client)
			if want := i > 0 && auth == NoClientCert; serverErr != nil || clientErr != nil || state.DidResume != want {
				t.Errorf("auth %d, connection %d: resumed %t, want %t; %v, %v", auth, i, state.DidResume, want, serverErr, clientErr)
			}
		}
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		ca := newAuthority(t, dir, "ca")
		ca.sign("server", "first.example")
		client := ca.sign("client", "client.example")
		ca.revoke("ca.crl", time.Now().Add(time.Hour))
		var log bytes.Buffer
		s := mustNew(t, Options{
			Certificates: []Pair{pairIn(dir, "server")}, ClientAuth: RequireClientCert, ClientCAFile: filepath.Join(dir, "ca.pem"),
			CRLFile: filepath.Join(dir, "ca.crl"), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		config := s.Config()
		expect := func(name, want, refusal string) {
			t.Helper()
			c := &tls.Config{InsecureSkipVerify: true, Certificates: keyPair(t, dir, "client")}
			_, state, serverErr, _ := shake(t, config, c)
			if refusal != "" {
				if serverErr == nil || !strings.Contains(serverErr.Error(), refusal) {
					t.Errorf("%s: %v, want %q", name, serverErr, refusal)
				}
				return
			}
			if serverErr != nil || state.PeerCertificates[0].DNSNames[0] != want {
				t.Errorf("%s: %v, certificate %v, want %s", name, serverErr, state.PeerCertificates, want)
			}
		}
		later := func() { time.Sleep(time.Second) } //nolint:forbidigo // the bubble's clock
		expect("at first", "first.example", "")
		ca.sign("server", "second.example")
		expect("before it is time to look", "first.example", "")
		later()
		expect("a new certificate", "second.example", "")

		writeFile(t, filepath.Join(dir, "server.pem"), "no certificate at all")
		for range 3 {
			later()
			expect("a broken certificate", "second.example", "")
		}
		if n := strings.Count(log.String(), "the old ones stay in force"); n != 1 {
			t.Errorf("%d lines: %s", n, log.String())
		}
		ca.sign("server", "third.example")
		later()
		expect("a good one again", "third.example", "")

		ca.revoke("ca.crl", time.Now().Add(time.Hour), client)
		later()
		expect("the client is revoked", "", "is revoked")
		ca.revoke("ca.crl", time.Now().Add(time.Minute))
		later()
		expect("and no more", "third.example", "")
		for range 61 {
			later()
		}
		expect("the list is out of date", "", "is out of date")
		if err := os.Remove(filepath.Join(dir, "ca.crl")); err != nil {
			t.Fatal(err)
		}
		later()
		expect("a missing list admits nobody", "", "is out of date")
		if err := s.Reload(); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Reload: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	ca := newAuthority(t, dir, "ca")
	ca.sign("server", "server.example")
	ca.sign("other", "other.example")
	der := ca.revoke("old.crl", time.Now().Add(-time.Hour))
	newAuthority(t, elsewhere, "stranger").revoke("stranger.crl", time.Now().Add(time.Hour))
	writeFile(t, filepath.Join(dir, "bad.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	writeFile(t, filepath.Join(dir, "bad.der"), "AAAA")
	writeFile(t, filepath.Join(dir, "old.der"), string(der))
	file := func(name string) string { return filepath.Join(dir, name) }
	good := []Pair{pairIn(dir, "server")}
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"no certificate", Options{}, "needs a certificate"},
		{"no key", Options{Certificates: []Pair{{CertFile: "x"}}}, "both a certificate file and a key file"},
		{"a missing file", Options{Certificates: []Pair{{"none.pem", "none.key"}}}, "load certificate none.pem with key none.key"},
		{"another's key", Options{Certificates: []Pair{{file("server.pem"), file("other.key")}}}, "private key does not match"},
		{"no authorities", Options{Certificates: good, ClientAuth: RequireClientCert}, "needs a CA file"},
		{"authorities for nothing", Options{Certificates: good, ClientCAFile: "x"}, "makes sense only"},
		{"an old version", Options{Certificates: good, MinVersion: tls.VersionTLS10}, "use TLS 1.2 or TLS 1.3"},
		{"missing authorities", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: "none"}, "no such file"},
		{"a key as authority", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("server.key")}, "holds no certificate"},
		{"a broken authority", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("bad.pem")}, "certificate 1: x509"},
		{"a missing list", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("ca.pem"), CRLFile: "none"}, "no such file"},
		{"no list", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("ca.pem"), CRLFile: file("ca.pem")}, "holds none"},
		{"a broken list", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("ca.pem"), CRLFile: file("bad.der")}, "list 1: x509"},
		{"an old list", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("ca.pem"), CRLFile: file("old.crl")}, "get a new one"},
		{"an old list in DER", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("ca.pem"), CRLFile: file("old.der")}, "get a new one"},
		{"a stranger's list", Options{Certificates: good, ClientAuth: RequireClientCert, ClientCAFile: file("ca.pem"), CRLFile: filepath.Join(elsewhere, "stranger.crl")}, "no authority of the CA file"},
	} {
		if _, err := New(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
