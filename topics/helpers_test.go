package topics

import (
	"slices"
	"testing"
)

// shapeOf walks an Index nobody writes to, fails t for what breaks the rules
// of the tree, and returns how many nodes there are besides the root.
func shapeOf[K comparable, V any](t *testing.T, x *Index[K, V]) (nodes int) {
	t.Helper()
	todo := []*node[K, V]{&x.root}
	pairs := 0
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		k := n.kids.Load()
		if n != &x.root {
			nodes++
			if n.slot.empty() && k.count() < 2 {
				t.Fatalf("node %q has no values and %d children", n.label, k.count())
			}
		} else if !n.slot.empty() || n.label != "" {
			t.Fatal("the root holds values")
		}
		pairs += checkSlot(t, &n.slot)
		if k == nil {
			continue
		}
		if k.count() == 0 {
			t.Fatalf("node %q keeps an empty set of children", n.label)
		}
		seen := 0
		k.all(func(c *node[K, V]) bool {
			if n.child(firstLevel(c.label)) != c {
				t.Fatalf("child %q of %q is not found by its level", c.label, n.label)
			}
			seen++
			todo = append(todo, c)
			return true
		})
		if seen != k.count() {
			t.Fatalf("node %q has %d children and counts %d", n.label, seen, k.count())
		}
		checkTable(t, k)
	}
	if pairs != x.Len() {
		t.Fatalf("%d pairs in the tree, Len says %d", pairs, x.Len())
	}
	return nodes
}

// checkTable fails t if a table is too sparse, too full or needless.
func checkTable[K comparable, V any](t *testing.T, k *kids[K, V]) {
	t.Helper()
	w := k.wide
	switch {
	case w == nil:
		if len(k.narrow) > narrowMax {
			t.Fatalf("%d children in a list", len(k.narrow))
		}
	case len(k.narrow) > 0 || w.live <= narrowAgain:
		t.Fatalf("a table for %d children beside a list of %d", w.live, len(k.narrow))
	case w.used > len(w.cells)/4*3 || len(w.cells) > tableMin && w.live < len(w.cells)/8:
		t.Fatalf("%d cells, %d used, %d live", len(w.cells), w.used, w.live)
	}
}

// checkSlot fails t for a slot that breaks the rules and returns its entries.
func checkSlot[K comparable, V any](t *testing.T, s *slot[K, V]) (entries int) {
	t.Helper()
	v := s.p.Load()
	switch {
	case v == nil:
		return 0
	case v.fork == nil:
		if len(v.list) == 0 || len(v.list) > listMax {
			t.Fatalf("a list of %d values", len(v.list))
		}
		return len(v.list)
	}
	for i := range v.fork.slots {
		entries += checkSlot(t, &v.fork.slots[i])
	}
	if int64(entries) != v.fork.count.Load() || entries <= listAgain {
		t.Fatalf("a fork of %d entries counts %d", entries, v.fork.count.Load())
	}
	return entries
}

// pair is what the tests put under: which filter and which key.
type pair struct {
	filter string
	key    int
}

// model is the truth an Index is compared with.
type model map[pair]int

// match returns the sorted values whose filter matches topic.
func (m model) match(topic string) (values []int) {
	for p, v := range m {
		if naiveMatch(p.filter, topic) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// filters returns how many values every filter has.
func (m model) filters() map[string]int {
	counts := make(map[string]int)
	for p := range m {
		counts[p.filter]++
	}
	return counts
}
