package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Apply does as kv.KV says.
func (s *Store) Apply(b *kv.Batch, durable bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.space.refuse(s, b); err != nil {
		return err
	}
	batch, err := s.fillBatch(b)
	if err != nil {
		return s.abandonBatch(fmt.Errorf("fill batch: %w", err))
	}
	if batch.Empty() {
		return nil
	}
	if err := s.commit(batch, durable); err != nil {
		s.batch, s.indexed = nil, nil // the writer may still read it, and nobody writes again
		return err
	}
	batch.Reset()
	return nil
}

// abandonBatch condemns the handle for err: there is no way to empty a batch and
// be sure of it.
func (s *Store) abandonBatch(err error) error {
	s.fence.fail(err)
	s.batch, s.indexed = nil, nil
	return s.fence.err()
}

// fillBatch returns b as a batch of Pebble's, an indexed one if that is needed.
func (s *Store) fillBatch(b *kv.Batch) (batch *pebble.Batch, err error) {
	batch = s.batch
	for op := range b.Ops() {
		switch op.Kind {
		case kv.Put:
			err = batch.Set(op.Key, op.Value, nil)
		case kv.Delete:
			err = batch.Delete(op.Key, nil)
		case kv.DeleteRange:
			if batch != s.indexed { // to see what has been put so far
				err = s.indexed.Apply(batch, nil)
				batch.Reset()
				batch = s.indexed
			}
			if err == nil {
				err = deleteRange(batch, op.Key, op.Value)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return batch, nil
}

// rangeKeys is the number of keys from which on a range is deleted by one record.
const rangeKeys = 1000

// deleteRange deletes key by key where that is not too much: each range deletion
// in the write buffer makes reads slower, and a hundred thousand of them that
// overlap make one read take minutes.
func deleteRange(batch *pebble.Batch, from, to []byte) error {
	it, err := batch.NewIter(bounds(from, to))
	if err != nil {
		return err
	}
	var keys []byte
	var ends []int
	for ok := it.First(); ok && len(ends) <= rangeKeys; ok = it.Next() {
		keys = append(keys, it.Key()...)
		ends = append(ends, len(keys))
	}
	if it.Close() != nil || len(ends) > rangeKeys { // damage is no reason not to delete
		return batch.DeleteRange(from, to, nil)
	}
	start := 0
	for _, end := range ends {
		if err := batch.Delete(keys[start:end], nil); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// commit hands the batch to the writer, who may not come back. Pebble returns
// nil from a commit that went wrong once Fatalf has returned, so the fence has
// the last word.
func (s *Store) commit(batch *pebble.Batch, durable bool) error {
	o := pebble.NoSync
	if durable {
		o = pebble.Sync
	}
	select {
	case s.work <- write{batch, o}:
	case <-s.fence.down:
		return s.fence.err()
	}
	var err error
	select {
	case err = <-s.results:
	case <-s.fence.down:
		return s.fence.err()
	}
	if err != nil {
		s.fence.fail(fmt.Errorf("commit to store %s: %w", s.opts.Dir, err))
	}
	return s.fence.err()
}

// write is started by Open and ends at Close, or is held by the fence. It owns a
// batch between receiving it and sending the result.
func (s *Store) write() {
	defer close(s.writer)
	for w := range s.work {
		s.results <- s.db.Apply(w.batch, w.opts)
	}
}
