package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/linnetmq/linnet/hooks/limits"
	"github.com/linnetmq/linnet/internal/config"
)

// checkup gathers what is wrong with the things a configuration refers to, and
// what will be.
type checkup struct {
	mistakes, warnings []string
	now                time.Time
}

// checkConfig examines a configuration and tells the result. Mistakes are an
// error, warnings are not.
func checkConfig(std streams, name string, environ []string) error {
	cfg, err := config.Load(name, environ)
	if err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		return err
	}
	c := &checkup{now: time.Now()}
	c.examine(cfg)
	for _, w := range c.warnings {
		tell(std.err, "warning: %s\n", w)
	}
	if len(c.mistakes) > 0 {
		return errors.New(strings.Join(c.mistakes, "\n  "))
	}
	return std.print("the configuration is fine\n")
}

func (c *checkup) wrong(key string, err error) { c.mistakes = append(c.mistakes, key+": "+err.Error()) }

func (c *checkup) warn(key, format string, args ...any) {
	c.warnings = append(c.warnings, key+": "+fmt.Sprintf(format, args...))
}

func (c *checkup) examine(cfg *config.Config) {
	running := c.dataDir(cfg.DataDir)
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		key := fmt.Sprintf("listeners[%d]", i)
		if l.Secure() {
			c.certificates(key+".tls", l)
		}
		if !running {
			c.address(key+".address", l)
		}
		if l.ForClients() && cfg.AnonymousAt(l) == config.Everybody {
			c.warn(key, "everybody is admitted without credentials")
		}
	}
	if _, err := new(access).open(&cfg.Access, slog.New(slog.DiscardHandler)); err != nil {
		c.wrong("access", err)
	}
	if _, err := limits.OpenBans(filepath.Join(cfg.DataDir, bansFile)); err != nil {
		c.wrong("data_dir", err)
	}
	if cfg.Log.Output != "off" {
		c.writable("log.file", cfg.Log.File)
	}
	c.writable("profile.cpu_file", cfg.Profile.CPUFile)
	c.writable("profile.memory_file", cfg.Profile.MemoryFile)
}

// dataDir looks at the data directory, and reports whether a broker uses it. It
// makes nothing.
func (c *checkup) dataDir(path string) (running bool) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		c.writable("data_dir", path)
		return false
	}
	data, err := openDataDir(path)
	if err == nil {
		if err := data.Close(); err != nil {
			c.wrong("data_dir", err)
		}
		return false
	}
	if !errors.Is(err, errLocked) {
		c.wrong("data_dir", err)
		return false
	}
	c.warn("data_dir", "%s is in use by %s, so its addresses are not tried", path, holder(filepath.Join(path, "lock")))
	return true
}

// writable looks whether a file or directory could be made. It makes nothing
// that stays.
func (c *checkup) writable(key, path string) {
	if path == "" {
		return
	}
	dir := filepath.Dir(path)
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			c.wrong(key, fmt.Errorf("%s is no directory: name another place", dir))
			return
		}
		if err == nil {
			break
		}
		if up := filepath.Dir(dir); up != dir {
			dir = up
			continue
		}
		c.wrong(key, err)
		return
	}
	probe, err := os.CreateTemp(dir, ".linnet-check-*")
	if err != nil {
		c.wrong(key, fmt.Errorf("%s cannot be made: %w; let this user write in %s or name another place", path, plainPath(err), dir))
		return
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		c.wrong(key, err)
	}
}

// address tries to listen.
func (c *checkup) address(key string, l *config.Listener) {
	if l.Protocol == config.Unix {
		c.writable(key, l.Address)
		return
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", l.Address)
	if err != nil {
		c.wrong(key, fmt.Errorf("%w; choose another address or stop who uses it", err))
		return
	}
	ln.Close()
}

// certificates loads the files and looks at the dates.
func (c *checkup) certificates(key string, l *config.Listener) {
	if _, err := loadCertificates(l, slog.New(slog.DiscardHandler)); err != nil {
		c.wrong(key, err)
		return
	}
	c.dates(key+".cert_file", l.TLS.CertFile, certificatesIn(l.TLS.CertFile))
	for i, other := range l.TLS.Others {
		c.dates(fmt.Sprintf("%s.certificates[%d].cert_file", key, i), other.CertFile, certificatesIn(other.CertFile))
	}
	if l.TLS.VerifyClient != "" {
		c.dates(key+".client_ca_file", l.TLS.CAFile, certificatesIn(l.TLS.CAFile))
	}
}

// soon is how long before the end of a certificate one is warned.
const soon = 30 * 24 * time.Hour

// dates compares certificates' dates with today's.
func (c *checkup) dates(key, file string, all []*x509.Certificate) {
	for _, cert := range all {
		name, end := cert.Subject.String(), cert.NotAfter
		switch {
		case c.now.After(end):
			c.wrong(key, fmt.Errorf("%s: the certificate of %s expired on %s: renew it", file, name, end.Format(time.DateOnly)))
		case c.now.Before(cert.NotBefore):
			c.wrong(key, fmt.Errorf("%s: the certificate of %s is not valid before %s: look at the clock, or wait", file, name, cert.NotBefore.Format(time.DateOnly)))
		case end.Sub(c.now) < soon:
			c.warn(key, "%s: the certificate of %s expires on %s", file, name, end.Format(time.DateOnly))
		}
	}
}
