package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/hooks/auth/guard"
	"github.com/linnetmq/linnet/hooks/auth/passwd"
	"github.com/linnetmq/linnet/mqtt"
)

// passwords is a password file with its guard, as a source of access.
type passwords struct {
	path   string
	file   *passwd.File
	guard  *guard.Guard
	others bool // users whom it does not know are left to others

	changed  func()         // asks again about all clients
	rechecks sync.WaitGroup // waited for by access.close

	mu       sync.Mutex
	verified map[string]auth.Secret // of users that have logged in since their password changed
}

// openPasswords reads a password file. Users whom it does not know are left to
// others if there are any.
func openPasswords(path string, others bool, log *slog.Logger) (*passwords, error) {
	p := &passwords{path: path, others: others, verified: map[string]auth.Secret{}}
	var err error
	if p.file, err = passwd.Open(path, &passwd.Options{Logger: log, OnReload: p.forget}); err != nil {
		return nil, err
	}
	p.guard, err = guard.New(guard.Options{Source: p.file, PassUnknown: others, Logger: log})
	return p, err
}

// Name returns the path.
func (p *passwords) Name() string { return p.path }

// Authenticate verifies the password of a client that gives a user name. It
// blocks the client's goroutine while the password is hashed.
func (p *passwords) Authenticate(_ context.Context, r *auth.Request) (mqtt.Decision, string, error) {
	generation := p.file.Generation()
	d, err := p.guard.OnConnectAuthenticate(r.Client, r.Packet)
	if d == mqtt.Allow {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.file.Generation() == generation { // else the next login is remembered
			p.verified[r.Username] = r.Secret
		}
	}
	return d, p.path, err
}

// Recheck tells whether a client has logged in with the password that counts now.
func (p *passwords) Recheck(r *auth.Request) (mqtt.Decision, string, error) {
	if r.Username == "" || !p.file.Knows(r.Username) {
		return mqtt.Pass, "", nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if secret, ok := p.verified[r.Username]; ok && secret.Is(r.Secret) {
		return mqtt.Allow, p.path, nil
	}
	return mqtt.Deny, fmt.Sprintf("%s: the password has changed", p.path), nil
}

// Foretell says what comes of a user name, but for the password.
func (p *passwords) Foretell(r *auth.Request) (s auth.Step, byPassword bool) {
	s.Rule = p.path
	switch {
	case r.Username == "":
		s.Why = "there is no user name"
	case p.file.Knows(r.Username):
		s.Why = "it knows the user; the password decides"
		return s, true
	case p.others:
		s.Why = "it does not know the user"
	default:
		s.Why, s.Decision = "it does not know the user, and there are no others", mqtt.Deny
	}
	return s, false
}

// forget is told of users that are gone or have another password. Clients are
// asked about by another goroutine: this one may be one of theirs.
func (p *passwords) forget(lost []string) {
	if len(lost) == 0 {
		return
	}
	p.mu.Lock()
	for _, username := range lost {
		delete(p.verified, username)
	}
	p.mu.Unlock()
	p.rechecks.Go(p.changed) // ends when all clients have been asked about
}

// prepare reads the file without using it yet.
func (p *passwords) prepare() (apply func(), err error) {
	if _, err := passwd.Open(p.path, nil); err != nil {
		return nil, err
	}
	return func() { _ = p.file.Reload() }, nil // it was valid a moment ago; if not now, the old one stays and the log tells
}

var (
	_ auth.Authenticator = (*passwords)(nil)
	_ auth.Rechecker     = (*passwords)(nil)
	_ auth.Foreteller    = (*passwords)(nil)
)
