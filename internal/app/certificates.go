package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/linnetmq/linnet/internal/config"
)

// liveCertificates are a listener's certificates; a reload exchanges them. A
// connection keeps those it began with.
type liveCertificates struct {
	alpn    string
	current atomic.Pointer[tls.Config]
}

// newLiveCertificates loads the certificates of a listener.
func newLiveCertificates(l *config.Listener) (*liveCertificates, error) {
	c := &liveCertificates{alpn: "mqtt"}
	if l.Protocol != config.TLS {
		c.alpn = "http/1.1" // a WebSocket begins as a request
	}
	loaded, err := c.load(&l.TLS)
	c.current.Store(loaded)
	return c, err
}

// load reads the files without using them yet.
func (c *liveCertificates) load(files *config.Certificates) (*tls.Config, error) {
	loaded, err := serverTLS(files)
	if err != nil {
		return nil, err
	}
	loaded.NextProtos = []string{c.alpn}
	return loaded, nil
}

// config is what a listener needs: it asks for the current certificates at every
// handshake.
func (c *liveCertificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12, // the current one may ask for more
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	}
}

// serverTLS loads a certificate and, if clients must show one, its authorities.
func serverTLS(files *config.Certificates) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate %s with key %s: %w", files.CertFile, files.KeyFile, err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if files.MinimumVersion == "1.3" {
		c.MinVersion = tls.VersionTLS13
	}
	if !files.VerifyClient {
		return c, nil
	}
	if c.ClientCAs, err = loadAuthorities(files.CAFile); err != nil {
		return nil, err
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	return c, nil
}

// loadAuthorities reads certificates that are trusted.
func loadAuthorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("load certificate authorities: %s holds no certificate in PEM", file)
	}
	return pool, nil
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
