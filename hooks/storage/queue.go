package storage

import (
	"encoding/binary"
	"errors"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// Queue does as mqtt.Store says.
func (s *Store) Queue(session, from, to uint64, f func(*mqtt.StoredDelivery) bool) error {
	var failed error
	bodies := bodyReader{store: s}
	err := s.records.scan(appendReferenceKey(nil, session, from), appendReferenceKey(nil, session, to), func(key []byte, d decoder) (bool, error) {
		if len(key) != referenceKeySize {
			return true, errKeyShape
		}
		delivery := &mqtt.StoredDelivery{Reference: mqtt.StoredReference{Session: session, Place: placeIn(key)}}
		id, err := d.delivery(delivery)
		if err != nil {
			return true, err
		}
		if id != 0 {
			var found bool
			if found, failed = bodies.read(key, id, &delivery.Body); failed != nil {
				return false, nil
			}
			if !found {
				return true, nil
			}
		}
		return f(delivery), nil
	})
	if err == nil {
		err = failed
	}
	return err
}

// QueueEnds does as mqtt.Store says.
func (s *Store) QueueEnds(session uint64) (first, last mqtt.StoredReference, err error) {
	from, to := appendNumberKey(nil, prefixReference, session), appendEnd(nil, prefixReference, session)
	err = s.records.scan(from, to, func(key []byte, d decoder) (bool, error) {
		err := d.end1(key, &first)
		return err != nil, err
	})
	if err != nil || first.Place == 0 && first.Session == 0 {
		return first, first, err
	}
	err = s.committer.Range(from, to, true, func(key, value []byte) bool {
		d, bad := openRecord(value)
		if bad == nil {
			bad = d.end1(key, &last)
		}
		return bad != nil
	})
	if _, damaged := errors.AsType[*kv.CorruptError](err); damaged {
		err = s.records.scan(from, to, func(key []byte, d decoder) (bool, error) { return true, d.end1(key, &last) })
	}
	return first, last, err
}

// end1 reads the reference of key without its message.
func (d *decoder) end1(key []byte, r *mqtt.StoredReference) error {
	if len(key) != referenceKeySize {
		return errKeyShape
	}
	var got mqtt.StoredReference
	if _, err := d.reference(&got); err != nil {
		return err
	}
	got.Session, got.Place = numberIn(key), placeIn(key)
	*r = got
	return nil
}

// placeIn returns the place in the key of a reference.
func placeIn(key []byte) uint64 { return binary.BigEndian.Uint64(key[numberKeySize:]) }

// bodyReader reads shared bodies for one Queue.
type bodyReader struct {
	store      *Store
	key, value []byte
}

// read fills in body. A body that is missing or damaged is reported, unless the
// reference has been removed meanwhile; found is false then. An error means that
// the store cannot be read at all.
func (r *bodyReader) read(reference []byte, id uint64, body *mqtt.StoredBody) (found bool, err error) {
	r.key = appendNumberKey(r.key[:0], prefixBody, id)
	r.value, err = r.store.committer.Get(r.key, r.value[:0])
	if err == nil {
		var d decoder
		if d, err = openRecord(r.value); err == nil {
			err = d.body(body)
		}
		if err != nil {
			r.store.damaged(r.key, err)
			return false, nil
		}
		return true, nil
	}
	_, damaged := errors.AsType[*kv.CorruptError](err)
	if !damaged && !errors.Is(err, kv.ErrNotFound) {
		return false, err
	}
	if _, gone := r.store.committer.Get(reference, nil); !errors.Is(gone, kv.ErrNotFound) {
		r.store.damaged(r.key, err)
	}
	return false, nil
}
