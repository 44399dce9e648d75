package listeners

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// errSilent marks refusals that are everyday life, such as a health probe that
// connects and leaves: counted, but logged for the curious only.
var errSilent = errors.New("the peer left without a word")

// preparation is what happens to a connection between accept and hand-over.
type preparation struct {
	proxy   *proxyPolicy // nil without PROXY protocol
	tls     *tls.Config  // nil without TLS
	timeout time.Duration
}

// newPreparation derives the steps from a validated cfg.
func newPreparation(cfg *Config, alpn string) (preparation, error) {
	p := preparation{timeout: cfg.HandshakeTimeout}
	if cfg.ProxyProtocol {
		p.proxy = &proxyPolicy{trusted: cfg.ProxyTrusted}
	}
	if cfg.TLSConfig != nil {
		var err error
		if p.tls, err = serverTLS(cfg.TLSConfig, alpn); err != nil {
			return preparation{}, err
		}
	}
	return p, nil
}

func (p *preparation) needed() bool { return p.proxy != nil || p.tls != nil }

// run reads the PROXY header and does the TLS handshake, as far as configured.
// It does not close raw when it fails.
func (p *preparation) run(raw net.Conn) (net.Conn, error) {
	conn := raw
	if p.proxy != nil {
		err := within(raw, p.timeout, func() (err error) {
			conn, err = p.proxy.accept(raw)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("PROXY protocol: %w", err)
		}
	}
	if p.tls != nil {
		secured := tls.Server(&junction{Conn: conn}, p.tls)
		if err := within(raw, p.timeout, secured.Handshake); err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		conn = secured
	}
	return conn, nil
}

// within runs f while conn has a deadline, which is removed afterwards.
func within(conn net.Conn, timeout time.Duration, f func() error) error {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if err := f(); err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("remove deadline: %w", err)
	}
	return nil
}

// serverTLS returns a copy of user's config that is fit for a listener: TLS 1.2
// at least, and alpn as the protocol name when user names none. For HTTP
// ("http/1.1") it also sees to it that HTTP/2, which cannot carry a WebSocket
// here, is not negotiated.
func serverTLS(user *tls.Config, alpn string) (*tls.Config, error) {
	if user == nil {
		return nil, errors.New("TLSConfig is missing: set Config.TLSConfig with a certificate, or use a plain listener")
	}
	if len(user.Certificates) == 0 && user.GetCertificate == nil && user.GetConfigForClient == nil {
		return nil, errors.New("TLSConfig has no certificate: set Certificates or GetCertificate")
	}
	cfg := user.Clone()
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	if alpn == alpnHTTP {
		cfg.NextProtos = slices.DeleteFunc(slices.Clone(cfg.NextProtos), func(name string) bool { return name == "h2" })
		if !slices.Contains(cfg.NextProtos, alpn) {
			cfg.NextProtos = append(cfg.NextProtos, alpn)
		}
	} else if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = []string{alpn}
	}
	return cfg, nil
}
