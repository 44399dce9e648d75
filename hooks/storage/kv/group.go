package kv

import "time"

// group is what goes into one Apply. The Committer's queue owns it while it
// gathers, its loop while it is written.
type group struct {
	batch   Batch
	waiters []waiter
	size    int       // bytes submitted, those refused included
	sync    bool      // somebody waits for the disk
	awaited bool      // not all are lazy
	since   time.Time // when the first one came
}

// waiter is one submission: its part of the batch and whom to tell.
type waiter struct {
	done       func(error)
	err        error // refused before it was joined
	start, end int   // its bytes in group.batch.buf
	ops        int
	grows      bool
}

// add joins b, unless it was filled wrongly: then its submitter is told in turn
// and nobody else suffers.
func (g *group) add(b *Batch, level Level, done func(error)) {
	w := waiter{done: done, err: b.Err(), start: g.batch.Size()}
	if w.err == nil {
		g.batch.Append(b)
		w.ops, w.grows = b.Len(), b.Grows()
	}
	w.end = g.batch.Size()
	g.waiters = append(g.waiters, w)
	g.size += b.Size()
	g.sync = g.sync || level == Sync
	g.awaited = g.awaited || level != Lazy
}

func (g *group) reset() {
	g.batch.Reset()
	clear(g.waiters) // lets go of what the done functions hold
	g.waiters, g.size, g.sync, g.awaited = g.waiters[:0], 0, false, false
}

func (w *waiter) finish(err error) {
	if w.err != nil {
		err = w.err
	}
	if w.done != nil {
		w.done(err)
	}
}
