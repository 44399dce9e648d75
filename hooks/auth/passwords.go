package auth

import (
	"fmt"
	"sync/atomic"

	"github.com/linnetmq/linnet/mqtt"
)

// UserList is a list of users with passwords that may change, such as a
// passwd.File.
type UserList interface {
	// Knows tells without any work whether there is such a user.
	Knows(username string) bool
	// Generation is another number after each change.
	Generation() uint64
}

// FromPasswords makes a Source of a hook that verifies passwords, such as a
// guard.Guard, and the list it verifies them by. It admits whom the hook admits.
// After a change of the list, clients of users who are gone are disconnected. If
// the list has a method Reload() error, Hook.Reload calls it.
func FromPasswords(name string, login mqtt.ConnectAuthenticator, users UserList) Source {
	p := &passwords{users: users}
	p.authSource = authSource{&hookSource{name: name, hook: login, authenticate: login.OnConnectAuthenticate}}
	p.generation.Store(users.Generation())
	return p
}

type passwords struct {
	authSource
	users      UserList
	generation atomic.Uint64 // that clients were rechecked for
}

// Recheck admits users who are still there.
func (p *passwords) Recheck(r *Request) (mqtt.Decision, string, error) {
	if r.Username != "" && p.users.Knows(r.Username) {
		return mqtt.Allow, p.Name(), nil
	}
	return mqtt.Pass, "", nil
}

// Prepare has the list read again. A list that reads itself is in force at once.
func (p *passwords) Prepare() (apply func(), err error) {
	if list, ok := p.users.(interface{ Reload() error }); ok {
		if err := list.Reload(); err != nil {
			return nil, fmt.Errorf("reload %s: %w", p.Name(), err)
		}
	}
	now := p.users.Generation()
	if now == p.generation.Load() {
		return nil, nil
	}
	return func() { p.generation.Store(now) }, nil
}

// Changed tells that the list has changed.
func (p *passwords) Changed() bool { return p.users.Generation() != p.generation.Load() }

// Foretell does not hash: it says whether there is such a user.
func (p *passwords) Foretell(r *Request) (s Step, byPassword bool) {
	if p.users.Knows(r.Username) {
		return Step{Rule: p.Name(), Why: "it knows the user; the password decides"}, true
	}
	return Step{Rule: p.Name(), Why: "it does not know the user"}, false
}

var (
	_ Authenticator = (*passwords)(nil)
	_ Rechecker     = (*passwords)(nil)
	_ Reloader      = (*passwords)(nil)
	_ Foreteller    = (*passwords)(nil)
)
