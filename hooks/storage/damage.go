package storage

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// losses tells what it means when a record cannot be read.
var losses = map[byte]string{
	prefixBody:         "a message queued for several sessions is lost",
	prefixReceivers:    "a message that nobody needs any more may stay",
	prefixReference:    "a queued message is lost",
	prefixSession:      "a session is lost with its subscriptions and its queue",
	prefixSubscription: "a subscription is lost: its client must subscribe again",
	prefixReceived:     "a qos 2 message may be delivered twice",
	prefixRetained:     "a retained message is lost",
	prefixDeleted:      "records of a deleted session may stay",
	prefixVersion:      "none, if the records can be read",
	prefixTotals:       "the totals begin at zero",
	prefixSessions:     "none: numbers of sessions go on far ahead",
}

// damageLog limits what is said about damage.
type damageLog struct {
	mu     sync.Mutex
	since  time.Time
	said   int
	unsaid int
}

// So many lines in so much time.
const (
	damageLines  = 20
	damagePeriod = 10 * time.Second
)

// due reports whether to say something now, and how often nothing was said.
func (l *damageLog) due(now time.Time) (unsaid int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= damagePeriod {
		l.since, l.said = now, 0
	}
	if l.said == damageLines {
		l.unsaid++
		return 0, false
	}
	l.said++
	unsaid, l.unsaid = l.unsaid, 0
	return unsaid, true
}

// damaged counts and logs a record that cannot be read. key may be nil.
func (s *Store) damaged(key []byte, err error) {
	s.counters.corruptions.Add(1)
	unsaid, ok := s.damage.due(time.Now())
	if !ok {
		return
	}
	loss := "unknown"
	if len(key) > 0 {
		loss = losses[key[0]]
	}
	s.log.Error("store record cannot be read", "key", fmt.Sprintf("%q", key), "err", err, "loss", loss, "not_logged", unsaid)
}

// reader is what reading needs of an engine or its committer.
type reader interface {
	Get(key, dst []byte) ([]byte, error)
	Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error
}

// walker reads around damage.
type walker struct {
	name    string // of the store
	from    reader
	damaged func(key []byte, err error)
}

// walk calls f for each key with from <= key < to that the engine can read, in
// order, until f returns false. Damage that the engine meets is reported and
// stepped over.
func (w *walker) walk(from, to []byte, f func(key, value []byte) bool) error {
	from = bytes.Clone(from)
	for {
		var last []byte
		err := w.from.Range(from, to, false, func(k, v []byte) bool {
			last = append(last[:0], k...)
			return f(k, v)
		})
		damage, ok := errors.AsType[*kv.CorruptError](err)
		if !ok {
			return err
		}
		if last != nil {
			from = append(last, 0)
		}
		w.damaged(from, damage)
		if from, err = w.beyond(from, to, last != nil); err != nil || from == nil {
			return err
		}
	}
}

// scan calls f with the contents of each record with from <= key < to that can
// be read, in order, until f returns false. An error of f says that the record
// is damaged. Key and contents are views, valid until f returns. A record of a
// newer release ends it with an error that matches kv.ErrFormat.
func (w *walker) scan(from, to []byte, f func(key []byte, d decoder) (more bool, err error)) error {
	var newer error
	err := w.walk(from, to, func(k, v []byte) bool {
		more := true
		d, err := openRecord(v)
		if err == nil {
			more, err = f(k, d)
		}
		if _, ok := errors.AsType[newerFormatError](err); ok {
			newer = fmt.Errorf("store %s, key %q: %w: run the release that wrote it, or a newer one: %w", w.name, k, err, kv.ErrFormat)
			return false
		}
		if err != nil {
			w.damaged(k, err)
			return true
		}
		return more
	})
	if newer != nil {
		return newer
	}
	return err
}

// lastKey returns the last key with from <= key < to, nil if there is none.
func (w *walker) lastKey(from, to []byte) (last []byte, err error) {
	err = w.from.Range(from, to, true, func(k, _ []byte) bool {
		last = bytes.Clone(k)
		return false
	})
	if _, ok := errors.AsType[*kv.CorruptError](err); !ok {
		return last, err
	}
	err = w.scan(from, to, func(k []byte, _ decoder) (bool, error) {
		last = append(last[:0], k...)
		return true, nil
	})
	return last, err
}
