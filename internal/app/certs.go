package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// certsFlags say what certificates are made.
type certsFlags struct {
	dir     string
	hosts   []string
	clients []string
	days    int
}

func newCerts(std streams) *cobra.Command {
	var f certsFlags
	cmd := &cobra.Command{
		Use:   "certs",
		Short: "Make an authority and certificates to try TLS with",
		Long: `Make a small authority, a certificate for the server and, with --client, one for
each client named, signed by it (ECDSA P-256): ca.pem, ca.key, server.pem,
server.key and NAME.pem, NAME.key.

Where ca.pem and ca.key exist already they sign; so more clients can be made
later. No file is ever overwritten.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(std) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "certs", "`directory` for the files, made when missing")
	flags.StringSliceVar(&f.hosts, "host", nil, "`name` or IP address of the server, as clients write it (default localhost, 127.0.0.1, ::1)")
	flags.StringSliceVar(&f.clients, "client", nil, "`name` of a client, its user name; without --host no server certificate is made if there is one")
	flags.IntVar(&f.days, "days", 365, "`number` of days the certificates are valid")
	return cmd
}

func (f *certsFlags) run(std streams) error {
	for _, name := range f.clients {
		if name == "ca" || name == "server" || name == "" || filepath.Base(name) != name || name[0] == '.' {
			return usagef("client %q: its name is that of a file; use another", name)
		}
	}
	if f.days < 1 || f.days > 36500 {
		return usagef("%d days: use 1 to 36500", f.days)
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("certs: %w", err)
	}
	maker := &certMaker{dir: f.dir, until: time.Now().AddDate(0, 0, f.days), std: std}
	if err := maker.authority(); err != nil {
		return err
	}
	if len(f.hosts) > 0 || len(f.clients) == 0 || !maker.exists("server.pem") {
		if err := maker.server(f.hosts); err != nil {
			return err
		}
	}
	for _, name := range f.clients {
		if err := maker.client(name); err != nil {
			return err
		}
	}
	return nil
}

// certMaker makes certificates in a directory.
type certMaker struct {
	dir   string
	until time.Time
	std   streams
	ca    *x509.Certificate
	key   *ecdsa.PrivateKey
}

func (m *certMaker) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(m.dir, name))
	return err == nil
}

// authority loads the authority or makes one, which is valid for ten years.
func (m *certMaker) authority() error {
	if m.exists("ca.pem") || m.exists("ca.key") {
		return m.loadAuthority()
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Linnet test authority"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	saved := m.until
	m.until = time.Now().AddDate(10, 0, 0)
	defer func() { m.until = saved }()
	return m.make("ca", template)
}

func (m *certMaker) loadAuthority() error {
	certText, err := os.ReadFile(filepath.Join(m.dir, "ca.pem"))
	if err != nil {
		return fmt.Errorf("certs: load the authority: %w", err)
	}
	keyText, err := os.ReadFile(filepath.Join(m.dir, "ca.key"))
	if err != nil {
		return fmt.Errorf("certs: load the authority: %w; without its key it cannot sign, use another --dir", err)
	}
	certBlock, _ := pem.Decode(certText)
	keyBlock, _ := pem.Decode(keyText)
	if certBlock == nil || keyBlock == nil {
		return fmt.Errorf("certs: ca.pem or ca.key in %s is no PEM file", m.dir)
	}
	if m.ca, err = x509.ParseCertificate(certBlock.Bytes); err != nil {
		return fmt.Errorf("certs: %s: %w", filepath.Join(m.dir, "ca.pem"), err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return fmt.Errorf("certs: %s: %w", filepath.Join(m.dir, "ca.key"), err)
	}
	var ok bool
	if m.key, ok = key.(*ecdsa.PrivateKey); !ok || !m.key.PublicKey.Equal(m.ca.PublicKey) {
		return fmt.Errorf("certs: ca.key in %s is not the key of ca.pem", m.dir)
	}
	return nil
}

func (m *certMaker) server(hosts []string) error {
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: hosts[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return m.make("server", template)
}

func (m *certMaker) client(name string) error {
	return m.make(name, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		KeyUsage: x509.KeyUsageDigitalSignature,
	})
}

// make signs a certificate for a new key and writes both. Without an authority
// the certificate signs itself and becomes it.
func (m *certMaker) make(name string, template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("certs: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return fmt.Errorf("certs: %w", err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), m.until // clocks differ
	parent, signer := m.ca, m.key
	if parent == nil {
		parent, signer = template, key
	} else if m.ca.NotAfter.Before(template.NotAfter) {
		template.NotAfter = m.ca.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return fmt.Errorf("certs: sign %s: %w", name, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("certs: %w", err)
	}
	if err := m.write(name+".key", "PRIVATE KEY", private); err != nil {
		return err
	}
	if err := m.write(name+".pem", "CERTIFICATE", der); err != nil {
		return err
	}
	if m.ca == nil {
		m.key = key
		m.ca, err = x509.ParseCertificate(der)
	}
	return err
}

// write makes a file for its owner only, which must not exist.
func (m *certMaker) write(name, kind string, der []byte) error {
	path := filepath.Join(m.dir, name)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("certs: %s exists and is not overwritten; remove it, or use another --dir", path)
	}
	if err == nil {
		err = errors.Join(pem.Encode(file, &pem.Block{Type: kind, Bytes: der}), file.Close())
	}
	if err == nil {
		_, err = fmt.Fprintln(m.std.out, path)
	}
	if err != nil {
		return fmt.Errorf("certs: %w", err)
	}
	return nil
}
