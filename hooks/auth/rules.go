package auth

import (
	"iter"

	"github.com/linnetmq/linnet/mqtt"
)

// rule is a rule of a file: what rules needs of it.
type rule interface {
	// answer decides about r.
	answer(r *Request) answer
	// place returns where the rule stands and what it says.
	place() (where, text string)
	// about returns the one ClientID, or else the one user name, that the rule
	// is about; both are empty if it may be about several.
	about() (clientID, username string)
}

// answer is what a rule says to a request.
type answer struct {
	decision mqtt.Decision
	narrower bool   // the rule denies a part of the filter asked for
	why      string // a constant: it costs nothing where nobody asks
}

// rules are rules in their order, found by whom they are about, so that the
// rules of thousands of others cost a client nothing. They do not change.
type rules[R rule] struct {
	all        []R
	byClientID map[string][]int
	byUsername map[string][]int
	others     []int
}

func newRules[R rule](all []R) *rules[R] {
	x := &rules[R]{all: all, byClientID: make(map[string][]int), byUsername: make(map[string][]int)}
	for i, rule := range all {
		switch clientID, username := rule.about(); {
		case clientID != "":
			x.byClientID[clientID] = append(x.byClientID[clientID], i)
		case username != "":
			x.byUsername[username] = append(x.byUsername[username], i)
		default:
			x.others = append(x.others, i)
		}
	}
	return x
}

// of returns the rules that may be about a requester, in order.
func (x *rules[R]) of(r *Request) iter.Seq[R] {
	return func(yield func(R) bool) {
		lists := [][]int{x.byClientID[r.ClientID], x.byUsername[r.Username], x.others}
		for {
			var next *[]int
			for i := range lists {
				if list := &lists[i]; len(*list) > 0 && (next == nil || (*list)[0] < (*next)[0]) {
					next = list
				}
			}
			if next == nil || !yield(x.all[(*next)[0]]) {
				return
			}
			*next = (*next)[1:]
		}
	}
}

// decide asks the rules in order; the first Allow or Deny wins.
func (x *rules[R]) decide(r *Request) Verdict {
	var v Verdict
	for rule := range x.of(r) {
		a := rule.answer(r)
		v.Narrower = v.Narrower || a.narrower
		if a.decision != mqtt.Pass {
			v.Decision = a.decision
			v.Rule, _ = rule.place()
			break
		}
	}
	return v
}

// explain shows every rule before the one that decides, and that one.
func (x *rules[R]) explain(r *Request) (steps []Step) {
	for _, rule := range x.all {
		a := rule.answer(r)
		where, text := rule.place()
		steps = append(steps, Step{Rule: where, Text: text, Decision: a.decision, Why: a.why})
		if a.decision != mqtt.Pass {
			break
		}
	}
	return steps
}
