package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/listeners/tlsconf"
)

// liveCertificates are a listener's certificates, which follow their files; a
// reload exchanges them for others. A connection keeps those it began with.
type liveCertificates struct {
	current atomic.Pointer[tlsconf.Source]
}

// newLiveCertificates loads the certificates of a listener.
func newLiveCertificates(l *config.Listener, log *slog.Logger) (*liveCertificates, error) {
	loaded, err := loadCertificates(l, log)
	if err != nil {
		return nil, err
	}
	c := &liveCertificates{}
	c.current.Store(loaded)
	return c, nil
}

// config is what a listener needs: it asks for the current certificates at every
// handshake.
func (c *liveCertificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, // the current one may ask for more
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			current := c.current.Load().Config()
			if current.GetConfigForClient != nil {
				return current.GetConfigForClient(hello)
			}
			return current, nil
		},
	}
}

// loadCertificates reads the files of a listener's certificates and, if clients
// are asked for one, of its authorities. Over WebSocket the protocol inside of TLS
// is HTTP.
func loadCertificates(l *config.Listener, log *slog.Logger) (*tlsconf.Source, error) {
	o := tlsconf.Options{
		Certificates: []tlsconf.Pair{{CertFile: l.TLS.CertFile, KeyFile: l.TLS.KeyFile}},
		ALPN:         []string{"mqtt"},
		Logger:       log.With("listener", l.ID),
	}
	if l.Protocol != config.TLS {
		o.ALPN = []string{"http/1.1"}
	}
	if l.TLS.MinimumVersion == "1.3" {
		o.MinVersion = tls.VersionTLS13
	}
	for _, other := range l.TLS.Others {
		o.Certificates = append(o.Certificates, tlsconf.Pair(other))
	}
	if l.TLS.VerifyClient != "" {
		o.ClientAuth, o.ClientCAFile, o.CRLFile = tlsconf.RequireClientCert, l.TLS.CAFile, l.TLS.CRLFile
	}
	if l.TLS.VerifyClient == config.Optional {
		o.ClientAuth = tlsconf.OptionalClientCert
	}
	return tlsconf.New(o)
}

// certificatesIn are the certificates in a PEM file, none if it cannot be read.
func certificatesIn(file string) (all []*x509.Certificate) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, cert)
		}
	}
	return all
}
