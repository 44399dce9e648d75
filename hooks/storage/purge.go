package storage

import (
	"bytes"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// purge removes the queues of deleted sessions in the background, for engines
// that delete key by key.
type purge struct {
	wake chan struct{} // holds one
}

// note has the queues removed; the transaction that says so may still be open.
func (p *purge) note() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// A portion of a purge, and the time the store is left alone after it.
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

// purgePortion removes a part of one deleted session's queue, and the note about
// it with the last part. It reports whether there may be more.
func (s *Store) purgePortion() (more bool, err error) {
	var note []byte
	from, to := prefixRange(prefixDeleted)
	err = s.committer.Range(from, to, false, func(k, _ []byte) bool {
		note = bytes.Clone(k)
		return false
	})
	if err != nil || note == nil {
		return false, err
	}
	var b kv.Batch
	n := 0
	if len(note) == numberKeySize {
		session := numberIn(note)
		err = s.committer.Range(appendNumberKey(nil, prefixReference, session), appendEnd(nil, prefixReference, session), false, func(k, _ []byte) bool {
			b.Delete(k)
			n++
			return n < purgePortion
		})
		if err != nil {
			return false, err
		}
	}
	if n < purgePortion {
		b.Delete(note)
	}
	return true, s.await(&b, kv.Lazy)
}
