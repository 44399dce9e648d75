package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/internal/logfile"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/metrics"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/rest"
)

// The files of the management API in the data directory, besides secretFile.
const (
	keysFile     = "api-keys.json"
	auditFile    = "audit.log"
	adminURLFile = "admin-url" // where the API of the running broker is
)

// adminListener is the ID of the listener of the management API.
const adminListener = "admin"

// auditLimits keep the audit log from filling the disk.
var auditLimits = logfile.Options{MaximumSize: 64 << 20, MaximumBackups: 10, Compress: true}

// admin is the management API of a broker; nil where it is off.
type admin struct {
	handler *rest.Handler
	audit   *logfile.File
	url     string
	urlFile string
	made    bool // the secret is new
}

// startAdmin adds the management API to a broker that does not serve yet, whose
// data directory this process holds.
func startAdmin(cfg *config.Config, b *broker, log *logs, r *reloader) (*admin, error) {
	srv := b.Server
	if cfg.Admin.Address == "" {
		return nil, removeFile(filepath.Join(cfg.DataDir, adminURLFile))
	}
	secret, made, err := adminSecret(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	keys, err := rest.OpenKeys(filepath.Join(cfg.DataDir, keysFile))
	if err != nil {
		return nil, err
	}
	page, err := metrics.Handler(srv, version(), append(storeCollectors(srv.Options().Store), r.metrics.total, r.metrics.last)...)
	if err != nil {
		return nil, err
	}
	a := &admin{made: made, urlFile: filepath.Join(cfg.DataDir, adminURLFile)}
	if a.audit, err = logfile.Open(filepath.Join(cfg.DataDir, auditFile), auditLimits); err != nil {
		return nil, err
	}
	a.handler, err = rest.New(rest.Options{
		Server: srv, Logger: log.Logger, Secret: secret, Keys: keys, Version: version(), Metrics: page,
		Bans: apiBans{b.bans}, Explain: b.explain,
		Audit: slog.New(slog.NewJSONHandler(a.audit, nil)), LogLevel: &log.level,
		Reload:   func(context.Context) error { return r.Reload() },
		NotReady: func() []string { return storeTrouble(srv.Options().Store) },
		Backup:   backup(cfg, srv.Options().Store),
		Config:   func() any { return r.config().Values() },
	})
	if err != nil {
		return nil, errors.Join(err, a.audit.Close())
	}
	if err := a.listen(cfg, srv, log.Logger); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// listen binds the address. Where nobody chose it and another program is there,
// any free port does: the commands find it by the data directory.
func (a *admin) listen(cfg *config.Config, srv *mqtt.Server, log *slog.Logger) error {
	l := listeners.NewHTTP(adminListener, cfg.Admin.Address, nil, a.handler)
	err := srv.AddListener(l)
	if err != nil && cfg.Admin.Address == config.DefaultAdmin {
		log.Warn("the address of the management api is taken, it gets a free port", "address", cfg.Admin.Address, "err", err)
		l = listeners.NewHTTP(adminListener, freeLoopback, nil, a.handler)
		err = srv.AddListener(l)
	}
	if err != nil {
		return fmt.Errorf("management API: %w; choose another address with --admin, or --admin off", err)
	}
	address, _ := reachableAt(l.Address())
	a.url = "http://" + address
	if !loopback(l.Address()) {
		log.Warn("the management api is reachable from other machines without encryption", "address", l.Address())
	}
	if err := os.WriteFile(a.urlFile, []byte(a.url+"\n"), 0o600); err != nil {
		return fmt.Errorf("management API: %w", err)
	}
	return nil
}

const freeLoopback = "127.0.0.1:0"

// loopback tells that an address is reachable from this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost"
}

// EndStreams ends what would keep a shutdown waiting. The API answers until the
// server has closed its listeners.
func (a *admin) EndStreams() {
	if a != nil {
		a.handler.Close()
	}
}

// Close ends the API, after the server has closed its listeners.
func (a *admin) Close() error {
	if a == nil {
		return nil
	}
	a.handler.Close()
	return errors.Join(removeFile(a.urlFile), a.audit.Close())
}

// removeFile removes a file that may be missing.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// line says where the API is, for people.
func (a *admin) line(dataDir string) string {
	if a.made {
		return a.url + "   (user admin, new secret in " + filepath.Join(dataDir, secretFile) + ")"
	}
	return a.url + "   (user admin, secret in " + filepath.Join(dataDir, secretFile) + ")"
}
