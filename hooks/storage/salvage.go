package storage

import (
	"fmt"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Salvage copies every record that is whole from one engine into another, which
// must be empty, and calls lost for each that is not, and for each that is left
// out because its session or its message is lost. The copy is a store that opens.
func Salvage(from, to kv.KV, name string, lost func(*Problem)) (copied *Inventory, err error) {
	s := salvager{from: from, to: to}
	if s.sessions, err = wholeSessions(from, name); err != nil {
		return nil, fmt.Errorf("salvage store %s: %w", name, err)
	}
	err = Records(from, name, func(key, value []byte, r *Record, err error) bool {
		if err == nil {
			err = s.belongs(r)
		}
		if err != nil {
			loss := "unknown"
			if len(key) > 0 && losses[key[0]] != "" {
				loss = losses[key[0]]
			}
			lost(&Problem{Key: append([]byte(nil), key...), Kind: r.Kind, Err: err, Loss: loss})
			return true
		}
		if r.Kind != KindVersion {
			s.put(key, value)
		}
		return s.failed == nil
	})
	if err == nil {
		s.batch.Put(keyVersion, kv.SealFrom(versionRecord(formatVersion), 0))
		s.flush()
		err = s.failed
	}
	if err != nil {
		return nil, fmt.Errorf("salvage store %s: %w", name, err)
	}
	return Check(to, "salvaged from "+name, lost)
}

// belongs returns nil if what a record refers to is there.
func (s *salvager) belongs(r *Record) error {
	switch r.Kind {
	case KindSubscription, KindReceived, KindReference:
		if !s.sessions[r.Number] {
			return fmt.Errorf("its session %d is lost", r.Number)
		}
	case KindReceivers:
		r.SharedBody = r.Number
	default:
	}
	if r.SharedBody == 0 {
		return nil
	}
	key := appendNumberKey(nil, prefixBody, r.SharedBody)
	value, err := s.from.Get(key, nil)
	if err == nil {
		_, err = DecodeRecord(key, value)
	}
	if err != nil {
		return fmt.Errorf("its message %d is lost: %w", r.SharedBody, err)
	}
	return nil
}

// wholeSessions are the numbers of sessions that can be read.
func wholeSessions(from kv.KV, name string) (map[uint64]bool, error) {
	known := map[uint64]bool{}
	first, end := prefixRange(prefixSession)
	w := walker{name: name, from: from, damaged: func([]byte, error) {}}
	err := w.walk(first, end, func(key, value []byte) bool {
		if r, err := DecodeRecord(key, value); err == nil {
			known[r.Number] = true
		}
		return true
	})
	return known, err
}

// salvager writes in portions.
type salvager struct {
	from, to kv.KV
	sessions map[uint64]bool
	batch    kv.Batch
	failed   error
}

const salvagePortion = 1 << 20 // bytes

func (s *salvager) put(key, value []byte) {
	s.batch.Put(key, value)
	if s.batch.Size() >= salvagePortion {
		s.flush()
	}
}

func (s *salvager) flush() {
	s.failed = s.to.Apply(&s.batch, true)
	s.batch.Reset()
}
