package topics

import "strings"

// Nodes are split, joined and removed here; the Index's mutex is held. Labels
// are cloned, because a piece of a long string keeps all of it in memory.
//
// A reader may hold a node that has been replaced. It shares its values and
// children with the new one until they change, so the reader sees what was
// true after it began.

// split returns a node with the first at bytes of the label of n, above one
// with the rest of the label, the values and the children of n.
func (n *node[K, V]) split(at int) (upper *node[K, V]) {
	lower := n.relabelled(strings.Clone(n.label[at+1:]))
	upper = &node[K, V]{label: strings.Clone(n.label[:at])}
	upper.set(lower)
	return upper
}

// relabelled returns a node with another label and all that n has.
func (n *node[K, V]) relabelled(label string) *node[K, V] {
	c := &node[K, V]{label: label}
	c.slot.p.Store(n.slot.p.Load())
	c.kids.Store(n.kids.Load())
	return c
}

// prune removes n, which has lost its last value, or joins it with the only
// child it has. Its parent may be the next without reason to exist.
func prune[K comparable, V any](n, parent, grand *node[K, V]) {
	switch n.kids.Load().count() {
	case 0:
		parent.unset(n)
		if grand != nil && parent.slot.empty() && parent.kids.Load().count() == 1 {
			join(parent, grand)
		}
	case 1:
		join(n, parent)
	}
}

// join puts n and its only child into one node below parent.
func join[K comparable, V any](n, parent *node[K, V]) {
	n.kids.Load().all(func(c *node[K, V]) bool {
		parent.set(c.relabelled(n.label + "/" + c.label))
		return false
	})
}
