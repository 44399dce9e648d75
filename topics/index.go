package topics

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Index maps Topic Filters to values, one per filter and key, and finds those
// whose filter matches a topic. Filters are valid and without $share prefix.
// The zero Index is empty and ready; it must not be copied after first use.
//
// All methods may be called from any goroutine. Match, Get, Generation, Len
// and Filters take no lock; Put and Delete take turns. Filters are copied;
// keys and values are held until they are replaced or deleted.
type Index[K comparable, V any] struct {
	mu   sync.Mutex // held by writers, for everything below but gens
	root node[K, V] // its label is empty, it never has values
	len  atomic.Int64
	gens generations
}

// Put stores value under filter and key and reports whether it took the place
// of another. When it returns, every Match that begins later sees the value.
func (x *Index[K, V]) Put(filter string, key K, value V) (replaced bool) {
	hash := hashKey(key)
	x.mu.Lock()
	defer x.mu.Unlock()
	replaced = x.put(filter, entry[K, V]{key, value}, hash)
	if !replaced {
		x.len.Add(1)
	}
	x.gens.changed(filter)
	return replaced
}

// Delete removes the value under filter and key and reports whether there was
// one. When it returns, no Match that begins later sees the value.
func (x *Index[K, V]) Delete(filter string, key K) (deleted bool) {
	hash := hashKey(key)
	x.mu.Lock()
	defer x.mu.Unlock()
	n, parent, grand := x.find(filter)
	if n == nil || !n.slot.delete(key, hash, 0) {
		return false
	}
	if n.slot.empty() {
		prune(n, parent, grand)
	}
	x.len.Add(-1)
	x.gens.changed(filter)
	return true
}

// Get returns the value under filter and key, and whether there is one.
func (x *Index[K, V]) Get(filter string, key K) (value V, ok bool) {
	n, _, _ := x.find(filter)
	if n == nil {
		return value, false
	}
	return n.slot.get(key, hashKey(key))
}

// Len returns the number of (filter, key) pairs.
func (x *Index[K, V]) Len() int { return int(x.len.Load()) }

// Filters yields every filter with its number of values, in no order, until
// yield returns false. No lock is held, so yield may take its time and may
// call the Index. What others put or delete meanwhile may be missing, or be
// there still, or twice if it was deleted and put again.
func (x *Index[K, V]) Filters(yield func(filter string, n int) bool) {
	type branch struct {
		n    *node[K, V]
		path string // of n, with the separator behind it
	}
	todo := []branch{{n: &x.root}}
	for more := true; more && len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		k := b.n.kids.Load()
		if k == nil {
			continue
		}
		k.all(func(c *node[K, V]) bool {
			if n := c.slot.len(); n > 0 {
				more = yield(b.path+c.label, n)
			}
			if c.kids.Load() != nil {
				todo = append(todo, branch{c, b.path + c.label + "/"})
			}
			return more
		})
	}
}

// find returns the node at which filter ends, with its parent and the
// parent's parent, which may be nil; all are nil if there is no such node.
func (x *Index[K, V]) find(filter string) (n, parent, grand *node[K, V]) {
	n = &x.root
	for pos := 0; pos <= len(filter); pos += len(n.label) + 1 {
		rest := filter[pos:]
		c := n.child(firstLevel(rest))
		if c == nil || !beginsWith(rest, c.label) {
			return nil, nil, nil
		}
		n, parent, grand = c, n, parent
	}
	return n, parent, grand
}

// put stores e at the node at which filter ends, making the node if need be.
// What is new is complete before it is linked into the tree.
func (x *Index[K, V]) put(filter string, e entry[K, V], hash uint64) (replaced bool) {
	n := &x.root
	for pos := 0; pos <= len(filter); {
		rest := filter[pos:]
		c := n.child(firstLevel(rest))
		if c == nil {
			n.set(newLeaf(rest, e, hash))
			return false
		}
		common := commonLevels(c.label, rest)
		if common < len(c.label) {
			upper := c.split(common)
			if common == len(rest) {
				upper.slot.put(e, hash, 0)
			} else {
				upper.set(newLeaf(rest[common+1:], e, hash))
			}
			n.set(upper)
			return false
		}
		n, pos = c, pos+common+1
	}
	return n.slot.put(e, hash, 0)
}

// newLeaf returns a node without children that holds e.
func newLeaf[K comparable, V any](label string, e entry[K, V], hash uint64) *node[K, V] {
	n := &node[K, V]{label: strings.Clone(label)}
	n.slot.put(e, hash, 0)
	return n
}

// commonLevels returns the length of the levels that a and b begin with alike.
// The first level is alike already.
func commonLevels(a, b string) int {
	common := 0
	for i := 0; ; i++ {
		aEnds, bEnds := i == len(a) || a[i] == '/', i == len(b) || b[i] == '/'
		if aEnds && bEnds {
			common = i
		}
		if i == len(a) || i == len(b) || a[i] != b[i] {
			return common
		}
	}
}
