package topics

import "sync/atomic"

// node is a place in the tree of filters. Its label is one or several levels,
// joined by '/', that lead from its parent to it: a chain of levels without
// values and branches is one node, so a filter adds two nodes at most, however
// many levels it has. Every node but the root has values or two children.
//
// The label never changes: to split or join labels, nodes are replaced.
type node[K comparable, V any] struct {
	label string
	slot  slot[K, V]
	kids  atomic.Pointer[kids[K, V]] // nil: no children
}

// kids are the children of a node, told apart by the first level of their
// labels. They are immutable, except for the table, which is made when
// there are many and then changes in place.
type kids[K comparable, V any] struct {
	plus   *node[K, V]   // begins with "+"
	hash   *node[K, V]   // begins with "#"
	narrow []*node[K, V] // all others, while they are few
	wide   *table[K, V]  // or many; nil if narrow is in use
}

const (
	narrowMax   = 8 // more literal children get a table
	narrowAgain = 4 // a table with this few children is given up
)

// firstLevel returns the first level of a label or of the rest of a filter.
func firstLevel(label string) string { return label[:levelEnd(label, 0)] }

// beginsWith reports whether level is the first level of label.
func beginsWith(label, level string) bool {
	if len(label) < len(level) || label[:len(level)] != level {
		return false
	}
	return len(label) == len(level) || label[len(level)] == '/'
}

// child returns the child whose label begins with the level of a filter, nil
// if there is none.
func (n *node[K, V]) child(level string) *node[K, V] {
	k := n.kids.Load()
	if k == nil {
		return nil
	}
	switch level {
	case "+":
		return k.plus
	case "#":
		return k.hash
	}
	return k.literal(level)
}

// literal returns the child whose label begins with the level of a topic, nil
// if there is none.
func (k *kids[K, V]) literal(level string) *node[K, V] {
	if k.wide != nil {
		return k.wide.find(level)
	}
	for _, c := range k.narrow {
		if beginsWith(c.label, level) {
			return c
		}
	}
	return nil
}

// all yields every child.
func (k *kids[K, V]) all(yield func(*node[K, V]) bool) {
	if k.plus != nil && !yield(k.plus) {
		return
	}
	if k.hash != nil && !yield(k.hash) {
		return
	}
	if k.wide != nil {
		k.wide.all(yield)
		return
	}
	for _, c := range k.narrow {
		if !yield(c) {
			return
		}
	}
}

// count returns the number of children. The Index's mutex is held.
func (k *kids[K, V]) count() int {
	if k == nil {
		return 0
	}
	n := len(k.narrow)
	if k.wide != nil {
		n = k.wide.live
	}
	if k.plus != nil {
		n++
	}
	if k.hash != nil {
		n++
	}
	return n
}

// set makes c a child of n, in place of the one with the same first level if
// there is one. The Index's mutex is held.
func (n *node[K, V]) set(c *node[K, V]) {
	next := kids[K, V]{}
	if k := n.kids.Load(); k != nil {
		next = *k
	}
	switch level := firstLevel(c.label); {
	case level == "+":
		next.plus = c
	case level == "#":
		next.hash = c
	case next.wide != nil:
		if next.setWide(c, level) {
			return
		}
	default:
		next.setNarrow(c, level)
	}
	n.kids.Store(&next)
}

// setWide puts c into the table and reports whether that is all: otherwise k
// has a new table and wants to be published.
func (k *kids[K, V]) setWide(c *node[K, V], level string) (done bool) {
	hash := hashLevel(level)
	if cell := k.wide.cellOf(level, hash); cell != nil {
		cell.n.Store(c)
		return true
	}
	done = !k.wide.full()
	if !done {
		k.wide = k.wide.rebuilt()
	}
	k.wide.add(c, hash)
	return done
}

// setNarrow puts c into a new list, or into a table if the list is too long.
func (k *kids[K, V]) setNarrow(c *node[K, V], level string) {
	list := make([]*node[K, V], 0, len(k.narrow)+1)
	for _, old := range k.narrow {
		if !beginsWith(old.label, level) {
			list = append(list, old)
		}
	}
	list = append(list, c)
	if len(list) <= narrowMax {
		k.narrow = list
		return
	}
	k.narrow, k.wide = nil, newTable[K, V](len(list))
	for _, c := range list {
		k.wide.add(c, hashLevel(firstLevel(c.label)))
	}
}

// unset removes c from the children of n. The Index's mutex is held.
func (n *node[K, V]) unset(c *node[K, V]) {
	next := *n.kids.Load()
	switch level := firstLevel(c.label); {
	case level == "+":
		next.plus = nil
	case level == "#":
		next.hash = nil
	case next.wide != nil:
		if next.unsetWide(level) {
			return
		}
	default:
		next.unsetNarrow(c)
	}
	if next.count() == 0 {
		n.kids.Store(nil)
		return
	}
	n.kids.Store(&next)
}

// unsetWide removes the child that begins with level from the table and
// reports whether that is all: otherwise k wants to be published.
func (k *kids[K, V]) unsetWide(level string) (done bool) {
	t := k.wide
	t.drop(t.cellOf(level, hashLevel(level)))
	switch {
	case t.live <= narrowAgain:
		list := make([]*node[K, V], 0, t.live)
		t.all(func(c *node[K, V]) bool { list = append(list, c); return true })
		k.narrow, k.wide = list, nil
	case len(t.cells) > tableMin && t.live < len(t.cells)/8:
		k.wide = t.rebuilt()
	default:
		return true
	}
	return false
}

// unsetNarrow removes c from the list, in a new list.
func (k *kids[K, V]) unsetNarrow(c *node[K, V]) {
	list := make([]*node[K, V], 0, len(k.narrow)-1)
	for _, old := range k.narrow {
		if old != c {
			list = append(list, old)
		}
	}
	k.narrow = list
}
