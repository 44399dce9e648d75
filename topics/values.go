package topics

import (
	"hash/maphash"
	"slices"
	"sync/atomic"
)

// A filter's values are one immutable list while they are few. Many are
// spread by the hash of their key over a tree of such lists, so that adding
// the millionth subscriber copies a handful of entries and not a million.
const (
	listMax    = 16 // a list longer than this becomes a fork
	listAgain  = 4  // a fork with this few entries becomes a list again
	forkBits   = 4
	forkSlots  = 1 << forkBits
	hashedBits = 64
)

type entry[K comparable, V any] struct {
	key   K
	value V
}

// slot holds the values of a filter, or the share of them with a common
// piece of hash. The zero slot is empty.
//
// Writers hold the Index's mutex. Readers take no lock: each slot is loaded
// once per reading and a key has exactly one slot at each level, so a key is
// seen as it was before or after a concurrent write, and never twice.
type slot[K comparable, V any] struct {
	p atomic.Pointer[values[K, V]]
}

// values is either a list, never changed after it was published, or a fork.
type values[K comparable, V any] struct {
	list []entry[K, V]
	fork *fork[K, V]
}

type fork[K comparable, V any] struct {
	count atomic.Int64 // entries below
	slots [forkSlots]slot[K, V]
}

// at returns the slot for a hash of which shift bits have been used.
func (f *fork[K, V]) at(hash uint64, shift uint) *slot[K, V] {
	return &f.slots[hash>>shift%forkSlots]
}

// hashKey returns the hash by which put, delete and get find key.
func hashKey[K comparable](key K) uint64 { return maphash.Comparable(seed, key) }

// len returns the number of values, exact if nobody writes.
func (s *slot[K, V]) len() int {
	v := s.p.Load()
	switch {
	case v == nil:
		return 0
	case v.fork != nil:
		return int(v.fork.count.Load())
	}
	return len(v.list)
}

// empty reports whether there are no values. The Index's mutex is held.
func (s *slot[K, V]) empty() bool { return s.p.Load() == nil }

// appendTo appends all values to dst.
func (s *slot[K, V]) appendTo(dst []V) []V {
	v := s.p.Load()
	if v == nil {
		return dst
	}
	for i := range v.list {
		dst = append(dst, v.list[i].value)
	}
	if v.fork != nil {
		dst = slices.Grow(dst, int(v.fork.count.Load()))
		for i := range v.fork.slots {
			dst = v.fork.slots[i].appendTo(dst)
		}
	}
	return dst
}

// appendEntries appends all entries to dst.
func (s *slot[K, V]) appendEntries(dst []entry[K, V]) []entry[K, V] {
	v := s.p.Load()
	if v == nil {
		return dst
	}
	dst = append(dst, v.list...)
	if v.fork != nil {
		for i := range v.fork.slots {
			dst = v.fork.slots[i].appendEntries(dst)
		}
	}
	return dst
}

// get returns the value of key.
func (s *slot[K, V]) get(key K, hash uint64) (value V, ok bool) {
	for shift := uint(0); ; shift += forkBits {
		v := s.p.Load()
		if v == nil {
			return value, false
		}
		if v.fork == nil {
			if i := indexOf(v.list, key); i >= 0 {
				return v.list[i].value, true
			}
			return value, false
		}
		s = v.fork.at(hash, shift)
	}
}

// put stores e, hashed as hash, of which shift bits led to this slot.
func (s *slot[K, V]) put(e entry[K, V], hash uint64, shift uint) (replaced bool) {
	v := s.p.Load()
	if v == nil {
		s.p.Store(&values[K, V]{list: []entry[K, V]{e}})
		return false
	}
	if v.fork != nil {
		replaced = v.fork.at(hash, shift).put(e, hash, shift+forkBits)
		if !replaced {
			v.fork.count.Add(1)
		}
		return replaced
	}
	if i := indexOf(v.list, e.key); i >= 0 {
		list := slices.Clone(v.list)
		list[i] = e
		s.p.Store(&values[K, V]{list: list})
		return true
	}
	list := make([]entry[K, V], len(v.list)+1)
	copy(list, v.list)
	list[len(v.list)] = e
	if len(list) > listMax && shift < hashedBits {
		s.p.Store(&values[K, V]{fork: newFork(list, shift)})
	} else {
		s.p.Store(&values[K, V]{list: list})
	}
	return false
}

// newFork spreads list by the bits of the hash that follow the first shift.
func newFork[K comparable, V any](list []entry[K, V], shift uint) *fork[K, V] {
	f := new(fork[K, V])
	for _, e := range list {
		hash := hashKey(e.key)
		f.at(hash, shift).put(e, hash, shift+forkBits)
	}
	f.count.Store(int64(len(list)))
	return f
}

// delete removes key, hashed as hash, of which shift bits led to this slot.
// No reference to the deleted key or value stays behind.
func (s *slot[K, V]) delete(key K, hash uint64, shift uint) (deleted bool) {
	v := s.p.Load()
	if v == nil {
		return false
	}
	if v.fork != nil {
		if !v.fork.at(hash, shift).delete(key, hash, shift+forkBits) {
			return false
		}
		if v.fork.count.Add(-1) <= listAgain {
			s.p.Store(&values[K, V]{list: s.appendEntries(nil)})
		}
		return true
	}
	i := indexOf(v.list, key)
	if i < 0 {
		return false
	}
	if len(v.list) == 1 {
		s.p.Store(nil)
		return true
	}
	list := make([]entry[K, V], 0, len(v.list)-1)
	list = append(append(list, v.list[:i]...), v.list[i+1:]...)
	s.p.Store(&values[K, V]{list: list})
	return true
}

// indexOf returns the index of key in list, -1 if there is none.
func indexOf[K comparable, V any](list []entry[K, V], key K) int {
	for i := range list {
		if list[i].key == key {
			return i
		}
	}
	return -1
}
