package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// broker serves one listener of each kind on free ports of 127.0.0.1.
type broker struct {
	*mqtt.Server
	address map[string]string // by protocol: tcp, tls, ws, wss
	caFile  string
	roots   *x509.CertPool

	subscribed chan string // the ClientID of each client that has subscribed
}

// subscriptions is the hook behind broker.subscribed.
type subscriptions struct{ b *broker }

// OnSubscribed tells the tests, as far as they listen.
func (s subscriptions) OnSubscribed(cl *mqtt.Client, _ *packets.Subscribe, _ []packets.Code) {
	select {
	case s.b.subscribed <- cl.ID():
	default:
	}
}

// protocols are the ways to reach a broker.
var protocols = []string{"tcp", "tls", "ws", "wss"}

func newBroker(t testing.TB, opts *mqtt.Options) *broker {
	t.Helper()
	b := &broker{Server: mqtt.New(opts), address: make(map[string]string), subscribed: make(chan string, 10)}
	if err := errors.Join(b.AddHook(new(auth.AllowHook), nil), b.AddHook(subscriptions{b}, nil)); err != nil {
		t.Fatal(err)
	}
	secure := &listeners.Config{TLSConfig: b.certificate(t)}
	for _, l := range []mqtt.Listener{
		listeners.NewTCP("tcp", "127.0.0.1:0", nil),
		listeners.NewTLS("tls", "127.0.0.1:0", secure),
		listeners.NewWebsocket("ws", "127.0.0.1:0", nil),
		listeners.NewWebsocket("wss", "127.0.0.1:0", secure),
	} {
		if err := b.AddListener(l); err != nil {
			t.Fatal(err)
		}
		b.address[l.ID()] = l.Address()
	}
	if err := b.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the broker: %v", err)
		}
	})
	return b
}

// url is the broker's address as client libraries take it.
func (b *broker) url(protocol string) string {
	switch protocol {
	case "ws", "wss":
		return protocol + "://" + b.address[protocol] + "/mqtt"
	}
	return protocol + "://" + b.address[protocol]
}

func (b *broker) hostPort(t testing.TB, protocol string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(b.address[protocol])
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// clientTLS trusts the broker.
func (b *broker) clientTLS() *tls.Config { return &tls.Config{RootCAs: b.roots} }

// certificate makes a certificate for 127.0.0.1 that signs itself.
func (b *broker) certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	b.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(b.caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.roots = x509.NewCertPool()
	b.roots.AppendCertsFromPEM(text)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// await takes a value from a channel before patience ends.
func await[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-ch:
		return v
	case <-timer.C:
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}
