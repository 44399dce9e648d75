package kv

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Level says what a submission waits for.
type Level uint8

const (
	// Sync submissions are done when they are on the disk.
	Sync Level = iota
	// Written submissions are done when the engine has them, and wait for no
	// sync: a crash of the process leaves them, a crash of the machine may not.
	Written
	// Lazy submissions wake nobody: they ride along with the next other one,
	// or are written without a sync after Options.LazyDelay or LazyBytes. A crash
	// may lose those that were written alone.
	Lazy
)

// Options of a Committer. Zero fields mean the default.
type Options struct {
	MaxBatch    int           // submissions in one Apply; 4096
	MaxBytes    int           // bytes in one Apply, unless one submission is larger; 1 MiB
	LazyDelay   time.Duration // the longest a Lazy submission waits; 50 ms
	LazyBytes   int           // bytes of Lazy submissions that are written at once; 256 KiB
	ReopenAfter time.Duration // the first pause before a failed store is opened anew; 100 ms
	ReopenMax   time.Duration // pauses double up to this; 10 s

	// OnState is told of every change on the Committer's own goroutines: the
	// error with which the store failed, a failed attempt to open it, and nil
	// when it is well again. It must not block and must not call Close.
	OnState func(err error)
}

// Committer is the only writer of a store. It joins the batches of any number
// of submitters into one Apply with one sync, while the next ones gather.
//
// Order: submissions take effect, and their done functions are called, in the
// order of the Submit calls, whatever their level and result.
//
// Failure: when Apply fails, and the store did not merely refuse, that batch and
// every waiting one completes with an error that matches ErrFailed, and so does
// every later one, while the Committer closes the handle, which is never used
// again, and opens a new one with growing pauses. What the failed batch did is
// unknown: it may be found in the store after reopening, whole or not at all.
type Committer struct {
	open     func() (KV, error)
	opts     Options
	counters counters
	pending  atomic.Int64 // bytes

	wake chan struct{} // holds one: something to do
	wg   sync.WaitGroup

	mu        sync.Mutex
	queue     []*group // in order of submission; the last one gathers
	free      []*group // empty ones to use next, a few
	lazyTimer *time.Timer
	lazyDue   bool
	urgent    bool // something in queue must not wait
	closing   bool
	closed    bool
	closeErr  error
	done      chan struct{} // closed when everything has ended

	handle handle
}

// NewCommitter opens a store with open and starts its Committer, or returns
// open's error. open is called again, from another goroutine, whenever the store
// has failed.
func NewCommitter(open func() (KV, error), opts Options) (*Committer, error) {
	opts.fill()
	store, err := open()
	if err != nil {
		return nil, err
	}
	c := &Committer{open: open, opts: opts, wake: make(chan struct{}, 1), done: make(chan struct{})}
	c.handle.set(store, nil)
	c.lazyTimer = time.AfterFunc(time.Hour, c.lazyTimeout)
	c.lazyTimer.Stop()
	c.wg.Go(c.run)
	return c, nil
}

func (o *Options) fill() {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&o.MaxBatch, 4096)
	set(&o.MaxBytes, 1<<20)
	set(&o.LazyBytes, 256<<10)
	wait := func(v *time.Duration, def time.Duration) {
		if *v <= 0 {
			*v = def
		}
	}
	wait(&o.LazyDelay, 50*time.Millisecond)
	wait(&o.ReopenAfter, 100*time.Millisecond)
	wait(&o.ReopenMax, 10*time.Second)
	if o.OnState == nil {
		o.OnState = func(error) {}
	}
}

// Submit hands b over and returns at once; b is copied and may be reused. done,
// which may be nil, is called exactly once, on the Committer's goroutine, with
// the result; it must not block and must not call Close, but may call Submit.
// After Close it is called with ErrClosed before Submit returns.
//
// Submit takes whatever it is given: it is for the caller to look at Pending and
// to stop reading from its clients while that is too much.
func (c *Committer) Submit(b *Batch, level Level, done func(error)) {
	if !c.Offer(b, level, done) && done != nil {
		done(ErrClosed)
	}
}

// Offer is Submit for a caller who holds a lock that done may want: after Close
// it returns false and does not call done.
func (c *Committer) Offer(b *Batch, level Level, done func(error)) bool {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return false
	}
	g := c.gatheringLocked(b.Size())
	g.add(b, level, done)
	c.pending.Add(int64(b.Size()))
	wake := c.noteLocked(g, level)
	c.mu.Unlock()
	if wake {
		c.signal()
	}
	return true
}

// Pending returns the bytes submitted and not yet done: what the Committer holds
// in memory, within a small factor.
func (c *Committer) Pending() int64 { return c.pending.Load() }

// Close writes and syncs everything submitted so far, Lazy ones too, waits for
// their done functions, closes the store and returns the first error of these
// steps. Later calls wait for the first and return the same.
func (c *Committer) Close() error {
	c.mu.Lock()
	c.closing, c.urgent = true, true
	c.mu.Unlock()
	c.signal()
	c.wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeErr
}

// gatheringLocked returns the group that takes a submission of size bytes. c.mu
// is held.
func (c *Committer) gatheringLocked(size int) *group {
	if n := len(c.queue); n > 0 {
		g := c.queue[n-1]
		if len(g.waiters) < c.opts.MaxBatch && g.batch.Size()+size <= c.opts.MaxBytes {
			return g
		}
	}
	var g *group
	if n := len(c.free); n > 0 {
		g, c.free = c.free[n-1], c.free[:n-1]
	} else {
		g = new(group)
	}
	g.since = time.Now()
	c.queue = append(c.queue, g)
	return g
}

// noteLocked reports whether the loop must be woken for the submission just
// added to g, and arms the timer for the first lazy one. c.mu is held.
func (c *Committer) noteLocked(g *group, level Level) bool {
	if c.urgent {
		return false // it has been woken and has not looked yet
	}
	if level != Lazy || len(c.queue) > 1 || g.batch.Size() >= c.opts.LazyBytes {
		c.urgent = true
		return true
	}
	if !c.lazyDue {
		c.lazyDue = true
		c.lazyTimer.Reset(c.opts.LazyDelay)
	}
	return false
}

// lazyTimeout runs on the timer's goroutine.
func (c *Committer) lazyTimeout() {
	c.mu.Lock()
	c.urgent = true
	c.mu.Unlock()
	c.signal()
}

func (c *Committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run is started by NewCommitter and ends when Close was called and the queue is
// empty. It owns the group being applied and calls every done function.
func (c *Committer) run() {
	defer close(c.done)
	for {
		<-c.wake
		for g := c.take(); g != nil; g = c.take() {
			c.commit(g)
			c.recycle(g)
			// The submitters just answered get their turn to submit again: else
			// the next sync would carry only the first of them. Measured with 64
			// who wait for each answer: 51 instead of 23 in one commit.
			runtime.Gosched()
		}
		c.mu.Lock()
		ended := c.closing && len(c.queue) == 0
		c.mu.Unlock()
		if ended {
			c.end()
			return
		}
	}
}

// take removes the oldest group if there is reason to write, else returns nil.
func (c *Committer) take() *group {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.urgent || len(c.queue) == 0 {
		c.urgent = c.closing
		return nil
	}
	g := c.queue[0]
	n := copy(c.queue, c.queue[1:])
	c.queue[n] = nil
	c.queue = c.queue[:n]
	if c.lazyDue {
		c.lazyDue = false
		c.lazyTimer.Stop()
	}
	c.urgent = c.closing || c.stillUrgentLocked()
	g.sync = g.sync || c.closing
	return g
}

// stillUrgentLocked reports whether the groups left must be written at once, and
// arms the timer if they are lazy. c.mu is held.
func (c *Committer) stillUrgentLocked() bool {
	switch {
	case len(c.queue) == 0:
		return false
	case len(c.queue) > 1 || c.queue[0].awaited:
		return true
	}
	c.lazyDue = true
	c.lazyTimer.Reset(c.opts.LazyDelay)
	return false
}

// maxFree groups are kept: one is written, one gathers, one waits at times.
const maxFree = 3

func (c *Committer) recycle(g *group) {
	g.reset()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.free) < maxFree && cap(g.batch.buf) <= 2*c.opts.MaxBytes {
		c.free = append(c.free, g)
	}
}

// commit applies g and calls its done functions.
func (c *Committer) commit(g *group) {
	err := c.apply(&g.batch, g.sync)
	if errors.Is(err, ErrNoSpace) && g.batch.Grows() {
		c.commitRemovals(g, err)
		return
	}
	c.pending.Add(-int64(g.size))
	c.counters.group(g, err)
	for _, w := range g.waiters {
		w.finish(err)
	}
}

// commitRemovals is for a disk that is nearly full: what stores is turned away,
// what only removes is written, since nothing else makes room.
func (c *Committer) commitRemovals(g *group, refusal error) {
	var removals Batch
	for _, w := range g.waiters {
		if w.err == nil && !w.grows {
			removals.buf = append(removals.buf, g.batch.buf[w.start:w.end]...)
			removals.n += w.ops
		}
	}
	err := c.apply(&removals, g.sync)
	c.pending.Add(-int64(g.size))
	c.counters.group(g, refusal)
	for _, w := range g.waiters {
		if w.grows {
			w.finish(refusal)
		} else {
			w.finish(err)
		}
	}
}

// apply writes b to the current handle; the first failure condemns it.
func (c *Committer) apply(b *Batch, durable bool) error {
	store, err := c.handle.writer()
	if err != nil {
		return err
	}
	if b.Len() == 0 {
		return nil
	}
	began := time.Now()
	err = store.Apply(b, durable)
	c.counters.applied(b, time.Since(began), err)
	if err == nil || Refused(err) {
		return err
	}
	if !errors.Is(err, ErrFailed) {
		err = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	c.handle.fail(err)
	c.opts.OnState(err)
	c.wg.Go(func() { c.reopen(store) })
	return err
}

// reopen is started by apply when the store has failed; it ends when the store
// is open again or the Committer is done. It owns the failed handle.
func (c *Committer) reopen(failed KV) {
	c.handle.drain()
	if err := failed.Close(); err != nil {
		c.opts.OnState(fmt.Errorf("close failed store: %w", err))
	}
	for pause := c.opts.ReopenAfter; ; pause = min(2*pause, c.opts.ReopenMax) {
		timer := time.NewTimer(pause)
		select {
		case <-c.done:
			timer.Stop()
			return
		case <-timer.C:
		}
		store, err := c.open()
		if err == nil {
			c.counters.reopens.Add(1)
			c.reopened(store)
			return
		}
		c.opts.OnState(fmt.Errorf("reopen store: %w", err))
	}
}

// reopened puts the new handle in place, or away if nobody wants it any more.
func (c *Committer) reopened(store KV) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.handle.set(store, nil)
	}
	c.mu.Unlock()
	if !closed {
		c.opts.OnState(nil)
	} else if err := store.Close(); err != nil {
		c.opts.OnState(fmt.Errorf("close reopened store: %w", err))
	}
}

// end closes the store after the last group. No lock is held while it waits for
// readers, who may call Submit.
func (c *Committer) end() {
	c.mu.Lock()
	c.closed = true
	c.lazyTimer.Stop()
	c.mu.Unlock()
	store, err := c.handle.writer()
	c.handle.fail(ErrClosed)
	if err == nil { // else reopen owns the store
		c.handle.drain()
		err = store.Close()
	}
	c.mu.Lock()
	c.closeErr = err
	c.mu.Unlock()
}
