package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/topics"
)

// Explanation is a decision with its reasons.
type Explanation struct {
	// Decision is Allow or Deny; Pass if nobody decides and it is left to other hooks.
	Decision mqtt.Decision
	// Rule decided, or the words for there being none.
	Rule string
	// Narrower tells of a subscription that is allowed although a rule denies
	// a part of what it matches; messages of that part are not delivered.
	Narrower bool
	// Steps are the rules asked, in order; the last one decided.
	Steps []Step
}

// Explain decides as the hook would and says why. A Subscribe may have a
// $share prefix. Sources that cannot explain themselves are asked, and shown
// with their answer.
func (h *Hook) Explain(r *Request) (Explanation, error) {
	q := *r
	if q.Action == Subscribe {
		if err := topics.ValidFilter(q.Topic); err != nil {
			return Explanation{}, fmt.Errorf("explain: filter %q: %w", q.Topic, err)
		}
		_, q.Topic, _ = topics.SplitShare(q.Topic)
	} else if q.Action != Connect {
		if err := topics.ValidName(q.Topic); err != nil {
			return Explanation{}, fmt.Errorf("explain: topic %q: %w", q.Topic, err)
		}
	}
	if q.Action == Publish && serversOwn(q.Topic) {
		return Explanation{Decision: mqtt.Deny, Rule: "no client may publish topics of the server, whatever the rules say"}, nil
	}
	if q.Action == Connect {
		q.Secret = NewSecret(q.Password)
		return h.explainConnect(&q)
	}
	return h.explainAccess(&q)
}

func serversOwn(topic string) bool {
	return topic == "$SYS" || topic == "$share" || strings.HasPrefix(topic, "$SYS/") || strings.HasPrefix(topic, "$share/")
}

func (h *Hook) explainConnect(r *Request) (e Explanation, err error) {
	ctx, cancel := h.context()
	defer cancel()
	for _, a := range h.chain.authenticators {
		if f, ok := a.(Foreteller); ok && r.Client == nil {
			step, byPassword := f.Foretell(r)
			e.Steps = append(e.Steps, step)
			switch {
			case byPassword:
				e.Decision, e.Rule = mqtt.Pass, a.Name()+" decides by the password"
				return e, nil
			case step.Decision != mqtt.Pass:
				e.Decision, e.Rule = step.Decision, step.Rule
				return e, nil
			}
			continue
		}
		d, rule, err := a.Authenticate(ctx, r)
		if err != nil {
			return e, fmt.Errorf("explain: access source %s: %w", a.Name(), err)
		}
		e.add(a, r, d, rule)
		if d != mqtt.Pass {
			e.Decision, e.Rule = d, rule
			return e, nil
		}
	}
	e.undecided(h, "no access source knows the client")
	return e, nil
}

func (h *Hook) explainAccess(r *Request) (e Explanation, err error) {
	ctx, cancel := h.context()
	defer cancel()
	v, err := h.chain.authorize(ctx, r)
	if err != nil {
		return e, err
	}
	e.Decision, e.Rule, e.Narrower = v.Decision, v.Rule, v.Decision == mqtt.Allow && v.Narrower
	for _, a := range h.chain.authorizers {
		one, err := a.Authorize(context.WithoutCancel(ctx), r)
		if err != nil {
			return e, err
		}
		e.add(a, r, one.Decision, one.Rule)
		if one.Decision != mqtt.Pass {
			return e, nil
		}
	}
	if v.Decision == mqtt.Pass {
		e.undecided(h, "no rule fits")
	}
	return e, nil
}

// add shows the rules of a source, or its answer.
func (e *Explanation) add(s Source, r *Request, d mqtt.Decision, rule string) {
	if x, ok := s.(Explainer); ok {
		e.Steps = append(e.Steps, x.Explain(r)...)
		return
	}
	e.Steps = append(e.Steps, Step{Rule: s.Name(), Text: rule, Decision: d, Why: "it answers " + d.String()})
}

func (e *Explanation) undecided(h *Hook, why string) {
	e.Rule = why
	e.Decision = mqtt.Deny
	if h.options.PassUndecided {
		e.Decision = mqtt.Pass
	}
}
