package auth

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/linnetmq/linnet/topics"
)

// Ledger is a list of users and rules, as a Go literal or in a file. Auth rules
// admit clients; without one that fits a client is refused. ACL rules say what
// clients may do; without any, everything is allowed to clients that are
// admitted, and with some, what none of them decides is denied.
type Ledger struct {
	Users Users     `json:"users,omitempty" yaml:"users,omitempty"`
	Auth  AuthRules `json:"auth,omitempty" yaml:"auth,omitempty"`
	ACL   ACLRules  `json:"acl,omitempty" yaml:"acl,omitempty"`
}

// Users are users by their name. They are asked before the rules.
type Users map[string]UserRule

// UserRule is a user. With a Password it is the user's only one: another is
// refused, whatever the rules say. Without, the rules decide who the user is.
type UserRule struct {
	Username RString `json:"username,omitempty" yaml:"username,omitempty"` // may be left out: it is the key
	Password Hidden  `json:"password,omitempty" yaml:"password,omitempty"`
	ACL      Filters `json:"acl,omitempty" yaml:"acl,omitempty"`
	Disallow bool    `json:"disallow,omitempty" yaml:"disallow,omitempty"`
}

// AuthRules admit or refuse clients. They are asked in order; the first whose
// criteria all fit decides.
type AuthRules []AuthRule

// AuthRule has up to four criteria; one that is empty or "*" fits everybody.
type AuthRule struct {
	Client   RString `json:"client,omitempty" yaml:"client,omitempty"`
	Username RString `json:"username,omitempty" yaml:"username,omitempty"`
	Remote   RString `json:"remote,omitempty" yaml:"remote,omitempty"`
	Password Hidden  `json:"password,omitempty" yaml:"password,omitempty"`
	Allow    bool    `json:"allow,omitempty" yaml:"allow,omitempty"`
}

// ACLRules say what clients may do. They are asked in order. A rule decides if
// its criteria fit and it has no filters, which allows, or one of its filters
// covers what is asked for: the most specific of those decides, not the first.
type ACLRules []ACLRule

// ACLRule has up to three criteria; one that is empty or "*" fits everybody.
type ACLRule struct {
	Client   RString `json:"client,omitempty" yaml:"client,omitempty"`
	Username RString `json:"username,omitempty" yaml:"username,omitempty"`
	Remote   RString `json:"remote,omitempty" yaml:"remote,omitempty"`
	Filters  Filters `json:"filters,omitempty" yaml:"filters,omitempty"`
}

// Filters say for Topic Filters what is allowed there.
type Filters map[RString]Access

// RString is a text in which '*' stands for any number of any characters. As
// Remote it is an address with or without port ("127.0.0.1:*"), "localhost", a
// network ("10.0.0.0/8"), or a text with '*'.
type RString string

// Matches reports whether the text fits s; an empty one fits everything.
func (r RString) Matches(s string) bool { return r == "" || globMatch(string(r), s) }

// Hidden is a password in plain text, which does not show in logs and messages.
type Hidden string

// String returns "***", or "" for no password.
func (h Hidden) String() string {
	if h == "" {
		return ""
	}
	return "***"
}

// GoString hides the password from %#v.
func (h Hidden) GoString() string { return strconv.Quote(h.String()) }

// Access is what a filter allows.
type Access byte

const (
	// Deny allows nothing.
	Deny Access = 0
	// ReadOnly allows to subscribe and to receive.
	ReadOnly Access = 1
	// WriteOnly allows to publish.
	WriteOnly Access = 2
	// ReadWrite allows both.
	ReadWrite Access = 3
)

// String returns "deny", "read", "write" or "readwrite".
func (a Access) String() string { return [...]string{"deny", "read", "write", "readwrite"}[a&3] }

// Unmarshal reads a ledger from JSON, which begins with '{', or YAML. Keys it
// does not know and wrong values are errors that name the line.
func (l *Ledger) Unmarshal(data []byte) error {
	next, err := parseLedger("ledger", data)
	if err != nil {
		return err
	}
	*l = *next
	return nil
}

// ToJSON writes the ledger, with its passwords.
func (l *Ledger) ToJSON() ([]byte, error) { return json.Marshal(l) }

// ToYAML writes the ledger, with its passwords.
func (l *Ledger) ToYAML() ([]byte, error) { return marshalYAML(l) }

// validate finds what no rule may contain.
func (l *Ledger) validate() error {
	for _, name := range slices.Sorted(maps.Keys(l.Users)) {
		u := l.Users[name]
		if u.Username != "" && string(u.Username) != name {
			return fmt.Errorf("users.%s: its username is %q; leave it out, or make it the key", name, u.Username)
		}
		if err := u.ACL.validate(); err != nil {
			return fmt.Errorf("users.%s.acl: %w", name, err)
		}
	}
	for i := range l.Auth {
		if err := validRemote(l.Auth[i].Remote); err != nil {
			return fmt.Errorf("auth[%d]: %w", i, err)
		}
	}
	for i := range l.ACL {
		if err := validRemote(l.ACL[i].Remote); err != nil {
			return fmt.Errorf("acl[%d]: %w", i, err)
		}
		if err := l.ACL[i].Filters.validate(); err != nil {
			return fmt.Errorf("acl[%d].filters: %w", i, err)
		}
	}
	return nil
}

func validRemote(r RString) error {
	if _, ok := parseRemoteRule(string(r)); !ok {
		return fmt.Errorf("remote %q: want an address with or without port, a network such as 10.0.0.0/8, localhost, or a text with *", r)
	}
	return nil
}

func (f Filters) validate() error {
	for _, filter := range slices.Sorted(maps.Keys(f)) {
		if err := topics.ValidFilter(string(filter)); err != nil {
			return fmt.Errorf("%q: %w", filter, err)
		}
		if _, _, shared := topics.SplitShare(string(filter)); shared {
			return fmt.Errorf("%q: write the filter without $share and the share name; it counts for shared subscriptions as well", filter)
		}
		if a := f[filter]; a > ReadWrite {
			return fmt.Errorf("%q: access %d, want 0 (deny), 1 (read), 2 (write) or 3 (both)", filter, a)
		}
	}
	return nil
}
