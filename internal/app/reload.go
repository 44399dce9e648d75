package app

import (
	"errors"
	"fmt"
	"sync"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/listeners/tlsconf"
)

// reloader makes the broker follow its configuration while it runs.
type reloader struct {
	load     func() (*config.Config, error) // file, environment and flags, validated
	appliers []applier
	logs     *logs
	metrics  *reloadMetrics

	mu      sync.Mutex     // one reload at a time
	current *config.Config // what counts now
}

// applier makes one part of the broker follow the configuration. prepare looks
// at everything the part needs of next without changing anything; after that
// apply cannot fail.
type applier struct {
	name    string
	prepare func(next *config.Config) (apply func(), err error)
}

func newReloader(cfg *config.Config, b *broker, l *logs, load func() (*config.Config, error)) *reloader {
	return &reloader{
		load: load, logs: l, metrics: newReloadMetrics(), current: cfg,
		appliers: []applier{
			{"log", l.prepare},
			{"certificates", b.prepareCertificates},
			{"access", b.access.prepare},
			{"maximum clients", func(next *config.Config) (func(), error) {
				return func() { b.SetMaximumClients(next.Limits.MaximumClients) }, nil
			}},
		},
	}
}

// Reload reads the configuration again and applies what can change while the
// broker runs. After an error everything is as before. One log line says what
// came of it, which keys changed and which wait for a restart.
func (r *reloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed, waiting, err := r.reloadLocked()
	r.metrics.count(err)
	if err != nil {
		r.logs.Error("configuration not reloaded, everything stays as it was", "err", err)
		return err
	}
	r.logs.Info("configuration reloaded", "changed", changed, "waiting_for_restart", waiting)
	return nil
}

func (r *reloader) reloadLocked() (changed, waiting []string, err error) {
	next, err := r.load()
	if err != nil {
		return nil, nil, err
	}
	for _, c := range config.Changes(r.current, next) {
		if c.Live {
			changed = append(changed, c.Key)
		} else {
			waiting = append(waiting, c.Key)
		}
	}
	next.Keep(r.current)
	var applies []func()
	var mistakes []error
	for _, a := range r.appliers {
		apply, err := a.prepare(next)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", a.name, err))
			continue
		}
		applies = append(applies, apply)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, nil, err
	}
	for _, apply := range applies {
		apply()
	}
	r.current = next
	return changed, waiting, nil
}

// config is the configuration that counts now. It is never changed, only
// replaced.
func (r *reloader) config() *config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// prepare is the applier of the log. The file is opened anew, so that another
// program may have moved it.
func (l *logs) prepare(next *config.Config) (apply func(), err error) {
	if err := l.reopen(); err != nil {
		return nil, err
	}
	return func() {
		if err := l.setLevel(next.Log.Level); err != nil {
			l.Error("log level not changed", "err", err) // a valid configuration has none
		}
	}, nil
}

// prepareCertificates is the applier of the certificates: it loads them anew,
// whether their names changed or not.
func (b *broker) prepareCertificates(next *config.Config) (apply func(), err error) {
	loaded := map[*liveCertificates]*tlsconf.Source{}
	var mistakes []error
	for i := range next.Listeners {
		l := &next.Listeners[i]
		certs := b.certs[l.ID]
		if certs == nil {
			continue
		}
		c, err := loadCertificates(l, b.log)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("listener %s: %w", l.ID, err))
			continue
		}
		loaded[certs] = c
	}
	return func() {
		for certs, c := range loaded {
			certs.current.Store(c)
		}
	}, errors.Join(mistakes...)
}
