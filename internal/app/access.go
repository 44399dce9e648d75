package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/hooks/notices"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// access is who may come in and what they may do.
type access struct {
	anonymous *anonymous
	passwords *passwords // nil without a password file
	rules     *auth.Hook // nil without any file: then anonymous decides alone
	explains  *auth.Hook // decides as the broker does, and can say why
}

// lookAgain is how often files are looked at for changes.
const lookAgain = 2 * time.Second

// addAccess reads the files and adds the hooks that decide, to a server that has
// no other.
func addAccess(srv *mqtt.Server, cfg *config.Config, log *slog.Logger) (*access, error) {
	a := &access{anonymous: newAnonymous(cfg, log), explains: new(auth.Hook)}
	sources, err := a.chain(cfg, log)
	if err != nil {
		return nil, err
	}
	if len(sources) == 1 && !cfg.KnowsUsers() {
		if err := a.explains.Init(&auth.Options{Sources: sources}); err != nil {
			return nil, err
		}
		return a, srv.AddHook(a.anonymous, nil)
	}
	if a.passwords != nil {
		a.passwords.guard.Attach(srv)
	}
	a.rules = a.explains
	return a, srv.AddHook(a.rules, &auth.Options{Sources: sources, ReloadInterval: lookAgain, Logger: log})
}

// chain are the sources that decide, the rule for clients that no file knows
// last.
func (a *access) chain(cfg *config.Config, log *slog.Logger) ([]auth.Source, error) {
	sources, err := a.open(&cfg.Access, log)
	return append(sources, &anonymousSource{a.anonymous}), err
}

// open reads the files: those that know users, in the order in which they are
// asked, and among them those with rules.
func (a *access) open(cfg *config.Access, log *slog.Logger) (sources []auth.Source, err error) {
	if cfg.PasswordFile != "" {
		a.passwords, err = openPasswords(cfg.PasswordFile, cfg.LedgerFile != "", log)
		if err != nil {
			return nil, err
		}
		a.passwords.changed = a.recheck
		sources = append(sources, a.passwords)
	}
	if cfg.ACLFile != "" {
		rules, err := auth.OpenACLFile(cfg.ACLFile)
		if err != nil {
			return nil, err
		}
		sources = append(sources, rules)
	}
	if cfg.LedgerFile != "" {
		ledger, err := auth.OpenLedger(cfg.LedgerFile)
		if err != nil {
			return nil, err
		}
		sources = append(sources, ledger)
	}
	return sources, nil
}

// recheck asks again about all clients.
func (a *access) recheck() { a.rules.Changed() }

// close waits for what is still asked about clients.
func (a *access) close() {
	if a.passwords != nil {
		a.passwords.rechecks.Wait()
	}
}

// prepare is the applier of access: it reads the files again.
func (a *access) prepare(next *config.Config) (apply func(), err error) {
	var mistakes []error
	applies := []func(){func() { a.anonymous.use(next) }}
	if a.rules != nil {
		rules, err := a.rules.Prepare()
		if err != nil {
			mistakes = append(mistakes, err)
		} else if rules != nil {
			applies = append(applies, rules)
		}
	}
	if a.passwords != nil {
		passwords, err := a.passwords.prepare()
		mistakes = append(mistakes, err)
		applies = append(applies, passwords)
	}
	return func() {
		for _, one := range applies {
			one()
		}
	}, errors.Join(mistakes...)
}

// anonymousSource asks about clients that no file knows.
type anonymousSource struct{ *anonymous }

// Name returns the name.
func (s *anonymousSource) Name() string { return "access.anonymous" }

// Authenticate admits clients by the rule of their listener. Where files know
// users, a user name that none of them admitted is refused.
func (s *anonymousSource) Authenticate(_ context.Context, r *auth.Request) (mqtt.Decision, string, error) {
	return s.Recheck(r)
}

// Recheck is Authenticate.
func (s *anonymousSource) Recheck(r *auth.Request) (mqtt.Decision, string, error) {
	rules := s.rules.Load()
	if rules.users && r.Username != "" {
		return mqtt.Pass, "", nil
	}
	if why := rules.objection(r.Listener, r.Client.Conn()); why != "" {
		return mqtt.Deny, why, nil
	}
	return mqtt.Allow, "access.anonymous", nil
}

// Foretell is Authenticate for a client that is described.
func (s *anonymousSource) Foretell(r *auth.Request) (step auth.Step, byPassword bool) {
	rules := s.rules.Load()
	step = auth.Step{Rule: s.Name(), Decision: mqtt.Deny}
	switch rule := rules.listeners[r.Listener]; {
	case rules.users && r.Username != "":
		step.Decision, step.Why = mqtt.Pass, "there is a user name, which no file admits"
	case rule == config.Everybody:
		step.Decision, step.Why = mqtt.Allow, "everybody is admitted at this listener"
	case rule == config.Loopback && r.Remote.Local:
		step.Decision, step.Why = mqtt.Allow, "clients of this machine are admitted at this listener"
	case rule == config.Loopback:
		step.Why = "only clients of this machine are admitted at this listener without credentials"
	default:
		step.Why = "nobody is admitted at this listener without credentials"
	}
	return step, false
}

// addNotices adds the hook that tells of clients which come and go.
func addNotices(srv *mqtt.Server, cfg *config.Notices, log *slog.Logger) error {
	if !cfg.Enabled {
		return nil
	}
	return srv.AddHook(new(notices.Hook), &notices.Options{
		QoS: cfg.QoS, Retain: cfg.Retain, Username: cfg.Username, Remote: cfg.Remote, Reason: cfg.Reason, Logger: log,
	})
}

var (
	_ auth.Authenticator = (*anonymousSource)(nil)
	_ auth.Rechecker     = (*anonymousSource)(nil)
	_ auth.Foreteller    = (*anonymousSource)(nil)
)
