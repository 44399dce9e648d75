package topics

import (
	"runtime"
	"strconv"
	"testing"
)

// crowd fills an Index as a fleet does: every device with a filter of its own,
// "fleet/<group>/<device>/state", and every tenth with a wildcard.
func crowd(n int) *Index[uint64, *int] {
	x := new(Index[uint64, *int])
	v := new(int)
	for i := range n {
		x.Put(crowdFilter(i), uint64(i), v)
	}
	return x
}

func crowdFilter(i int) string {
	last := "/state"
	if i%10 == 0 {
		last = "/+"
	}
	return "fleet/" + strconv.Itoa(i%1000) + "/" + strconv.Itoa(i) + last
}

func crowdTopic(i int) string {
	return "fleet/" + strconv.Itoa(i%1000) + "/" + strconv.Itoa(i) + "/state"
}

var crowds = []struct {
	name string
	n    int
}{{"1", 1}, {"1k", 1000}, {"100k", 100_000}, {"1M", 1_000_000}}

// spread is how many topics the benchmarks take in turn: too many for the
// processor's caches to hold all that they touch.
const spread = 1 << 16

// BenchmarkMatch matches topics spread over the whole Index: each meets the
// filter of one device, or none.
func BenchmarkMatch(b *testing.B) {
	for _, c := range crowds {
		x := crowd(c.n)
		hit, miss := make([]string, spread), make([]string, spread)
		for i := range hit {
			hit[i] = crowdTopic(i * 7919 % c.n)
			miss[i] = crowdTopic(c.n + i*7919)
		}
		for _, bench := range []struct {
			name   string
			topics []string
			want   int
		}{{"hit", hit, 1}, {"miss", miss, 0}} {
			b.Run(c.name+"/"+bench.name, func(b *testing.B) {
				b.ReportAllocs()
				var dst []*int
				i := 0
				for b.Loop() {
					if dst = x.Match(bench.topics[i%spread], dst[:0]); len(dst) != bench.want {
						b.Fatalf("%d values for %q", len(dst), bench.topics[i%spread])
					}
					i++
				}
			})
		}
	}
}

// BenchmarkMatchFlat matches in one node with a million children.
func BenchmarkMatchFlat(b *testing.B) {
	var x Index[uint64, *int]
	v := new(int)
	for i := range 1_000_000 {
		x.Put("d/"+strconv.Itoa(i)+"/s", 0, v)
	}
	topics := make([]string, spread)
	for i := range topics {
		topics[i] = "d/" + strconv.Itoa(i*7919%1_000_000) + "/s"
	}
	b.ReportAllocs()
	var dst []*int
	i := 0
	for b.Loop() {
		dst = x.Match(topics[i%spread], dst[:0])
		i++
	}
}

// BenchmarkMatchSubscribers matches a filter that many have.
func BenchmarkMatchSubscribers(b *testing.B) {
	for _, c := range crowds {
		b.Run(c.name, func(b *testing.B) {
			var x Index[uint64, *int]
			v := new(int)
			for i := range c.n {
				x.Put("news/#", uint64(i), v)
			}
			b.ReportAllocs()
			dst := make([]*int, 0, c.n)
			for b.Loop() {
				dst = x.Match("news/today", dst[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.n), "ns/value")
		})
	}
}

// BenchmarkMatchPlus matches a topic that every one of 64 filters matches.
func BenchmarkMatchPlus(b *testing.B) {
	var x Index[int, int]
	for i, f := range words([]string{"a", "+"}, 6) {
		x.Put(f, 1, i)
	}
	b.ReportAllocs()
	var dst []int
	for b.Loop() {
		dst = x.Match("a/a/a/a/a/a", dst[:0])
	}
}

// BenchmarkFill puts a million filters, or a million keys under one filter,
// and reports the memory they take, keys and values included.
func BenchmarkFill(b *testing.B) {
	const n = 1_000_000
	for _, bench := range []struct {
		name   string
		filter func(i int) string
	}{
		{"fleet", crowdFilter},
		{"short", func(i int) string { return "d/" + strconv.Itoa(i) }},
		{"subscribers", func(int) string { return "news/#" }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			filters := make([]string, n)
			for i := range filters {
				filters[i] = bench.filter(i)
			}
			v := new(int)
			for b.Loop() {
				b.StopTimer()
				before := heapBytes()
				b.StartTimer()
				x := new(Index[uint64, *int])
				for i, f := range filters {
					x.Put(f, uint64(i), v)
				}
				b.StopTimer()
				b.ReportMetric(float64(heapBytes()-before)/n, "B/filter")
				b.StartTimer()
				for i, f := range filters {
					x.Delete(f, uint64(i))
				}
				b.StopTimer()
				if x.root.kids.Load() != nil {
					b.Fatal("something stays")
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*n), "ns/change")
		})
	}
}

// heapBytes returns the memory in use after a collection.
func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPutDelete changes one filter among a million.
func BenchmarkPutDelete(b *testing.B) {
	x := crowd(1_000_000)
	v := new(int)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f := crowdFilter(1_000_000 + i%1_000_000)
		x.Put(f, 0, v)
		x.Delete(f, 0)
		i++
	}
}

// BenchmarkMatchParallel matches on all processors at once.
func BenchmarkMatchParallel(b *testing.B) {
	x := crowd(100_000)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var dst []*int
		for pb.Next() {
			dst = x.Match("fleet/7/7007/state", dst[:0])
		}
	})
}

func BenchmarkGeneration(b *testing.B) {
	var x Index[uint64, *int]
	x.Put("fleet/#", 1, nil)
	b.ReportAllocs()
	for b.Loop() {
		if x.Generation("fleet/7/7007/state") == 0 {
			b.Fatal("no generation")
		}
	}
}

func BenchmarkValidName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := ValidName("fleet/7/7007/state"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMatchAllocates is the ceiling of the hot path: no allocation when dst
// has room, also beside wide nodes, forks and open branches.
func TestMatchAllocates(t *testing.T) {
	x := crowd(2000)
	for _, f := range words([]string{"fleet", "+", "7"}, 4) {
		x.Put(f+"/#", 1, nil)
	}
	for i := range 100 {
		x.Put("fleet/#", uint64(i), nil)
	}
	dst := make([]*int, 0, 1000)
	for _, topic := range []string{crowdTopic(1007), "fleet/7/7/7/7/7", "a", "$SYS/a", "/////"} {
		if n := testing.AllocsPerRun(100, func() { dst = x.Match(topic, dst[:0]) }); n != 0 {
			t.Errorf("%v allocations for %q, want 0", n, topic)
		}
		if n := testing.AllocsPerRun(100, func() { x.Generation(topic); Match("fleet/+/#", topic) }); n != 0 {
			t.Errorf("%v allocations for the generation of %q, want 0", n, topic)
		}
	}
	if len(x.Match("fleet/7/7/7/7/7", nil)) < 100 {
		t.Error("the topic with all branches matches too little")
	}
}
