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
	if err := s.fillBatch(b); err != nil {
		return fmt.Errorf("fill batch: %w", err)
	}
	if s.batch.Empty() {
		return nil
	}
	if err := s.commit(durable); err != nil {
		s.batch = nil // the writer may still read it, and nobody writes again
		return err
	}
	s.batch.Reset()
	return nil
}

func (s *Store) fillBatch(b *kv.Batch) (err error) {
	for op := range b.Ops() {
		switch op.Kind {
		case kv.Put:
			err = s.batch.Set(op.Key, op.Value, nil)
		case kv.Delete:
			err = s.batch.Delete(op.Key, nil)
		case kv.DeleteRange:
			err = s.batch.DeleteRange(op.Key, op.Value, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// commit hands the batch to the writer, who may not come back. Pebble returns
// nil from a commit that went wrong once Fatalf has returned, so the fence has
// the last word.
func (s *Store) commit(durable bool) error {
	o := pebble.NoSync
	if durable {
		o = pebble.Sync
	}
	select {
	case s.work <- write{s.batch, o}:
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
