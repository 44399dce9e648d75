// Package memory is the kv engine that keeps everything in memory and loses it
// at the end: for brokers without a disk, and as the truth to which the tests
// compare every other engine. Any broker of one process may use it.
package memory

import (
	"sync"
	"sync/atomic"

	"github.com/linnetmq/linnet/hooks/storage/internal/gate"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Store is a kv.KV in memory. Reads take no lock and see one consistent state.
type Store struct {
	gate gate.Gate
	root atomic.Pointer[node]

	mu sync.Mutex // one Apply at a time
}

// New returns an empty store.
func New() *Store { return new(Store) }

// Apply does as kv.KV says; nothing is ever durable.
func (s *Store) Apply(b *kv.Batch, _ bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	if !s.gate.Enter() {
		return kv.ErrClosed
	}
	defer s.gate.Leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	root := s.root.Load()
	for op := range b.Ops() {
		switch op.Kind {
		case kv.Put:
			root = root.put(newNode(op.Key, op.Value))
		case kv.Delete:
			if root.find(op.Key) != nil {
				root = root.remove(op.Key)
			}
		case kv.DeleteRange:
			root = root.removeRange(op.Key, op.Value)
		}
	}
	s.root.Store(root)
	return nil
}

// Get does as kv.KV says.
func (s *Store) Get(key, dst []byte) ([]byte, error) {
	if !s.gate.Enter() {
		return dst, kv.ErrClosed
	}
	defer s.gate.Leave()
	n := s.root.Load().find(key)
	if n == nil {
		return dst, kv.ErrNotFound
	}
	return append(dst, n.value...), nil
}

// Range does as kv.KV says; it sees the state when it was called.
func (s *Store) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error {
	if !s.gate.Enter() {
		return kv.ErrClosed
	}
	defer s.gate.Leave()
	if reverse {
		s.root.Load().descend(from, to, fn)
	} else {
		s.root.Load().ascend(from, to, fn)
	}
	return nil
}

// Close forgets everything.
func (s *Store) Close() error {
	if s.gate.Close() {
		s.root.Store(nil)
	}
	return nil
}

// Durability returns kv.Volatile.
func (s *Store) Durability() kv.Durability { return kv.Volatile }

// DeletesRanges returns true: a range is cut out of the tree in one piece.
func (s *Store) DeletesRanges() bool { return true }

var _ kv.KV = (*Store)(nil)
