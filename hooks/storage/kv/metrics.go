package kv

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Buckets is the number of buckets of a Histogram.
const Buckets = 40

// Histogram counts values by powers of two: Counts[i] holds those in
// [2^(i-1), 2^i), Counts[0] the zeros, the last one everything above.
type Histogram struct {
	Counts [Buckets]uint64
	Sum    uint64
}

// Upper returns the bound below which the values of bucket i lie.
func (Histogram) Upper(i int) uint64 { return 1 << i }

// CommitterStats are the Committer's figures since it was started.
type CommitterStats struct {
	Commits     uint64 // Apply calls
	Submissions uint64
	Operations  uint64
	Bytes       uint64
	Refused     uint64 // submissions completed with an error that Refused knows
	Failed      uint64 // submissions completed with another error
	Reopens     uint64
	Pending     int64 // bytes, now

	ApplyTime  Histogram // nanoseconds per Apply
	CommitTime Histogram // nanoseconds from the first submission of a batch to its end
	BatchSize  Histogram // submissions per Apply
}

// Stats returns the figures now; they are read one by one.
func (c *Committer) Stats() CommitterStats {
	n := &c.counters
	return CommitterStats{
		Commits: n.commits.Load(), Submissions: n.submissions.Load(), Operations: n.operations.Load(),
		Bytes: n.bytes.Load(), Refused: n.refused.Load(), Failed: n.failed.Load(),
		Reopens: n.reopens.Load(), Pending: c.pending.Load(),
		ApplyTime: n.applyTime.read(), CommitTime: n.commitTime.read(), BatchSize: n.batchSize.read(),
	}
}

// counters are written by the Committer's loop and read by anyone.
type counters struct {
	commits, submissions, operations, bytes, refused, failed, reopens atomic.Uint64
	applyTime, commitTime, batchSize                                  histogram
}

func (n *counters) applied(b *Batch, took time.Duration, err error) {
	n.commits.Add(1)
	n.applyTime.add(uint64(took))
	if err == nil {
		n.operations.Add(uint64(b.Len()))
		n.bytes.Add(uint64(b.Size()))
	}
}

// group counts the submissions of g, which had the result err.
func (n *counters) group(g *group, err error) {
	n.submissions.Add(uint64(len(g.waiters)))
	n.batchSize.add(uint64(len(g.waiters)))
	n.commitTime.add(uint64(time.Since(g.since)))
	for i := range g.waiters {
		w := &g.waiters[i]
		switch {
		case w.err != nil, err != nil && Refused(err) && w.grows:
			n.refused.Add(1)
		case err != nil && !Refused(err):
			n.failed.Add(1)
		}
	}
}

type histogram struct {
	counts [Buckets]atomic.Uint64
	sum    atomic.Uint64
}

func (h *histogram) add(v uint64) {
	h.counts[min(bits.Len64(v), Buckets-1)].Add(1)
	h.sum.Add(v)
}

func (h *histogram) read() (r Histogram) {
	for i := range h.counts {
		r.Counts[i] = h.counts[i].Load()
	}
	r.Sum = h.sum.Load()
	return r
}
