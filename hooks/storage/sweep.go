package storage

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// sweep deletes shared bodies that no reference names any more, in the order of
// their numbers. It finds what the tracker has forgotten.
type sweep struct {
	passes, examined, deleted atomic.Uint64
}

// A portion of a sweep is so many bodies or so many receivers looked for, and
// the store is left alone for so many times as long as it took.
const (
	sweepPortion   = 256
	sweepReceivers = 4096
	sweepShare     = 9
	sweepLongest   = time.Hour // between two looks
)

// runSweep is started by New and ends at Close.
func (s *Store) runSweep() {
	wait := s.opts.SweepAfter
	alive := 1 // bodies the tracker does not know; before the first look nobody can tell
	for s.pause(wait) {
		alive += s.tracker.takeLost()
		if alive == 0 {
			continue
		}
		var deleted int
		var err error
		if alive, deleted, err = s.sweepAll(sweepShare); err != nil {
			alive = max(alive, 1)
		}
		if wait = min(2*wait, sweepLongest); deleted > 0 {
			wait = s.opts.SweepAfter
		}
	}
}

// Sweep looks at every message kept for several sessions now and deletes those
// that nobody needs. It returns how many stay and how many it deleted. The store
// does so by itself, seldom and slowly; tools and tests do not wait.
func (s *Store) Sweep() (kept, deleted int, err error) { return s.sweepAll(0) }

// sweepAll is one pass. After each portion it leaves the store alone for share
// times as long as that took.
func (s *Store) sweepAll(share time.Duration) (alive, deleted int, err error) {
	from, to := prefixRange(prefixReceivers)
	for {
		began := time.Now()
		p := sweepPass{store: s}
		if err := p.look(from, to); err != nil {
			return alive, deleted, err
		}
		if err := p.deleteUnneeded(); err != nil {
			return alive, deleted, err
		}
		alive, deleted = alive+p.alive, deleted+len(p.unneeded)
		s.sweep.examined.Add(uint64(p.seen))
		s.sweep.deleted.Add(uint64(len(p.unneeded)))
		if p.next == 0 {
			s.sweep.passes.Add(1)
			return alive, deleted, nil
		}
		from = appendNumberKey(nil, prefixReceivers, p.next)
		if !s.pause(share * time.Since(began)) {
			return alive, deleted, kv.ErrClosed
		}
	}
}

// sweepPass is one portion.
type sweepPass struct {
	store       *Store
	seen, asked int
	alive       int
	unneeded    []uint64
	next        uint64 // where the next portion begins, 0 if there is none
	key, value  []byte
}

func (p *sweepPass) look(from, to []byte) error {
	var failed error
	err := p.store.records.scan(from, to, func(key []byte, d decoder) (bool, error) {
		if len(key) != numberKeySize {
			return true, errKeyShape
		}
		id := numberIn(key)
		if p.seen == sweepPortion || p.asked >= sweepReceivers {
			p.next = id
			return false, nil
		}
		p.seen++
		needed, err := false, error(nil)
		bad := d.receivers(func(r receiver) bool {
			p.asked++
			needed, err = p.refers(r, id)
			return !needed && err == nil
		})
		switch {
		case err != nil:
			failed = err
			return false, nil
		case bad != nil:
			return true, bad
		case needed:
			p.alive++
		default:
			p.unneeded = append(p.unneeded, id)
		}
		return true, nil
	})
	if err == nil {
		err = failed
	}
	return err
}

// refers reports whether the receiver's reference is there and names the body.
// One that cannot be read may do so.
func (p *sweepPass) refers(r receiver, id uint64) (bool, error) {
	p.key = appendReferenceKey(p.key[:0], r.session, r.place)
	var err error
	p.value, err = p.store.committer.Get(p.key, p.value[:0])
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	if _, damaged := errors.AsType[*kv.CorruptError](err); damaged {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	named, bad := sharedIn(p.value)
	return bad != nil || named == id, nil
}

func (p *sweepPass) deleteUnneeded() error {
	if len(p.unneeded) == 0 {
		return nil
	}
	var b kv.Batch
	for _, id := range p.unneeded {
		p.key = appendNumberKey(p.key[:0], prefixBody, id)
		b.Delete(p.key)
		p.key = appendNumberKey(p.key[:0], prefixReceivers, id)
		b.Delete(p.key)
	}
	return p.store.await(&b, kv.Lazy)
}

// Compact removes what nobody needs any more and lets the engine give the space
// back, as far as it can. The store may be in use meanwhile.
func (s *Store) Compact() error {
	for more := true; more; {
		var err error
		if more, err = s.purgePortion(); err != nil {
			return fmt.Errorf("compact store %s: %w", s.opts.Name, err)
		}
	}
	if _, _, err := s.Sweep(); err != nil {
		return fmt.Errorf("compact store %s: %w", s.opts.Name, err)
	}
	var err error
	if down := s.committer.With(func(store kv.KV) {
		if c, ok := store.(kv.Compacter); ok {
			err = c.Compact()
		}
	}); down != nil {
		err = down
	}
	if err != nil {
		return fmt.Errorf("compact store %s: %w", s.opts.Name, err)
	}
	return nil
}
