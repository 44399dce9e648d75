package bench

import (
	"slices"
	"sync"
)

// runStress does what mqtt-stresser does: every client publishes all its
// messages at once, as fast as the socket takes them, and only then begins to
// receive them; both parts are timed for each client. Its figures compare
// brokers with one another. They are no rates of the broker, which works on
// while nobody receives, and its table of another machine is another table.
func runStress(b *bench) error {
	l := b.layout()
	l.window = 0
	if err := b.setUp(l); err != nil {
		return err
	}
	n := len(b.publishers)
	publish, receive := make([]float64, n), make([]float64, n)
	b.measuring.Store(true)
	from := b.sample()
	var wg sync.WaitGroup
	for i, p := range b.publishers {
		p.limit.Store(b.cfg.Count)
		b.serve(p.conn, p)
		wg.Go(func() {
			if err := p.run(b.failed); err != nil {
				b.fail(err)
			}
			begin := b.now()
			r := b.receivers[i]
			b.serve(r.conn, r)
			b.await(r.received.Load, p.sent.Load())
			publish[i] = perSecond(p.sent.Load(), p.ended.Load()-p.began.Load())
			receive[i] = perSecond(r.received.Load(), r.seen.Load()-begin)
		})
	}
	wg.Wait()
	b.drain()
	to := b.sample()
	to.at = max(b.lastSeen(), from.at)
	b.collect(from, to)
	b.spread("publish", publish)
	b.spread("receive", receive)
	return nil
}

// perSecond is the rate of n events in ns nanoseconds, at least a microsecond.
func perSecond(n, ns int64) float64 { return float64(n) * 1e9 / float64(max(ns, 1000)) }

// spread adds the figures of one table row.
func (b *bench) spread(what string, rates []float64) {
	slices.Sort(rates)
	n := len(rates)
	b.res.figure(what+" fastest", rates[n-1], "1/s")
	b.res.figure(what+" median", (rates[(n-1)/2]+rates[n/2])/2, "1/s")
	b.res.figure(what+" slowest", rates[0], "1/s")
}
