package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// errImpatient is the end after a second signal.
var errImpatient = errors.New("a second signal ended the shutdown, connections were cut")

// runBroker runs a broker until ctx ends or a signal comes. load reads its
// configuration, at the start and at every reload.
func runBroker(ctx context.Context, load func() (*config.Config, error), std streams) (err error) {
	cfg, err := load()
	if err != nil {
		return err
	}
	log, err := openLogs(&cfg.Log, std.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	defer slackHeap()()
	signals := make(chan os.Signal, 2) // the two that count
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	reloads := make(chan os.Signal, 1) // one that waits stands for all
	notifyReload(reloads)
	defer signal.Stop(reloads)
	data, err := openDataDir(cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	stopProfile, err := startProfile(&cfg.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	store, err := openStore(cfg, log.Logger)
	if err != nil {
		return err
	}
	b, err := newBroker(cfg, log.Logger, store)
	if err != nil {
		return errors.Join(err, closeStore(store))
	}
	defer b.access.close()
	r := newReloader(cfg, b, log, load)
	api, err := startAdmin(cfg, b, log, r)
	if err != nil {
		return errors.Join(err, b.Close(), closeStore(store))
	}
	defer func() { err = errors.Join(err, api.Close()) }()
	if err := b.Serve(); err != nil {
		return errors.Join(err, b.Close())
	}
	announce(cfg, b.Server, api, log, std.err)
	service := notifyStart(b.Server, log.Logger)
	for {
		select {
		case <-reloads:
			service.aroundReload(r.Reload)
			continue
		case s := <-signals:
			log.Info("shutting down", "signal", s.String(), "timeout", r.config().ShutdownTimeout.String())
		case <-ctx.Done():
			log.Info("shutting down", "timeout", r.config().ShutdownTimeout.String())
		}
		service.end()
		api.EndStreams()
		return shutdown(b.Server, r.config(), log.Logger, signals)
	}
}

// shutdown ends the server, gently until the timeout or a second signal.
func shutdown(srv *mqtt.Server, cfg *config.Config, log *slog.Logger, signals <-chan os.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), cfg.ShutdownTimeout)
	defer cancel()
	done := make(chan error, 1)               // takes the result when nobody waits any more
	go func() { done <- srv.Shutdown(ctx) }() //arch:ok waited for below, but for a second signal, which ends the process
	select {
	case err := <-done:
		if errors.Is(err, context.DeadlineExceeded) {
			log.Warn("connections were cut, they had not taken their last messages in time")
			err = nil
		}
		log.Info("stopped")
		return err
	case <-signals:
		return errImpatient
	}
}

// announce tells where the broker listens and how to try it: a block of text for
// people, or the same facts as log lines for machines.
func announce(cfg *config.Config, srv *mqtt.Server, api *admin, log *logs, out io.Writer) {
	s := summarise(cfg, srv)
	if api != nil {
		s.admin, s.adminURL = api.line(cfg.DataDir), api.url
	}
	if log.text {
		_, _ = io.WriteString(out, s.block()) // a terminal that is gone must not stop the broker
	} else {
		log.Info("ready", "version", s.version, "urls", s.urls, "admin", s.adminURL, "data_dir", cfg.DataDir, "open_files", s.openFiles, "try", s.try)
	}
	switch {
	case len(s.open) > 0:
		log.Warn("every client is admitted from everywhere, without asking who it is", "listeners", s.open)
	case log.text: // it stands in the block
	case s.users:
		log.Info("users of files are admitted", "files", s.access)
	case s.local:
		log.Info("only clients of this machine are admitted", "flag", "--allow-anonymous")
	default:
		log.Warn("nobody is admitted", "key", "access.anonymous")
	}
	if cfg.Workers > 0 {
		log.Info("the number of workers is only a hint and changes nothing", "workers", cfg.Workers)
	}
	if s.openFiles > 0 && s.openFiles < fewFiles {
		log.Warn("few connections are possible, raise the limit of open files", "open_files", s.openFiles, "example", fmt.Sprintf("ulimit -Hn %d", 1<<20))
	}
}

// fewFiles is a limit of open files that a busy broker soon reaches.
const fewFiles = 4096
