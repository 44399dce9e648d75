package auth

import (
	"context"
	"fmt"

	"github.com/linnetmq/linnet/mqtt"
)

// chain asks sources in order: the first Allow or Deny wins, an error denies,
// and if all pass nobody has decided.
type chain struct {
	sources        []Source
	authenticators []Authenticator
	authorizers    []Authorizer
	waits          bool // a source is neither ledger nor file
}

func newChain(sources []Source) (*chain, error) {
	c := &chain{sources: sources}
	for _, s := range sources {
		switch s.(type) {
		case *LedgerSource, *ACLFile:
		default:
			c.waits = true
		}
		a, authenticates := s.(Authenticator)
		z, authorizes := s.(Authorizer)
		switch {
		case authenticates && authorizes:
			c.authenticators, c.authorizers = append(c.authenticators, a), append(c.authorizers, z)
		case authenticates:
			c.authenticators = append(c.authenticators, a)
		case authorizes:
			c.authorizers = append(c.authorizers, z)
		default:
			return nil, fmt.Errorf("access source %s: it is neither an Authenticator nor an Authorizer", s.Name())
		}
	}
	return c, nil
}

// admission is the answer to a client that wants to connect.
type admission struct {
	decision mqtt.Decision
	by       Authenticator // who decided, nil if nobody
	rule     string
}

func (c *chain) authenticate(ctx context.Context, r *Request) (admission, error) {
	for _, a := range c.authenticators {
		d, rule, err := a.Authenticate(ctx, r)
		if err != nil {
			return admission{decision: mqtt.Deny, by: a}, fmt.Errorf("access source %s: %w", a.Name(), err)
		}
		if d != mqtt.Pass {
			return admission{d, a, rule}, nil
		}
	}
	return admission{}, nil
}

// recheck asks again about a client that by has admitted.
func (c *chain) recheck(r *Request, by Authenticator) (admission, error) {
	for _, a := range c.authenticators {
		again, ok := a.(Rechecker)
		if !ok {
			if a == by {
				return admission{mqtt.Allow, a, ""}, nil
			}
			continue
		}
		d, rule, err := again.Recheck(r)
		if err != nil {
			return admission{decision: mqtt.Deny, by: a}, fmt.Errorf("access source %s: %w", a.Name(), err)
		}
		if d != mqtt.Pass {
			return admission{d, a, rule}, nil
		}
	}
	return admission{}, nil
}

func (c *chain) authorize(ctx context.Context, r *Request) (Verdict, error) {
	var all Verdict
	ruled := false
	for _, a := range c.authorizers {
		v, err := a.Authorize(ctx, r)
		if err != nil {
			return Verdict{Decision: mqtt.Deny}, fmt.Errorf("access source %s: %w", a.Name(), err)
		}
		ruled = ruled || !v.NoRules
		all.Narrower = all.Narrower || v.Narrower
		if v.Decision != mqtt.Pass {
			all.Decision, all.Rule = v.Decision, v.Rule
			return all, nil
		}
	}
	if !ruled {
		return Verdict{Decision: mqtt.Allow, Rule: "there are no ACL rules", NoRules: true}, nil
	}
	return all, nil
}
