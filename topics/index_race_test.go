package topics

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// mark is the value of the concurrent tests: the pair it stands for and which
// of the pair's changes put it.
type mark struct {
	pair    int
	version int64
}

// history is what is known about the changes of one pair. Odd versions are
// Puts, even ones Deletes, 0 is the empty start.
type history struct {
	filter, topic string
	begun, done   atomic.Int64
}

// step makes the next change of pair i.
func (h *history) step(t *testing.T, x *Index[int, mark], i int) {
	v := h.begun.Add(1)
	if v%2 == 1 {
		if x.Put(h.filter, i, mark{i, v}) {
			t.Errorf("Put(%q, %d) replaced", h.filter, i)
		}
	} else if !x.Delete(h.filter, i) {
		t.Errorf("Delete(%q, %d) found nothing", h.filter, i)
	}
	h.done.Store(v)
}

// check matches the topic of h and looks at every pair that it concerns: what
// was done before must be seen, what had not begun must not, nothing twice.
func (h *history) check(t *testing.T, x *Index[int, mark], all []history, dst []mark) []mark {
	before := make(map[int]int64)
	for i := range all {
		if Match(all[i].filter, h.topic) {
			before[i] = all[i].done.Load()
		}
	}
	dst = x.Match(h.topic, dst[:0])
	seen := make(map[int]int64)
	for _, m := range dst {
		if _, twice := seen[m.pair]; twice {
			t.Errorf("pair %d twice for %q", m.pair, h.topic)
		}
		if _, ok := before[m.pair]; !ok {
			t.Errorf("pair %d of %q does not match %q", m.pair, all[m.pair].filter, h.topic)
		}
		seen[m.pair] = m.version
	}
	for i, done := range before {
		begun := all[i].begun.Load()
		version, ok := seen[i]
		switch {
		case ok && (version < done || version > begun):
			t.Errorf("pair %d: saw version %d, between %d and %d were true", i, version, done, begun)
		case !ok && done == begun && done%2 == 1:
			t.Errorf("pair %d: missed version %d", i, done)
		}
	}
	return dst
}

// raceHistories returns pairs whose filters meet in all shapes of the tree.
func raceHistories() []history {
	var all []history
	add := func(filter, topic string) {
		all = append(all, history{filter: filter, topic: topic})
	}
	for i := range 40 { // one filter with many keys: forks
		add("many/+", "many/"+strconv.Itoa(i%3))
	}
	for i := range 40 { // one node with many children: tables
		add("wide/"+strconv.Itoa(i), "wide/"+strconv.Itoa(i))
	}
	for _, f := range []string{ // splits and joins
		"a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/#", "a/b/c/e", "a/#", "#", "+/b/#", "+/b/c/d", "a/+/c/d", "a/b/+/d",
	} {
		add(f, "a/b/c/d")
	}
	return all
}

// TestIndexConcurrent lets writers change pairs of their own while readers
// match, and holds every answer against what had begun and what was done.
func TestIndexConcurrent(t *testing.T) {
	t.Parallel()
	const writers, readers, steps = 4, 3, 4000
	var x Index[int, mark]
	all := raceHistories()
	var writing, reading sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 2))
			for range steps {
				i := r.IntN(len(all)/writers)*writers + w
				all[i].step(t, &x, i)
			}
		})
	}
	for n := range readers {
		reading.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 3))
			var dst []mark
			for {
				dst = all[r.IntN(len(all))].check(t, &x, all, dst)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	reading.Go(func() {
		for {
			for f, n := range x.Filters {
				if n < 1 || ValidFilter(f) != nil {
					t.Errorf("filter %q with %d values", f, n)
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	writing.Wait()
	close(stop)
	reading.Wait()
	shapeOf(t, &x)
	for i := range all { // nothing runs any more: every answer is exact
		all[i].check(t, &x, all, nil)
		_, ok := x.Get(all[i].filter, i)
		if want := all[i].done.Load()%2 == 1; ok != want {
			t.Errorf("Get(%q, %d) = %v", all[i].filter, i, ok)
		}
	}
}

// TestIndexReplaceIsSeamless replaces a value while readers match: exactly one
// version is there at any time, and versions never run backwards.
func TestIndexReplaceIsSeamless(t *testing.T) {
	t.Parallel()
	for _, crowd := range []int{1, 10, 200} { // list, list, fork
		t.Run(strconv.Itoa(crowd), func(t *testing.T) {
			t.Parallel()
			var x Index[int, mark]
			for i := range crowd {
				x.Put("a/b", i, mark{i, 0})
			}
			var readers sync.WaitGroup
			stop := make(chan struct{})
			for range 2 {
				readers.Go(func() {
					last := int64(0)
					var dst []mark
					for {
						dst = x.Match("a/b", dst[:0])
						i := slices.IndexFunc(dst, func(m mark) bool { return m.pair == 0 })
						if len(dst) != crowd || i < 0 || dst[i].version < last {
							t.Errorf("%d values of %d, the replaced one at %d, version after %d", len(dst), crowd, i, last)
							return
						}
						last = dst[i].version
						select {
						case <-stop:
							return
						default:
						}
					}
				})
			}
			for v := range int64(3000) {
				if !x.Put("a/b", 0, mark{0, v + 1}) {
					t.Error("Put did not replace")
				}
				for _, f := range []string{"a/b/c", "a/c", "a", "b"} { // split and join around it
					x.Put(f, 0, mark{})
					x.Delete(f, 0)
				}
			}
			close(stop)
			readers.Wait()
		})
	}
}

// TestGenerationConcurrent caches results as a router does, while others
// write. A result cached under the last generation must be the last truth.
func TestGenerationConcurrent(t *testing.T) {
	t.Parallel()
	var x Index[int, int]
	topics := []string{"a/b", "$s/b", "c", "/b"}
	filters := []string{"a/b", "a/+", "+/b", "#", "$s/#", "c", "/#"}
	const readers = 3
	caches := make([]map[string]cached, readers)
	var writing, reading sync.WaitGroup
	stop := make(chan struct{})
	for i := range readers {
		caches[i] = make(map[string]cached)
		reading.Go(func() {
			for {
				for _, topic := range topics {
					gen := x.Generation(topic)
					if c, ok := caches[i][topic]; !ok || c.gen != gen {
						caches[i][topic] = cached{gen, x.Match(topic, nil)}
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for w := range 2 {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 4))
			for step := range 5000 {
				f := filters[r.IntN(len(filters))]
				if r.IntN(2) == 0 {
					x.Put(f, w, w*10_000+step)
				} else {
					x.Delete(f, w)
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	reading.Wait()
	for i := range caches {
		for _, topic := range topics {
			c, want := caches[i][topic], x.Match(topic, nil)
			slices.Sort(c.values)
			slices.Sort(want)
			if c.gen == x.Generation(topic) && !slices.Equal(c.values, want) {
				t.Errorf("generation %d of %q stands for %v, now %v", c.gen, topic, c.values, want)
			}
		}
	}
}

// TestGenerationOutdates makes one change at a time under a caching reader.
// When the reader has looked again, it must not keep the result from before,
// as it would if changes were counted before they are visible.
//
// It is not parallel: reader and writer need a processor each.
func TestGenerationOutdates(t *testing.T) {
	var x Index[int, int]
	var latest atomic.Pointer[cached]
	var looks atomic.Int64
	var reader sync.WaitGroup
	stop := make(chan struct{})
	reader.Go(func() {
		for {
			gen := x.Generation("a/b")
			if c := latest.Load(); c == nil || c.gen != gen {
				latest.Store(&cached{gen, x.Match("a/b", nil)})
			}
			looks.Add(1)
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	filters := []string{"a/b", "+/b", "a/#"}
	for i := range 1000 {
		f := filters[i%len(filters)]
		x.Put(f, 0, i)
		for seen := looks.Load(); looks.Load() < seen+2; {
			runtime.Gosched()
		}
		if c := latest.Load(); !slices.Contains(c.values, i) {
			t.Errorf("the reader keeps %v after %d was put under %q", c.values, i, f)
			break
		}
	}
	close(stop)
	reader.Wait()
}
