package storage

import (
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// purge removes what belonged to deleted sessions in the background: a session
// may have millions of messages. Until then nobody asks for it, since numbers of
// sessions are not used again.
type purge struct {
	wake chan struct{} // holds one
}

// note has the sessions removed; the transaction that says so may still be open.
func (p *purge) note() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// A portion of a purge is so many keys, and the store is left alone after it.
const (
	purgePortion = 2000
	purgePause   = 20 * time.Millisecond
	purgeDelay   = time.Second // after it was asked for
)

// runPurge is started by New and ends at Close.
func (s *Store) runPurge() {
	for s.pause(purgeDelay) {
		for more := true; more; {
			var err error
			if more, err = s.purgePortion(); err != nil || more && !s.pause(purgePause) {
				break
			}
		}
		select {
		case <-s.stop:
			return
		case <-s.purge.wake:
		}
	}
}

// purgePortion removes one portion and reports whether there may be more.
func (s *Store) purgePortion() (more bool, err error) {
	p := purgePass{store: s}
	from, to := prefixRange(prefixDeleted)
	err = s.committer.Range(from, to, false, func(note, _ []byte) bool {
		more = true
		return p.session(note)
	})
	if err != nil || p.failed != nil || !more {
		return false, firstOf(err, p.failed)
	}
	return true, s.await(&p.batch, kv.Lazy)
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// purgePass gathers one portion.
type purgePass struct {
	store  *Store
	batch  kv.Batch
	keys   int
	failed error
}

// session removes what the note is about, and the note if that was all. It
// reports whether there is room for another one.
func (p *purgePass) session(note []byte) bool {
	if len(note) == numberKeySize {
		session := numberIn(note)
		for _, prefix := range []byte{prefixSubscription, prefixReceived, prefixReference} {
			if !p.remove(appendNumberKey(nil, prefix, session), appendEnd(nil, prefix, session)) {
				return false
			}
		}
	}
	p.batch.Delete(note)
	return true
}

// remove removes a range, key by key as long as that is little: an engine may
// delete a range at once, but reads get slower with the number of those it has
// deleted lately. It reports whether the range is empty then.
func (p *purgePass) remove(from, to []byte) bool {
	room := purgePortion - p.keys
	p.failed = p.store.committer.Range(from, to, false, func(key, _ []byte) bool {
		p.keys++
		room--
		p.batch.Delete(key)
		return room > 0
	})
	if p.failed != nil || room > 0 {
		return p.failed == nil
	}
	if p.store.rangeDeletes {
		p.batch.DeleteRange(from, to)
	}
	return false
}
