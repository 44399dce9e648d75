package mqtt

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSubscriptionSetAgainstMap plays a seeded random history on the set and on
// a map, across the size at which the set becomes a map itself.
func TestSubscriptionSetAgainstMap(t *testing.T) {
	t.Parallel()
	for most := range 3 * listMaximum {
		rng := rand.New(rand.NewPCG(uint64(most), 5))
		var set subscriptionSet
		model := map[string]*subscription{}
		for step := range 2000 {
			filter := fmt.Sprint("f/", rng.IntN(most+1))
			if rng.IntN(3) > 0 {
				sub := &subscription{filter: filter}
				if old := set.put(sub); old != model[filter] {
					t.Fatalf("most %d step %d: put replaced %v, want %v", most, step, old, model[filter])
				}
				model[filter] = sub
			} else {
				if old := set.remove(filter); old != model[filter] {
					t.Fatalf("most %d step %d: removed %v, want %v", most, step, old, model[filter])
				}
				delete(model, filter)
			}
			n := 0
			set.all(func(sub *subscription) {
				n++
				if model[sub.filter] != sub || set.get(sub.filter) != sub {
					t.Fatalf("most %d step %d: %q differs", most, step, sub.filter)
				}
			})
			if n != len(model) || set.len() != n {
				t.Fatalf("most %d step %d: %d subscriptions, length %d, want %d", most, step, n, set.len(), len(model))
			}
		}
	}
}
