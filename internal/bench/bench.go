package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// bench is one run of a pattern.
type bench struct {
	cfg    Config
	ctx    context.Context //nolint:containedctx // a run lives as long as the call that has it
	target *target
	base   time.Time // the zero of now
	tag    uint64    // of this run's stamps and client identifiers
	filler []byte
	broker *process
	res    *Result

	recorder  recorder
	acks      recorder    // times of acknowledgements beside those of deliveries
	measuring atomic.Bool // record counts

	mu         sync.Mutex // while publishers are added to a run that is sampled
	publishers []*publisher
	receivers  []*receiver
	copies     int64 // deliveries expected of each message
	readers    sync.WaitGroup

	failOnce sync.Once
	failed   chan struct{} // closed at the first error of any goroutine
	failure  error         // set before failed is closed
}

// Run carries out a pattern. It returns an error if the run could not be
// carried out to its end; the result tells then what was seen until there, and
// is nil if nothing was. Loss is no error: see [Result.OK].
func Run(ctx context.Context, cfg Config) (*Result, error) {
	s := shapeOf(cfg.Pattern)
	if s == nil {
		return nil, fmt.Errorf("pattern %q is none of %v", cfg.Pattern, Patterns())
	}
	return runWith(ctx, cfg, s.run)
}

// runWith makes a bench, runs f with it and ends it.
func runWith(ctx context.Context, cfg Config, f func(*bench) error) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := newBench(ctx, cfg)
	if err != nil {
		return nil, err
	}
	stopped := context.AfterFunc(ctx, func() { b.fail(ctx.Err()) })
	defer stopped()
	err = f(b)
	b.close()
	select {
	case <-b.failed:
		if !errors.Is(err, b.failure) {
			err = errors.Join(err, b.failure)
		}
	default:
	}
	b.res.finish(err)
	return b.res, err
}

func newBench(ctx context.Context, cfg Config) (*bench, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := newTarget(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	b := &bench{
		cfg: cfg, ctx: ctx, target: t, base: time.Now(), tag: rand.Uint64(),
		filler: newFiller(cfg.Size), failed: make(chan struct{}),
	}
	b.res = &Result{
		Pattern: cfg.Pattern, URL: cfg.URL, Version: byte(cfg.Version), QoS: cfg.QoS, Size: cfg.Size,
		Publishers: cfg.Publishers, Subscribers: cfg.Subscribers,
	}
	b.broker, err = newProcess(cfg.PID)
	return b, err
}

func (b *bench) now() int64 { return int64(time.Since(b.base)) }

// record records times in nanoseconds if the run is being measured.
func (b *bench) record(i int, times []int64) {
	if b.measuring.Load() {
		b.recorder.add(i, times)
	}
}

// recordAcks records times of acknowledgements. They count if deliveries do, and
// while a queue is filled that nobody receives.
func (b *bench) recordAcks(i int, times []int64) {
	if b.measuring.Load() || b.cfg.Pattern == "offline" {
		b.acks.add(i, times)
	}
}

// fail ends the run with its first error.
func (b *bench) fail(err error) {
	b.failOnce.Do(func() {
		b.failure = err
		close(b.failed)
	})
}

// pause waits, and returns false if the run failed meanwhile.
func (b *bench) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.failed:
		return false
	}
}

// clientID names a connection of this run, in at most 23 characters, as MQTT
// 3.1 wants it.
func (b *bench) clientID(kind string, i int) string {
	return fmt.Sprintf("b%06x-%s%d", b.tag&0xFFFFFF, kind, i)
}

// atOnce is how many connections are opened at the same time.
const atOnce = 32

// each calls f for 0 to n-1, some at a time, until one returns an error.
func (b *bench) each(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	var once sync.Once
	var first error
	for range min(n, atOnce) {
		wg.Go(func() {
			for b.ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					once.Do(func() { first = err })
					next.Store(int64(n))
				}
			}
		})
	}
	wg.Wait()
	if first == nil {
		return b.ctx.Err()
	}
	return first
}

// serve starts the reader of a connection. It ends when the connection is
// closed; bench.close waits for it.
func (b *bench) serve(c *conn, h handler) {
	b.readers.Go(func() {
		if err := c.serve(h, b.now); err != nil {
			b.fail(fmt.Errorf("client %s: %w", c.clientID, err))
		}
	})
}

// close closes all connections and waits for their readers.
func (b *bench) close() {
	var wg sync.WaitGroup
	for _, p := range b.live() {
		wg.Go(p.conn.close)
	}
	for _, r := range b.receivers {
		if r != nil {
			wg.Go(r.conn.close)
		}
	}
	wg.Wait()
	b.readers.Wait()
}
