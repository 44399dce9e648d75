package bench

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// runConnect opens connections, measures how fast that goes and, after they
// rested, what the broker's process needs for each.
func runConnect(b *bench) error {
	var before int64
	if b.broker != nil {
		before = b.broker.memory()
	}
	conns := make([]*conn, b.cfg.Subscribers)
	defer closeAll(conns)
	var opened atomic.Int64
	b.measuring.Store(true)
	from := b.sample()
	p := newPace(b.cfg.Rate, 0, 1, from.at)
	err := b.each(len(conns), func(i int) error {
		start := b.now()
		if p.interval > 0 {
			start = p.at(int64(i))
			if wait := start - b.now(); wait > 0 && !b.pause(time.Duration(wait)) {
				return b.failure
			}
		}
		c, err := b.connect(b.ctx, identity{clientID: b.clientID("c", i)})
		if err != nil {
			return err
		}
		conns[i] = c
		opened.Add(1)
		b.record(i, []int64{b.now() - start})
		return nil
	})
	to := b.sample()
	n := opened.Load()
	b.rate(n, from, to)
	b.res.Expected, b.res.Received = int64(len(conns)), n
	b.res.Latency = b.recorder.latency()
	if err != nil || b.broker == nil || n == 0 {
		return err
	}
	if b.cfg.Idle > 0 && !b.pause(b.cfg.Idle) {
		return errors.New("interrupted while the connections rested")
	}
	b.res.BrokerMemory = b.broker.memory()
	b.res.figure("memory per connection", float64(b.res.BrokerMemory-before)/float64(n), "bytes")
	rested := b.sample()
	if b.pause(time.Second) {
		b.res.figure("CPU of idle connections", 100*float64(b.sample().broker-rested.broker)/float64(time.Second), "%")
	}
	return nil
}

func closeAll(conns []*conn) {
	var wg sync.WaitGroup
	const groups = 16
	for g := range groups {
		wg.Go(func() {
			for i := g; i < len(conns); i += groups {
				if conns[i] != nil {
					conns[i].close()
				}
			}
		})
	}
	wg.Wait()
}

// runSubscribe makes subscriptions over some connections, one per SUBSCRIBE
// with many on their way, and measures how fast they are granted.
func runSubscribe(b *bench) error {
	conns := make([]*conn, b.cfg.Subscribers)
	defer closeAll(conns)
	err := b.each(len(conns), func(i int) (err error) {
		conns[i], err = b.connect(b.ctx, identity{clientID: b.clientID("s", i)})
		return err
	})
	if err != nil {
		return err
	}
	var granted atomic.Int64
	b.measuring.Store(true)
	from := b.sample()
	err = b.each(len(conns), func(i int) error {
		var times []int64
		for k := i; k < b.cfg.Filters; k += len(conns) {
			start := b.now()
			if err := conns[i].subscribe(uint16(k/len(conns)%65535+1), b.cfg.QoS, b.cfg.topic(k)); err != nil {
				return err
			}
			granted.Add(1)
			times = append(times, b.now()-start)
		}
		b.record(i, times)
		return nil
	})
	b.rate(granted.Load(), from, b.sample())
	b.res.Expected, b.res.Received = int64(b.cfg.Filters), granted.Load()
	b.res.Latency = b.recorder.latency()
	return err
}
