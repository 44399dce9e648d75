package auth

import (
	"context"

	"github.com/linnetmq/linnet/mqtt"
)

// Source answers about access. It implements Authenticator, Authorizer or
// both, and Reloader, Rechecker, Explainer and Foreteller where it can. Name is for the
// operator: a file, a URL, a kind of database. Sources are asked from many
// goroutines at once.
type Source interface{ Name() string }

// Authenticator is a Source that knows who clients are.
type Authenticator interface {
	Source
	// Authenticate decides whether the client may connect; Pass if it does not
	// know the client. The rule that decided is for the operator's log. An
	// error refuses the client.
	Authenticate(ctx context.Context, r *Request) (d mqtt.Decision, rule string, err error)
}

// Rechecker is an Authenticator that tells, after a reload, whether a client
// that is connected would be admitted now. The Request has no Password, but its
// Secret. Clients of an Authenticator without it stay.
type Rechecker interface {
	Recheck(r *Request) (d mqtt.Decision, rule string, err error)
}

// Authorizer is a Source that knows what clients may do.
type Authorizer interface {
	Source
	// Authorize decides about Publish, Subscribe and Receive. A Subscribe may
	// be allowed only if everything its filter matches is, except for what
	// Narrower tells. Receive must be answered at once, without waiting for
	// anything. An error refuses.
	Authorize(ctx context.Context, r *Request) (Verdict, error)
}

// Verdict is the answer of an Authorizer.
type Verdict struct {
	Decision mqtt.Decision
	// Rule is the rule that decided, for the operator.
	Rule string
	// Narrower tells of a Subscribe that a part of what the filter matches is
	// or may be denied: every delivery is asked about, by Receive.
	Narrower bool
	// NoRules, with Pass, tells that the Source has no rules for anybody. If
	// that goes for all, everything is allowed.
	NoRules bool
}

// Reloader is a Source that is read from something that changes.
type Reloader interface {
	// Prepare reads again. It returns nil if nothing has changed, else a
	// function that puts what was read in force and cannot fail. If what it
	// reads is not valid, it returns an error and the old stays in force.
	Prepare() (apply func(), err error)
	// Changed tells cheaply whether Prepare is worth while, and that what is
	// read is not being written at this moment.
	Changed() bool
}

// Explainer is a Source that can say how it comes to its answer.
type Explainer interface {
	Explain(r *Request) []Step
}

// Foreteller is an Authenticator that needs a live client for its answer, such as
// one that verifies passwords. Without a client Explain asks it what it would say.
type Foreteller interface {
	// Foretell returns the answer and why; byPassword tells that it depends on
	// the password, and is not Pass.
	Foretell(r *Request) (step Step, byPassword bool)
}

// Step is one rule on the way to a decision, or a Source that has no rules to show.
type Step struct {
	// Rule says where the rule is, such as "acl.conf:12", and Text what it says.
	Rule string
	Text string
	// Decision is Pass unless the rule decided.
	Decision mqtt.Decision
	// Why tells in words why it decided so, or why it did not.
	Why string
}
