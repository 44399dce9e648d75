package bench

import (
	"sync"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// recorder gathers times. Each of its parts is shared by some connections, so
// that neither memory nor waiting grows with their number.
type recorder struct{ parts [8]recorderPart }

type recorderPart struct {
	mu   sync.Mutex
	hist *hdrhistogram.Histogram
}

const (
	shortest = 1000          // ns
	longest  = 10 * 60 * 1e9 // ns
	digits   = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(shortest, longest, digits)
}

// add records times in nanoseconds for connection number i.
func (r *recorder) add(i int, times []int64) {
	if len(times) == 0 {
		return
	}
	p := &r.parts[i%len(r.parts)]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hist == nil {
		p.hist = newHistogram()
	}
	for _, t := range times {
		_ = p.hist.RecordValue(min(max(t, 0), longest)) // bounded, so it fits
	}
}

// latency returns what was recorded, nil if nothing was.
func (r *recorder) latency() *Latency {
	sum := newHistogram()
	for i := range r.parts {
		p := &r.parts[i]
		p.mu.Lock()
		if p.hist != nil {
			sum.Merge(p.hist)
		}
		p.mu.Unlock()
	}
	if sum.TotalCount() == 0 {
		return nil
	}
	at := func(q float64) float64 { return float64(sum.ValueAtQuantile(q)) / 1000 }
	return &Latency{
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: float64(sum.Max()) / 1000, Mean: sum.Mean() / 1000,
	}
}
