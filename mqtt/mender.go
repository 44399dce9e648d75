package mqtt

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// mender writes the state of the server to its store again after the store has
// failed: what was refused, or has an unknown fate, is then as in memory.
type mender struct {
	missed atomic.Bool // something is to be mended

	mu     sync.Mutex
	topics map[string]struct{} // of retained messages
	ended  map[uint64]struct{} // sessions
}

func (m *mender) noteTopic(topic string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.topics == nil {
		m.topics = make(map[string]struct{})
	}
	m.topics[topic] = struct{}{}
}

func (m *mender) noteEnded(session uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended == nil {
		m.ended = make(map[uint64]struct{})
	}
	m.ended[session] = struct{}{}
}

// takeEnded returns the sessions that the store may still have though they ended.
func (m *mender) takeEnded() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	ended := slices.Collect(maps.Keys(m.ended))
	m.ended = nil
	return ended
}

// takeTopics returns those whose retained message may be another in the store.
func (m *mender) takeTopics() (topics []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	topics, m.topics = slices.Collect(maps.Keys(m.topics)), nil
	return topics
}

// storeMissed notes that something was not stored that should be.
func (s *Server) storeMissed() { s.mender.missed.Store(true) }

// storeChanged is told by the store when it fails and when it is well again.
func (s *Server) storeChanged(err error) {
	if err != nil {
		s.storeMissed()
		s.log.Error("the store has failed: nothing that needs it is acknowledged until it is well again", "err", err)
		return
	}
	s.log.Info("the store is well again")
}

const (
	tendInterval = 5 * time.Second
	mendFirst    = time.Second
	mendMaximum  = time.Minute
)

// tendStore is started by Serve, where there is a store: it writes the totals
// and the time now and then, and mends. It ends with the server.
func (s *Server) tendStore() {
	var mended instant
	pause := mendFirst
	for s.wait(tendInterval) {
		if s.options.Store.Err() != nil {
			continue
		}
		s.storeTotals()
		now := s.clock.now()
		if !s.mender.missed.Load() {
			pause = mendFirst
		} else if now-mended >= instant(pause) {
			mended, pause = now, min(2*pause, mendMaximum)
			s.mend()
		}
	}
}

// mend writes everything that may be wrong in the store.
func (s *Server) mend() {
	began, n := time.Now(), 0
	s.mender.missed.Store(false)
	s.eraseEnded(nil)
	topics := s.mender.takeTopics()
	for _, topic := range topics {
		s.retained.storeAgain(topic)
	}
	s.registry.each(func(sess *session) bool {
		if sess.backlog != nil {
			sess.storeAgain()
			n++
		}
		return true
	})
	s.log.Info("wrote the state again after the store had failed",
		"sessions", n, "retained", len(topics), "took", time.Since(began).Round(time.Millisecond))
}

// eraseSession removes an ended session from the store.
func (s *Server) eraseSession(number uint64, changes *storeChanges) {
	tx := s.options.Store.Begin()
	tx.DeleteSession(number)
	tx.Commit(StoreLazy, func(err error) {
		if err != nil {
			s.mender.noteEnded(number)
			s.storeMissed()
		}
		if changes != nil {
			changes.done(err)
		}
	})
}

// storeAgain writes what the store must have of a topic.
func (x *retained) storeAgain(topic string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.tree.get(topic); e != nil {
		x.server.storeRetained(e.message, nil)
	} else {
		x.server.unstoreRetained(topic, nil)
	}
}

// storeAgain writes what the store must have of the session, but for messages:
// those it has, or they were not acknowledged. PUBRELs that wait for their
// PUBREC to be stored wait for this.
func (s *session) storeAgain() {
	s.mu.Lock()
	defer s.unlock()
	if s.ended {
		return
	}
	b, tx := s.backlog, s.changing()
	tx.ResetSession(b.number)
	tx.PutSession(s.record())
	s.subscriptions.all(func(sub *subscription) { tx.PutSubscription(b.number, sub.stored()) })
	for id := range s.received {
		tx.PutReceived(b.number, id)
	}
	s.removeFailed()
	if !b.opened {
		return
	}
	oldest := min(b.from, b.stable)
	if next := b.window.peek(); next != nil {
		oldest = min(oldest, next.seq)
	}
	for _, d := range s.window.ordered() {
		oldest = min(oldest, d.seq)
		switch d.state {
		case awaitStore:
			b.released = append(b.released, d.packetID)
			tx.Release(b.number, d.seq, b.total)
		case awaitRel, awaitCmp:
			tx.Release(b.number, d.seq, b.total)
		case unused, unsent, awaitAck:
		}
	}
	tx.DequeueBefore(b.number, oldest)
}

// removeFailed removes references whose fate is unknown, in a transaction of its
// own, which a full store takes. s.mu is held.
func (s *session) removeFailed() {
	b := s.backlog
	if len(b.failed) == 0 {
		return
	}
	tx := s.server.options.Store.Begin()
	places := slices.Collect(maps.Keys(b.failed))
	for _, place := range places {
		tx.Dequeue(b.number, place)
	}
	b.unremoved = nil
	c := &commit{server: s.server, session: s, removed: places}
	tx.Commit(StoreLazy, c.done)
}

// removed notes what removeFailed has removed; with an error it is tried again.
func (s *session) removed(places []uint64, err error) {
	s.mu.Lock()
	defer s.unlock()
	if err != nil {
		s.backlog.unremoved = append(s.backlog.unremoved, places...)
		return
	}
	s.backlog.removed(places)
}
