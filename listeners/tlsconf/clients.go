package tlsconf

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"
)

// clientAuth fills in what concerns clients' certificates.
func (s *Source) clientAuth(next *loaded) error {
	if s.o.ClientAuth == NoClientCert {
		return nil
	}
	authorities, err := loadAuthorities(s.o.ClientCAFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	for _, a := range authorities {
		pool.AddCert(a)
	}
	c := next.config
	c.ClientCAs, c.ClientAuth = pool, tls.RequireAndVerifyClientCert
	if s.o.ClientAuth == OptionalClientCert {
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	// A ticket would admit a client whose certificate was revoked since.
	c.SessionTicketsDisabled = true
	if s.o.CRLFile == "" {
		return nil
	}
	if next.crls, err = loadCRLs(s.o.CRLFile, authorities, time.Now()); err != nil {
		return err
	}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		return next.crls.verify(state.VerifiedChains, time.Now())
	}
	return nil
}

// loadAuthorities reads certificates that are trusted.
func loadAuthorities(file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load certificate authorities: %w", err)
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("load certificate authorities: %s: certificate %d: %w", file, len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("load certificate authorities: %s holds no certificate in PEM", file)
	}
	return all, nil
}

// revocations are the lists by the subject of their issuer, in DER.
type revocations map[string]*revocationList

// revocationList is what one issuer has revoked.
type revocationList struct {
	until   time.Time // zero: for ever
	serials map[string]struct{}
}

// loadCRLs reads revocation lists and verifies their signatures.
func loadCRLs(file string, authorities []*x509.Certificate, now time.Time) (revocations, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load revocation list: %w", err)
	}
	all := revocations{}
	for i, der := range listsOf(text) {
		l, err := x509.ParseRevocationList(der)
		if err == nil {
			err = signed(l, authorities)
		}
		if err == nil && !l.NextUpdate.IsZero() && l.NextUpdate.Before(now) {
			err = fmt.Errorf("it was to be replaced by %s; get a new one from the authority", l.NextUpdate.Format(time.RFC3339))
		}
		if err != nil {
			return nil, fmt.Errorf("load revocation list: %s: list %d: %w", file, i+1, err)
		}
		all.add(l)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("load revocation list: %s holds none, in PEM or DER", file)
	}
	return all, nil
}

// listsOf takes PEM apart; what is no PEM is taken for DER.
func listsOf(text []byte) (all [][]byte) {
	if !bytes.Contains(text, []byte("-----BEGIN")) && len(text) > 0 {
		return [][]byte{text}
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return all
		}
		if block.Type == "X509 CRL" {
			all = append(all, block.Bytes)
		}
	}
}

// signed looks for the authority that signed a list.
func signed(l *x509.RevocationList, authorities []*x509.Certificate) error {
	err := errors.New("its issuer is no authority of the CA file")
	for _, a := range authorities {
		if bytes.Equal(a.RawSubject, l.RawIssuer) {
			if err = l.CheckSignatureFrom(a); err == nil {
				return nil
			}
		}
	}
	return err
}

func (r revocations) add(l *x509.RevocationList) {
	list := r[string(l.RawIssuer)]
	if list == nil {
		list = &revocationList{until: l.NextUpdate, serials: map[string]struct{}{}}
		r[string(l.RawIssuer)] = list
	}
	for i := range l.RevokedCertificateEntries {
		list.serials[serial(l.RevokedCertificateEntries[i].SerialNumber)] = struct{}{}
	}
}

func serial(n *big.Int) string { return n.Text(16) }

// verify returns nil if there is a chain without a revoked certificate, or no
// chain, which is for the TLS library to judge.
func (r revocations) verify(chains [][]*x509.Certificate, now time.Time) error {
	var err error
	for _, chain := range chains {
		if err = r.verifyChain(chain, now); err == nil {
			return nil
		}
	}
	return err
}

// verifyChain wants a list in force from the client's issuer, and respects those
// of the others.
func (r revocations) verifyChain(chain []*x509.Certificate, now time.Time) error {
	for i, c := range chain {
		list := r[string(c.RawIssuer)]
		switch {
		case list == nil && i == 0:
			return fmt.Errorf("no revocation list of the issuer %q", c.Issuer)
		case list == nil:
			continue
		case !list.until.IsZero() && list.until.Before(now):
			return fmt.Errorf("the revocation list of %q is out of date since %s", c.Issuer, list.until.Format(time.RFC3339))
		}
		if _, revoked := list.serials[serial(c.SerialNumber)]; revoked {
			return fmt.Errorf("the certificate %s of %q is revoked", serial(c.SerialNumber), c.Subject)
		}
	}
	return nil
}
