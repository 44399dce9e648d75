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
