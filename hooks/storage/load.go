package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// Load does as mqtt.Store says. Of several sessions with one ClientID, left by a
// crash or by damage, the one with the highest number is returned and the others
// are deleted.
func (s *Store) Load() (*mqtt.StoredState, error) {
	l := loader{store: s, state: new(mqtt.StoredState), sessions: make(map[uint64]string)}
	for _, step := range []func() error{l.loadSessions, l.loadSubscriptions, l.loadReceived, l.loadRetained, l.loadTotals, l.loadMark} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("load store %s: %w", s.opts.Name, err)
		}
	}
	s.deleteSessions(l.stale)
	s.counters.sessions.Store(int64(len(l.state.Sessions)))
	return l.state, nil
}

// loader gathers the state.
type loader struct {
	store    *Store
	state    *mqtt.StoredState
	sessions map[uint64]string // ClientIDs of those returned
	stale    []uint64
	mark     uint64
}

// scan visits all records under a prefix.
func (l *loader) scan(prefix byte, f func(key []byte, d decoder) error) error {
	from, to := prefixRange(prefix)
	return l.store.records.scan(from, to, func(key []byte, d decoder) (bool, error) {
		return true, f(key, d)
	})
}

func (l *loader) loadSessions() error {
	byClient := make(map[string]int) // index in state.Sessions
	list := l.state.Sessions
	err := l.scan(prefixSession, func(key []byte, d decoder) error {
		if len(key) != numberKeySize {
			return errKeyShape
		}
		session := mqtt.StoredSession{Session: numberIn(key)}
		if err := d.session(&session); err != nil {
			return err
		}
		if i, twice := byClient[session.ClientID]; twice { // keys ascend: this one is newer
			l.stale = append(l.stale, list[i].Session)
			list[i] = session
			return nil
		}
		byClient[session.ClientID] = len(list)
		list = append(list, session)
		return nil
	})
	for i := range list {
		l.sessions[list[i].Session] = list[i].ClientID
		l.mark = max(l.mark, list[i].Session+1)
	}
	l.state.Sessions = list
	return err
}

func (l *loader) loadSubscriptions() error {
	return l.scan(prefixSubscription, func(key []byte, d decoder) error {
		if len(key) < numberKeySize {
			return errKeyShape
		}
		sub := mqtt.StoredSubscription{Session: numberIn(key)}
		if err := d.subscription(&sub); err != nil {
			return err
		}
		clientID, known := l.sessions[sub.Session]
		if known {
			sub.ClientID = clientID
			l.state.Subscriptions = append(l.state.Subscriptions, sub)
		}
		return nil
	})
}

func (l *loader) loadReceived() error {
	return l.scan(prefixReceived, func(key []byte, d decoder) error {
		if len(key) != receivedKeySize {
			return errKeyShape
		}
		r := mqtt.StoredReceived{Session: numberIn(key), PacketID: packetIDIn(key)}
		if _, known := l.sessions[r.Session]; known {
			l.state.Received = append(l.state.Received, r)
		}
		return d.end()
	})
}

func (l *loader) loadRetained() error {
	return l.scan(prefixRetained, func(_ []byte, d decoder) error {
		var body mqtt.StoredBody
		if err := d.body(&body); err != nil {
			return err
		}
		l.state.Retained = append(l.state.Retained, body)
		return nil
	})
}

func (l *loader) loadTotals() error {
	return l.scan(prefixTotals, func(_ []byte, d decoder) (err error) {
		l.state.At, l.state.Totals, err = d.totals()
		return err
	})
}

// farAhead is added to the highest session number if the mark is damaged.
const farAhead = 1 << 32

func (l *loader) loadMark() error {
	mark, err := l.storedMark()
	if damage, ok := errors.AsType[*damagedMarkError](err); ok {
		l.store.damaged(keySessions, damage.error)
		l.mark += farAhead
	} else if err != nil {
		return err
	}
	l.state.NextSession = max(1, l.mark, mark)
	l.store.markMu.Lock()
	defer l.store.markMu.Unlock()
	l.store.highestMark = max(l.store.highestMark, l.state.NextSession)
	l.store.sessionMark.Store(mark)
	return nil
}

// damagedMarkError tells that the mark is there and cannot be read.
type damagedMarkError struct{ error }

// storedMark returns the mark, 0 if there is none.
func (l *loader) storedMark() (mark uint64, err error) {
	value, err := l.store.committer.Get(keySessions, nil)
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if _, damaged := errors.AsType[*kv.CorruptError](err); err != nil && !damaged {
		return 0, err
	}
	if err == nil {
		var d decoder
		if d, err = openRecord(value); err == nil {
			mark, err = d.uvarint(), d.end()
		}
	}
	if err != nil {
		return 0, &damagedMarkError{err}
	}
	return mark, nil
}

// deleteSessions removes sessions that are not to be returned.
func (s *Store) deleteSessions(stale []uint64) {
	for part := range slices.Chunk(stale, 1000) {
		t := s.Begin()
		for _, session := range part {
			t.DeleteSession(session)
		}
		t.Commit(mqtt.StoreLazy, nil)
	}
}
