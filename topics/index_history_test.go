package topics

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// randomFilter returns a filter that is likely to meet others.
func randomFilter(r *rand.Rand) string {
	levels := make([]string, 1+r.IntN(4))
	for i := range levels {
		switch n := r.IntN(10); {
		case n < 2:
			levels[i] = "+"
		case n < 4:
			levels[i] = strconv.Itoa(r.IntN(30)) // wide nodes
		case n < 5 && i == len(levels)-1:
			levels[i] = "#"
		default:
			levels[i] = randomLevel(r)
		}
	}
	return strings.Join(levels, "/")
}

func randomLevel(r *rand.Rand) string {
	return []string{"", "a", "aa", "b", "$s", "7"}[r.IntN(6)]
}

func randomTopic(r *rand.Rand) string {
	for {
		levels := make([]string, 1+r.IntN(5))
		for i := range levels {
			levels[i] = randomLevel(r)
		}
		if topic := strings.Join(levels, "/"); topic != "" {
			return topic
		}
	}
}

// TestIndexHistories plays seeded random histories on an Index and a model.
// Every answer is compared, also those cached under a Generation.
func TestIndexHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			playHistory(t, rand.New(rand.NewPCG(seed, 1)), 6000)
		})
	}
}

type cached struct {
	gen    uint64
	values []int
}

func playHistory(t *testing.T, r *rand.Rand, steps int) {
	var x Index[int, int]
	truth := make(model)
	cache := make(map[string]cached)
	var live []pair
	for step := range steps {
		growing := step/1500%2 == 0 // else shrinking
		if p := (pair{randomFilter(r), r.IntN(40)}); p.filter != "" && r.IntN(4) < 3 == growing {
			_, want := truth[p]
			if got := x.Put(p.filter, p.key, step); got != want {
				t.Fatalf("step %d: Put(%v) = %v", step, p, got)
			}
			if !want {
				live = append(live, p)
			}
			truth[p] = step
		} else if len(live) > 0 {
			i := r.IntN(len(live))
			p = live[i]
			live = slices.Delete(live, i, i+1)
			delete(truth, p)
			if !x.Delete(p.filter, p.key) || x.Delete(p.filter, p.key) {
				t.Fatalf("step %d: Delete(%v)", step, p)
			}
		}
		checkTopic(t, &x, truth, cache, randomTopic(r))
		if step%500 == 0 {
			checkAll(t, &x, truth)
		}
	}
	for p := range truth {
		x.Delete(p.filter, p.key)
	}
	if got := shapeOf(t, &x); got != 0 || x.Len() != 0 {
		t.Fatalf("%d nodes and %d pairs stay behind", got, x.Len())
	}
}

// checkTopic compares Match and the cached result with the model.
func checkTopic(t *testing.T, x *Index[int, int], truth model, cache map[string]cached, topic string) {
	t.Helper()
	want := truth.match(topic)
	gen := x.Generation(topic)
	got := x.Match(topic, nil)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("Match(%q) = %v, want %v", topic, got, want)
	}
	if c, ok := cache[topic]; ok && c.gen == gen && !slices.Equal(c.values, want) {
		t.Fatalf("generation %d of %q stands for %v and %v", gen, topic, c.values, want)
	}
	cache[topic] = cached{gen, got}
}

// checkAll compares Get, Filters, Len and the shape with the model.
func checkAll(t *testing.T, x *Index[int, int], truth model) {
	t.Helper()
	for p, want := range truth {
		if got, ok := x.Get(p.filter, p.key); got != want || !ok {
			t.Fatalf("Get(%v) = %v, %v, want %v", p, got, ok, want)
		}
	}
	counts := maps.Collect(x.Filters)
	if want := truth.filters(); !maps.Equal(counts, want) {
		t.Fatalf("Filters = %v, want %v", counts, want)
	}
	if nodes := shapeOf(t, x); nodes > 2*len(counts) {
		t.Fatalf("%d nodes for %d filters", nodes, len(counts))
	}
}

// FuzzIndex reads operations from bytes and compares the Index with a model.
func FuzzIndex(f *testing.F) {
	f.Add([]byte("+a/b\x00+a/+\x00?a/b\x00-a/b\x00?a/b"))
	f.Add([]byte("+#\x00+$s/#\x00+/#\x00?$s/a\x00?/\x00-#\x00-/#"))
	f.Add([]byte("+a/b/c\x00+a/b/d\x00+a\x00-a/b/c\x00-a\x00?a/b/d"))
	f.Add([]byte("+#/a\x00+#\x00+a/#/b\x00+a/#\x00-#/a\x00-a/#/b\x00?a"))
	f.Add([]byte("+a/#/b\x00+a\x00?a/#/b"))
	f.Fuzz(func(t *testing.T, script []byte) {
		var x Index[int, int]
		truth := make(model)
		for i, op := range strings.Split(string(script), "\x00") {
			if len(op) < 2 {
				continue
			}
			p := pair{filter: op[1:]}
			_, have := truth[p]
			switch op[0] {
			case '+':
				if got := x.Put(p.filter, 0, i); got != have {
					t.Fatalf("Put(%q) = %v", p.filter, got)
				}
				truth[p] = i
			case '-':
				if got := x.Delete(p.filter, 0); got != have {
					t.Fatalf("Delete(%q) = %v", p.filter, got)
				}
				delete(truth, p)
			case '?':
				if strings.ContainsAny(p.filter, "+#") {
					x.Match(p.filter, nil) // no Topic Name: any answer, but no panic
					continue
				}
				checkTopic(t, &x, truth, map[string]cached{}, p.filter)
			}
		}
		checkAll(t, &x, truth)
	})
}
