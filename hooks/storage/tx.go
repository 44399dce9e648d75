package storage

import (
	"math"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// tx is a transaction. Those that are done go back to the store's pool with
// their memory, so that a usual one allocates nothing.
type tx struct {
	store   *Store
	batch   kv.Batch
	key     []byte
	key2    []byte
	value   []byte
	settled []settlement
	session uint64 // the highest number put
	err     error  // a record that cannot be made
	done    func(error)
	finish  func(error) // t.finished, made once
}

// keptSize is the size up to which a transaction's memory is kept.
const keptSize = 256 << 10

// Begin does as mqtt.Store says.
func (s *Store) Begin() mqtt.StoreTx {
	if t, ok := s.pool.Get().(*tx); ok {
		return t
	}
	t := &tx{store: s}
	t.finish = t.finished
	return t
}

func (t *tx) recycle() {
	if t.batch.Size() > keptSize || cap(t.value) > keptSize {
		return
	}
	t.batch.Reset()
	t.settled, t.session, t.err, t.done = t.settled[:0], 0, nil, nil
	t.store.pool.Put(t)
}

// put seals t.value and puts it under t.key.
func (t *tx) put() {
	t.value = kv.SealFrom(t.value, 0)
	t.batch.Put(t.key, t.value)
}

func (t *tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// PutSession does as mqtt.StoreTx says.
func (t *tx) PutSession(s *mqtt.StoredSession) {
	var err error
	if t.value, err = appendSession(t.value[:0], s); err != nil {
		t.fail(err)
		return
	}
	t.key = appendNumberKey(t.key[:0], prefixSession, s.Session)
	t.put()
	t.session = max(t.session, s.Session)
}

// DeleteSession does as mqtt.StoreTx says.
func (t *tx) DeleteSession(session uint64) {
	t.session = max(t.session, session)
	t.key = appendNumberKey(t.key[:0], prefixSession, session)
	t.batch.Delete(t.key)
	t.key = appendNumberKey(t.key[:0], prefixDeleted, session)
	t.value = append(t.value[:0], format)
	t.put() // the rest goes in the background
	t.store.purge.note()
	t.settled = append(t.settled, settlement{session, 0, math.MaxUint64})
}

// ResetSession does as mqtt.StoreTx says.
func (t *tx) ResetSession(session uint64) {
	t.key = appendNumberKey(t.key[:0], prefixSession, session)
	t.batch.Delete(t.key)
	t.deleteAll(prefixSubscription, session)
	t.deleteAll(prefixReceived, session)
}

func (t *tx) deleteAll(prefix byte, session uint64) {
	t.key = appendNumberKey(t.key[:0], prefix, session)
	t.key2 = appendEnd(t.key2[:0], prefix, session)
	t.batch.DeleteRange(t.key, t.key2)
}

// PutSubscription does as mqtt.StoreTx says.
func (t *tx) PutSubscription(session uint64, sub *mqtt.StoredSubscription) {
	t.key = appendSubscriptionKey(t.key[:0], session, sub.Filter)
	t.value = appendSubscription(t.value[:0], sub)
	t.put()
}

// DeleteSubscription does as mqtt.StoreTx says.
func (t *tx) DeleteSubscription(session uint64, filter string) {
	t.key = appendSubscriptionKey(t.key[:0], session, filter)
	t.batch.Delete(t.key)
}

// PutReceived does as mqtt.StoreTx says.
func (t *tx) PutReceived(session uint64, packetID uint16) {
	t.key = appendReceivedKey(t.key[:0], session, packetID)
	t.value = append(t.value[:0], format)
	t.put()
}

// DeleteReceived does as mqtt.StoreTx says.
func (t *tx) DeleteReceived(session uint64, packetID uint16) {
	t.key = appendReceivedKey(t.key[:0], session, packetID)
	t.batch.Delete(t.key)
}

// Enqueue does as mqtt.StoreTx says. One receiver has the message in its
// reference; several share a body.
func (t *tx) Enqueue(body *mqtt.StoredBody, to []mqtt.StoredReference) {
	t.store.counters.enqueued.Add(uint64(len(to)))
	switch len(to) {
	case 0:
	case 1:
		t.key = appendReferenceKey(t.key[:0], to[0].Session, to[0].Place)
		t.value = appendBody(appendReference(t.value[:0], kindInline, &to[0]), body)
		t.put()
	default:
		t.enqueueShared(body, to)
	}
}

func (t *tx) enqueueShared(body *mqtt.StoredBody, to []mqtt.StoredReference) {
	id := t.store.nextBody.Add(1)
	t.store.counters.bodies.Add(1)
	t.key = appendNumberKey(t.key[:0], prefixBody, id)
	t.value = appendBody(append(t.value[:0], format), body)
	t.put()
	t.key = appendNumberKey(t.key[:0], prefixReceivers, id)
	t.value = appendReceivers(t.value[:0], to)
	t.put()
	for i := range to {
		t.key = appendReferenceKey(t.key[:0], to[i].Session, to[i].Place)
		t.value = appendSharedReference(t.value[:0], &to[i], id)
		t.put()
	}
	t.store.tracker.add(id, to)
}

// Release does as mqtt.StoreTx says.
func (t *tx) Release(session, place, total uint64) {
	t.key = appendReferenceKey(t.key[:0], session, place)
	t.value = appendReference(t.value[:0], kindReleased, &mqtt.StoredReference{Total: total})
	t.put()
	t.settled = append(t.settled, settlement{session, place, place + 1})
}

// Dequeue does as mqtt.StoreTx says.
func (t *tx) Dequeue(session, place uint64) {
	t.store.counters.dequeued.Add(1)
	t.key = appendReferenceKey(t.key[:0], session, place)
	t.batch.Delete(t.key)
	t.settled = append(t.settled, settlement{session, place, place + 1})
}

// DequeueBefore does as mqtt.StoreTx says.
func (t *tx) DequeueBefore(session, place uint64) {
	t.key = appendReferenceKey(t.key[:0], session, 0)
	t.key2 = appendReferenceKey(t.key2[:0], session, place)
	t.batch.DeleteRange(t.key, t.key2)
	t.settled = append(t.settled, settlement{session, 0, place})
}

// Retain does as mqtt.StoreTx says.
func (t *tx) Retain(body *mqtt.StoredBody) {
	t.key = appendRetainedKey(t.key[:0], body.Topic)
	t.value = appendBody(append(t.value[:0], format), body)
	t.put()
}

// Unretain does as mqtt.StoreTx says.
func (t *tx) Unretain(topic string) {
	t.key = appendRetainedKey(t.key[:0], topic)
	t.batch.Delete(t.key)
}

// PutTotals does as mqtt.StoreTx says.
func (t *tx) PutTotals(at time.Time, totals *mqtt.Stats) {
	var err error
	if t.value, err = appendTotals(t.value[:0], at, totals); err != nil {
		t.fail(err)
		return
	}
	t.key = append(t.key[:0], keyTotals...)
	t.put()
}

// Discard does as mqtt.StoreTx says.
func (t *tx) Discard() { t.recycle() }

var levels = [...]kv.Level{mqtt.StoreSynced: kv.Sync, mqtt.StoreWritten: kv.Written, mqtt.StoreLazy: kv.Lazy}

// Commit does as mqtt.StoreTx says. After Close done is called before Commit
// returns.
func (t *tx) Commit(level mqtt.StoreLevel, done func(error)) {
	t.done = done
	if t.err != nil {
		t.batch.Reset() // nothing, but in its turn
		t.settled, t.session = t.settled[:0], 0
	}
	if !t.submit(levels[level]) {
		t.finished(kv.ErrClosed)
	}
}

// submit hands the batch over, with what follows from it. Locks are held until
// it is in the queue, so that no later transaction overtakes it.
func (t *tx) submit(level kv.Level) bool {
	s := t.store
	if t.session > 0 && t.session >= s.sessionMark.Load() {
		s.markMu.Lock()
		defer s.markMu.Unlock()
		if mark, raised := t.raiseMarkLocked(); raised {
			defer s.sessionMark.Store(mark) // whoever sees it comes after us
		}
	}
	if len(t.settled) > 0 && !s.tracker.empty() {
		s.tracker.mu.Lock()
		defer s.tracker.mu.Unlock()
		s.tracker.settleLocked(t.settled, t.deleteBody)
	}
	return s.committer.Offer(&t.batch, level, t.finish)
}

func (t *tx) deleteBody(id uint64) {
	t.store.counters.bodiesDeleted.Add(1)
	t.key = appendNumberKey(t.key[:0], prefixBody, id)
	t.batch.Delete(t.key)
	t.key = appendNumberKey(t.key[:0], prefixReceivers, id)
	t.batch.Delete(t.key)
}

// markStep is how many session numbers are set aside at once.
const markStep = 1024

// raiseMarkLocked adds the number from which on no session has had one, ahead of
// need so that it is seldom done. s.markMu is held.
func (t *tx) raiseMarkLocked() (mark uint64, raised bool) {
	s := t.store
	if t.session < s.sessionMark.Load() {
		return 0, false
	}
	s.highestMark = max(s.highestMark, t.session+markStep)
	t.key = append(t.key[:0], keySessions...)
	t.value = appendMark(t.value[:0], s.highestMark)
	t.put()
	return s.highestMark, true
}

// finished is the Committer's done function.
func (t *tx) finished(err error) {
	if err == nil {
		err = t.err
	} else {
		err = t.store.commitFailed(err)
	}
	done := t.done
	t.recycle()
	if done != nil {
		done(err)
	}
}

var _ mqtt.StoreTx = (*tx)(nil)
