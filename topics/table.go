package topics

import (
	"hash/maphash"
	"sync/atomic"
)

// seed makes the hashes of this process unguessable: nobody can choose topics
// that collide.
var seed = maphash.MakeSeed()

// hashLevel returns the hash by which a table finds a level.
func hashLevel(level string) uint64 { return maphash.String(seed, level) }

// tableMin is the least number of cells; it is a power of two.
const tableMin = 32

// table finds the child of a wide node by the first level of its label: a
// hash table with open addressing that readers probe without a lock while one
// writer, who holds the Index's mutex, changes it.
//
// A cell is taken once in the life of a table: its hash is written before its
// node is published and never again. A deleted child leaves &t.gone, which
// says that probing goes on; it holds no child in memory. A full table is
// copied into a new one with room for as many changes as a part of its size,
// so a change costs constant time on average, though the one that copies half
// a million children makes other writers wait for tens of milliseconds. Readers of the old table see
// the children as they were when it was left, which is right: they began
// before any later change.
type table[K comparable, V any] struct {
	cells []cell[K, V]
	live  int // children
	used  int // cells taken, by children and by gone
	gone  node[K, V]
}

type cell[K comparable, V any] struct {
	hash uint64
	n    atomic.Pointer[node[K, V]]
}

// newTable returns an empty table with room for as many children again.
func newTable[K comparable, V any](children int) *table[K, V] {
	size := tableMin
	for size < 2*children {
		size *= 2
	}
	return &table[K, V]{cells: make([]cell[K, V], size)}
}

// find returns the child whose label begins with level, nil if there is none.
func (t *table[K, V]) find(level string) *node[K, V] {
	c := t.cellOf(level, hashLevel(level))
	if c == nil {
		return nil
	}
	// Loaded twice by cellOf and here: a deletion may lie between.
	if n := c.n.Load(); n != &t.gone {
		return n
	}
	return nil
}

// cellOf returns the cell whose child's label begins with level.
func (t *table[K, V]) cellOf(level string, hash uint64) *cell[K, V] {
	mask := uint64(len(t.cells) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		c := &t.cells[i]
		n := c.n.Load()
		if n == nil {
			return nil
		}
		if c.hash == hash && n != &t.gone && beginsWith(n.label, level) {
			return c
		}
	}
}

// full reports whether add needs a larger or cleaner table first.
func (t *table[K, V]) full() bool { return t.used >= len(t.cells)/4*3 }

// add stores a child for whose first level the table has none. The table must
// not be full.
func (t *table[K, V]) add(n *node[K, V], hash uint64) {
	mask := uint64(len(t.cells) - 1)
	i := hash & mask
	for t.cells[i].n.Load() != nil {
		i = (i + 1) & mask
	}
	t.cells[i].hash = hash
	t.cells[i].n.Store(n)
	t.live++
	t.used++
}

// drop removes the child in c.
func (t *table[K, V]) drop(c *cell[K, V]) {
	c.n.Store(&t.gone)
	t.live--
}

// rebuilt returns a table with the same children and room for more.
func (t *table[K, V]) rebuilt() *table[K, V] {
	next := newTable[K, V](t.live)
	for i := range t.cells {
		c := &t.cells[i]
		if n := c.n.Load(); n != nil && n != &t.gone {
			next.add(n, c.hash)
		}
	}
	return next
}

// all yields every child.
func (t *table[K, V]) all(yield func(*node[K, V]) bool) bool {
	for i := range t.cells {
		if n := t.cells[i].n.Load(); n != nil && n != &t.gone && !yield(n) {
			return false
		}
	}
	return true
}
