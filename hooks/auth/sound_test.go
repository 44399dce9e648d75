package auth_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/topics"
)

// texts returns all texts of one to three of the levels that valid accepts.
func texts(levels []string, valid func(string) error) (all []string) {
	for _, a := range levels {
		for _, b := range append(levels, "-") {
			for _, c := range append(levels, "-") {
				text := strings.ReplaceAll(a+"/"+b+"/"+c, "/-", "")
				if valid(text) == nil {
					all = append(all, text)
				}
			}
		}
	}
	return all
}

// A subscription that is allowed delivers nothing that is not: for random
// rules, all filters and all topics of three levels. If it says that nothing is
// narrower, every topic it matches is allowed by itself.
func TestSubscriptionsDeliverNothingDenied(t *testing.T) {
	t.Parallel()
	filters := texts([]string{"a", "b", "$s", "+", "#"}, topics.ValidFilter)
	names := texts([]string{"a", "b", "c", "$s"}, topics.ValidName)
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func() string { return filters[rng.IntN(len(filters))] }
	me := who{"c", "u", "10.0.0.1:1"}
	allowed, narrowed := 0, 0
	for range 300 {
		var source auth.Authorizer
		var shown any
		if rng.IntN(2) == 0 {
			var file strings.Builder
			for range 1 + rng.IntN(5) {
				fmt.Fprintf(&file, "%s clientid * %d %s\n", []string{"allow", "deny"}[rng.IntN(2)], 1+rng.IntN(3), pick())
			}
			source, shown = mustACL(t, file.String()), file.String()
		} else {
			l := new(auth.Ledger)
			for range 1 + rng.IntN(3) {
				rule := auth.ACLRule{Filters: auth.Filters{}}
				for range 1 + rng.IntN(4) {
					rule.Filters[auth.RString(pick())] = auth.Access(rng.IntN(4))
				}
				l.ACL = append(l.ACL, rule)
			}
			source, shown = mustLedger(t, l), l.ACL
		}
		received := make(map[string]bool)
		for _, name := range names {
			received[name] = authorize(t, source, me, rcv, name).Decision == mqtt.Allow
		}
		for _, filter := range filters {
			v := authorize(t, source, me, sub, filter)
			if v.Decision != mqtt.Allow {
				continue
			}
			allowed++
			if v.Narrower {
				narrowed++
				continue
			}
			for _, name := range names {
				if topics.Match(filter, name) && !received[name] {
					t.Fatalf("%v\nallow %q without asking for %q", shown, filter, name)
				}
			}
		}
	}
	if allowed == 0 || narrowed == 0 || narrowed == allowed {
		t.Fatalf("%d allowed, %d of them narrowed: the test shows nothing", allowed, narrowed)
	}
}

// What decides is what the explanation ends with, for random rules about some
// clients, some users, addresses and everybody.
func TestDecisionIsTheExplainedOne(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	for range 500 {
		var file strings.Builder
		l := new(auth.Ledger)
		for range 1 + rng.IntN(8) {
			kind := pick("clientid", "username", "ip")
			value := pick("a", "b", "*")
			if kind == "ip" {
				value = pick("10.0.0.1", "10.0.0.0/8", "*")
			}
			fmt.Fprintf(&file, "%s %s %s %d %s\n", pick("allow", "deny"), kind, value, 1+rng.IntN(3), pick("t/a", "t/%c", "t/%u", "t/#"))
			l.ACL = append(l.ACL, auth.ACLRule{
				Client: auth.RString(pick("", "a", "b", "*", "a*")), Username: auth.RString(pick("", "a", "b", "b*")),
				Remote: auth.RString(pick("", "10.0.0.1", "10.1.0.0/16")), Filters: auth.Filters{auth.RString(pick("t/a", "t/b", "t/#")): auth.Access(rng.IntN(4))},
			})
		}
		for _, s := range []interface {
			auth.Authorizer
			auth.Explainer
		}{mustACL(t, file.String()), mustLedger(t, l)} {
			r := request(t, who{pick("a", "b", "ab"), pick("", "a", "b"), pick("10.0.0.1:1", "10.1.0.1:1")}, []auth.Action{pub, sub, rcv}[rng.IntN(3)], pick("t/a", "t/b", "x"))
			v, err := s.Authorize(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			steps := s.Explain(r)
			last := steps[len(steps)-1]
			if v.Decision != last.Decision || v.Decision != mqtt.Pass && v.Rule != last.Rule {
				t.Fatalf("%v by %q, explained %v by %q\n%s%+v\nfor %+v", v.Decision, v.Rule, last.Decision, last.Rule, file.String(), l.ACL, r)
			}
		}
	}
}
