package auth

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/topics"
)

// LedgerSource is a Source made of a Ledger.
type LedgerSource struct {
	name  string
	rules atomic.Pointer[ledgerRules]
	state *fileState // nil if it is not of a file
}

// NewLedger makes a Source of a ledger, which is copied. name stands for it in
// errors and explanations.
func NewLedger(name string, l *Ledger) (*LedgerSource, error) {
	if err := l.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &LedgerSource{name: name}
	s.rules.Store(compileLedger(name, l))
	return s, nil
}

// OpenLedger reads a ledger from a file of JSON or YAML.
func OpenLedger(path string) (*LedgerSource, error) {
	s := &LedgerSource{name: path, state: newFileState(path)}
	return s, readFirst(s)
}

// Name returns the path, or the name given.
func (s *LedgerSource) Name() string { return s.name }

// Prepare reads the file again, if it is one.
func (s *LedgerSource) Prepare() (apply func(), err error) {
	if s.state == nil {
		return nil, nil
	}
	text, sum, fresh, err := s.state.read()
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	if !fresh {
		return nil, nil
	}
	l, err := parseLedger(s.name, text)
	if err != nil {
		return nil, err
	}
	return func() {
		s.rules.Store(compileLedger(s.name, l))
		s.state.applied(sum)
	}, nil
}

// Changed tells that the file has changed and is not being written.
func (s *LedgerSource) Changed() bool { return s.state != nil && s.state.changed() }

// Authenticate asks the users, then the auth rules in order.
func (s *LedgerSource) Authenticate(_ context.Context, r *Request) (mqtt.Decision, string, error) {
	return s.Recheck(r)
}

// Recheck is Authenticate: all it needs is the Secret.
func (s *LedgerSource) Recheck(r *Request) (mqtt.Decision, string, error) {
	v := s.rules.Load().auth.decide(r)
	return v.Decision, v.Rule, nil
}

// Authorize asks the user's own filters, then the ACL rules in order.
func (s *LedgerSource) Authorize(_ context.Context, r *Request) (Verdict, error) {
	rules := s.rules.Load()
	if len(rules.acl.all) == 0 {
		return Verdict{NoRules: true}, nil
	}
	return rules.acl.decide(r), nil
}

// Explain shows the rules that were asked.
func (s *LedgerSource) Explain(r *Request) []Step {
	rules := s.rules.Load()
	switch {
	case r.Action == Connect:
		return rules.auth.explain(r)
	case len(rules.acl.all) == 0:
		return []Step{{Rule: s.name, Why: "it has no ACL rules at all"}}
	}
	return rules.acl.explain(r)
}

// ledgerRules is a ledger made ready for questions. It does not change.
type ledgerRules struct {
	auth *rules[*authRule]
	acl  *rules[*ledgerACL]
}

// criteria are what ledger rules of both kinds ask of a client.
type criteria struct {
	where, text      string
	client, username RString
	remote           remoteRule
	exactUser        bool // username is a name, not a text with '*'
}

func newCriteria(where string, client, username, remote RString) criteria {
	c := criteria{where: where, client: client, username: username}
	c.remote, _ = parseRemoteRule(string(remote)) // validated
	var words []string
	for _, w := range []struct {
		name  string
		value RString
	}{{"client", client}, {"username", username}, {"remote", remote}} {
		if w.value != "" {
			words = append(words, w.name+" "+string(w.value))
		}
	}
	c.text = strings.Join(words, ", ")
	return c
}

func (c *criteria) place() (where, text string) { return c.where, c.text }

func (c *criteria) about() (clientID, username string) {
	switch {
	case c.exactUser || c.client == "" && !strings.Contains(string(c.username), "*"):
		return "", string(c.username)
	case !strings.Contains(string(c.client), "*"):
		return string(c.client), ""
	}
	return "", ""
}

// objection says why the rule is not about the requester, "" if it is.
func (c *criteria) objection(r *Request) string {
	switch {
	case !c.client.Matches(r.ClientID):
		return "it is about another client ID"
	case c.exactUser && string(c.username) != r.Username, !c.username.Matches(r.Username):
		return "it is about another user name"
	case !c.remote.matches(r.Remote):
		return "it is about another address"
	}
	return ""
}

// authRule is a user with a password, or one of the auth rules.
type authRule struct {
	criteria
	password bool
	secret   Secret
	only     bool // another password is refused
	decision mqtt.Decision
}

func (a *authRule) answer(r *Request) answer {
	if why := a.objection(r); why != "" {
		return answer{mqtt.Pass, false, why}
	}
	if a.password && !a.secret.Is(r.Secret) {
		if a.only {
			return answer{mqtt.Deny, false, "the password is wrong"}
		}
		return answer{mqtt.Pass, false, "its password is another"}
	}
	return answer{a.decision, false, "it is the first that fits"}
}

// ledgerACL is a user's own filters, or one of the ACL rules.
type ledgerACL struct {
	criteria
	filters []filterAccess // the most specific first
}

type filterAccess struct {
	filter string
	access Access
}

func (a *ledgerACL) answer(r *Request) answer {
	if why := a.objection(r); why != "" {
		return answer{mqtt.Pass, false, why}
	}
	if len(a.filters) == 0 {
		return answer{mqtt.Allow, false, "it fits and has no filters"}
	}
	narrower, why := false, "none of its filters covers the topic"
	for _, f := range a.filters {
		allows := f.access&r.Action.access() != 0
		switch relate(f.filter, r) {
		case covers:
			if allows {
				return answer{mqtt.Allow, narrower, "its most specific filter for the topic allows it"}
			}
			return answer{mqtt.Deny, false, "its most specific filter for the topic does not allow it"}
		case overlaps:
			if narrower = narrower || !allows; narrower {
				why = "it denies a part of the filter: those messages will not be delivered"
			} else {
				why = "it allows only a part of the filter"
			}
		case apart:
		}
	}
	return answer{mqtt.Pass, narrower, why}
}

func compileLedger(name string, l *Ledger) *ledgerRules {
	var auth []*authRule
	var acl []*ledgerACL
	for _, user := range slices.Sorted(maps.Keys(l.Users)) {
		u := l.Users[user]
		c := newCriteria(fmt.Sprintf("%s users.%s", name, user), "", RString(user), "")
		c.exactUser = true
		switch {
		case u.Disallow:
			auth = append(auth, &authRule{criteria: c, decision: mqtt.Deny})
		case u.Password != "":
			auth = append(auth, &authRule{
				criteria: c, password: true, secret: NewSecret([]byte(u.Password)), only: true, decision: mqtt.Allow,
			})
		}
		if len(u.ACL) > 0 {
			c.where += ".acl"
			acl = append(acl, newLedgerACL(c, u.ACL))
		}
	}
	for i, a := range l.Auth {
		rule := &authRule{criteria: newCriteria(fmt.Sprintf("%s auth[%d]", name, i), a.Client, a.Username, a.Remote), decision: mqtt.Deny}
		if a.Allow {
			rule.decision = mqtt.Allow
		}
		if rule.password = a.Password != "" && a.Password != "*"; rule.password {
			rule.secret = NewSecret([]byte(a.Password))
			rule.text = strings.TrimPrefix(rule.text+", a password", ", ")
		}
		auth = append(auth, rule)
	}
	for i, a := range l.ACL {
		c := newCriteria(fmt.Sprintf("%s acl[%d]", name, i), a.Client, a.Username, a.Remote)
		acl = append(acl, newLedgerACL(c, a.Filters))
	}
	return &ledgerRules{auth: newRules(auth), acl: newRules(acl)}
}

// newLedgerACL sorts the filters: the first that covers a topic is the most specific.
func newLedgerACL(c criteria, filters Filters) *ledgerACL {
	rule := &ledgerACL{criteria: c}
	for filter, access := range filters {
		rule.filters = append(rule.filters, filterAccess{string(filter), access})
	}
	slices.SortFunc(rule.filters, func(a, b filterAccess) int { return topics.CompareSpecific(a.filter, b.filter) })
	for _, f := range rule.filters {
		rule.text = strings.TrimPrefix(rule.text+", "+f.filter+" "+f.access.String(), ", ")
	}
	return rule
}

var (
	_ Authenticator = (*LedgerSource)(nil)
	_ Authorizer    = (*LedgerSource)(nil)
	_ Rechecker     = (*LedgerSource)(nil)
	_ Reloader      = (*LedgerSource)(nil)
	_ Explainer     = (*LedgerSource)(nil)
)
