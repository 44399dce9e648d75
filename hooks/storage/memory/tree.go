package memory

import "hash/maphash"

// node is one key in a treap: a search tree by key that is a heap by priority,
// the hash of the key, and so balanced whatever the order of arrival. Nodes are
// never changed once a root that reaches them is published: who holds a root
// holds a snapshot.
type node struct {
	key, value  []byte
	priority    uint64
	left, right *node
}

var seed = maphash.MakeSeed()

func newNode(key, value []byte) *node {
	both := make([]byte, len(key)+len(value))
	copy(both, key)
	copy(both[len(key):], value)
	k, v := both[:len(key):len(key)], both[len(key):]
	return &node{key: k, value: v, priority: maphash.Bytes(seed, key)}
}

// split returns the keys below key and those from key on.
func (n *node) split(key []byte) (below, rest *node) {
	if n == nil {
		return nil, nil
	}
	c := *n
	if string(n.key) < string(key) {
		c.right, rest = n.right.split(key)
		return &c, rest
	}
	below, c.left = n.left.split(key)
	return below, &c
}

// merge joins two trees, every key of a being less than every key of b.
func merge(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		c := *a
		c.right = merge(a.right, b)
		return &c
	default:
		c := *b
		c.left = merge(a, b.left)
		return &c
	}
}

func (n *node) put(fresh *node) *node {
	if n == nil {
		return fresh
	}
	c := *n
	switch {
	case string(fresh.key) == string(n.key):
		c.key, c.value = fresh.key, fresh.value
	case fresh.priority > n.priority:
		below, rest := n.split(fresh.key)
		f := *fresh
		f.left, f.right = below, rest
		return &f
	case string(fresh.key) < string(n.key):
		c.left = n.left.put(fresh)
	default:
		c.right = n.right.put(fresh)
	}
	return &c
}

func (n *node) remove(key []byte) *node {
	if n == nil || string(n.key) == string(key) {
		if n == nil {
			return nil
		}
		return merge(n.left, n.right)
	}
	c := *n
	if string(key) < string(n.key) {
		c.left = n.left.remove(key)
	} else {
		c.right = n.right.remove(key)
	}
	return &c
}

func (n *node) removeRange(from, to []byte) *node {
	below, rest := n.split(from)
	_, above := rest.split(to)
	return merge(below, above)
}

func (n *node) find(key []byte) *node {
	for n != nil && string(n.key) != string(key) {
		if string(key) < string(n.key) {
			n = n.left
		} else {
			n = n.right
		}
	}
	return n
}

// ascend and descend visit from <= key < to until fn returns false, and report
// whether it never did. An empty bound is none.
func (n *node) ascend(from, to []byte, fn func(k, v []byte) bool) bool {
	if n == nil {
		return true
	}
	low, high := inside(n.key, from, to)
	return (!low || n.left.ascend(from, to, fn)) &&
		(!low || !high || fn(n.key, n.value)) &&
		(!high || n.right.ascend(from, to, fn))
}

func (n *node) descend(from, to []byte, fn func(k, v []byte) bool) bool {
	if n == nil {
		return true
	}
	low, high := inside(n.key, from, to)
	return (!high || n.right.descend(from, to, fn)) &&
		(!low || !high || fn(n.key, n.value)) &&
		(!low || n.left.descend(from, to, fn))
}

// inside reports whether key is on the right side of each bound.
func inside(key, from, to []byte) (low, high bool) {
	return string(key) >= string(from), len(to) == 0 || string(key) < string(to)
}
