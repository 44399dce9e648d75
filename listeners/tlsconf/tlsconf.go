package tlsconf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/internal/filewatch"
)

// Pair are the files of a certificate chain and its key, in PEM.
type Pair struct{ CertFile, KeyFile string }

// ClientAuth says whether clients show a certificate.
type ClientAuth int

const (
	// NoClientCert does not ask for one.
	NoClientCert ClientAuth = iota
	// OptionalClientCert asks, and verifies what is shown.
	OptionalClientCert
	// RequireClientCert refuses clients without a valid one.
	RequireClientCert
)

// Options say where the files are. Certificates is needed.
type Options struct {
	// Certificates are offered by the server name that a client asks for. The
	// first one is for clients that ask for none, or for one that none has.
	Certificates []Pair

	// ClientAuth asks for clients' certificates, signed by an authority of
	// ClientCAFile (PEM).
	ClientAuth   ClientAuth
	ClientCAFile string

	// CRLFile holds revocation lists, in PEM one or several, in DER one, each
	// signed by an authority of ClientCAFile. With it a client is refused whose
	// certificate is revoked, and also whose issuer has no list or an outdated
	// one, because then nobody knows.
	CRLFile string

	// MinVersion is tls.VersionTLS12 (the default) or tls.VersionTLS13.
	MinVersion uint16

	// ALPN are the protocol names offered, such as "mqtt". A client that offers
	// others only is refused, one that offers none is served.
	ALPN []string

	// Logger is told about reloads; nil discards.
	Logger *slog.Logger
}

// Source follows the files. It is safe for concurrent use.
type Source struct {
	o       Options
	log     *slog.Logger
	watch   *filewatch.Watcher
	current atomic.Pointer[loaded]
	mu      sync.Mutex // one reload at a time
}

// loaded is one reading of the files, immutable.
type loaded struct {
	config *tls.Config
	crls   revocations // nil without a CRLFile
}

// New reads the files. Its errors name the file and what is wrong with it.
func New(o Options) (*Source, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Source{o: o, log: o.Logger, watch: filewatch.New(0, o.files()...)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

func (o *Options) validate() error {
	switch {
	case len(o.Certificates) == 0:
		return errors.New("TLS needs a certificate and its key")
	case o.ClientAuth != NoClientCert && o.ClientCAFile == "":
		return errors.New("verifying clients' certificates needs a CA file")
	case o.ClientAuth == NoClientCert && (o.ClientCAFile != "" || o.CRLFile != ""):
		return errors.New("a CA file or a CRL file for clients makes sense only if clients' certificates are asked for")
	case !slices.Contains([]uint16{0, tls.VersionTLS12, tls.VersionTLS13}, o.MinVersion):
		return fmt.Errorf("the oldest TLS version is %s: use TLS 1.2 or TLS 1.3", tls.VersionName(o.MinVersion))
	}
	for _, p := range o.Certificates {
		if p.CertFile == "" || p.KeyFile == "" {
			return errors.New("TLS needs both a certificate file and a key file")
		}
	}
	return nil
}

// files are those that are watched.
func (o *Options) files() []string {
	var all []string
	for _, p := range o.Certificates {
		all = append(all, p.CertFile, p.KeyFile)
	}
	for _, f := range []string{o.ClientCAFile, o.CRLFile} {
		if f != "" {
			all = append(all, f)
		}
	}
	return all
}

// Config returns a configuration for a listener. Each handshake looks, at most
// once a second, whether a file has changed.
func (s *Source) Config() *tls.Config {
	c := s.current.Load().config.Clone()
	c.Certificates = nil
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return pick(s.fresh().config.Certificates, hello), nil
	}
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.fresh().config, nil }
	return c
}

// pick returns the first certificate that fits, or the first one.
func pick(all []tls.Certificate, hello *tls.ClientHelloInfo) *tls.Certificate {
	for i := range all {
		if hello.SupportsCertificate(&all[i]) == nil {
			return &all[i]
		}
	}
	return &all[0]
}

// Reload reads the files now. After an error the old ones stay in force.
func (s *Source) Reload() error {
	s.watch.Look()
	return s.load()
}

// Expiry tells how long a certificate of the server is valid.
type Expiry struct {
	File     string
	NotAfter time.Time
}

// Expiries returns the ends of the certificates in force.
func (s *Source) Expiries() []Expiry {
	var all []Expiry
	for i, c := range s.current.Load().config.Certificates {
		all = append(all, Expiry{s.o.Certificates[i].CertFile, c.Leaf.NotAfter})
	}
	return all
}

// fresh returns what holds now.
func (s *Source) fresh() *loaded {
	if s.watch.Changed(time.Now()) {
		if err := s.load(); err != nil {
			s.log.Error("changed TLS files cannot be used, the old ones stay in force", "err", err)
		} else {
			s.log.Info("TLS files reloaded", "files", s.o.files())
		}
	}
	return s.current.Load()
}

// load reads all files and puts them in force, or none.
func (s *Source) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &loaded{config: &tls.Config{
		MinVersion:   max(s.o.MinVersion, tls.VersionTLS12),
		CipherSuites: suites(),
		NextProtos:   s.o.ALPN,
	}}
	for _, p := range s.o.Certificates {
		pair, err := loadPair(p)
		if err != nil {
			return err
		}
		next.config.Certificates = append(next.config.Certificates, *pair)
	}
	if err := s.clientAuth(next); err != nil {
		return err
	}
	s.current.Store(next)
	return nil
}

// suites are the cipher suites of TLS 1.2 with ECDHE and AEAD.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// loadPair reads a certificate and its key. One that is expired is loaded: some
// clients do not mind, and the others say so.
func loadPair(p Pair) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate %s with key %s: %w", p.CertFile, p.KeyFile, err)
	}
	return &pair, nil
}
