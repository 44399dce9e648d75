package topics

import "strings"

// FirstLevel returns the first level of a topic or filter.
func FirstLevel(topic string) string { return firstLevel(topic) }

// Children yields, in no order, the levels that follow a prefix in filters of
// the Index: prefix is empty for the first levels, else it ends with the
// separator. values is the number of values of the filter that ends with the
// level, more tells that filters go on below it. No lock is held; see Filters.
func (x *Index[K, V]) Children(prefix string, yield func(level string, values int, more bool) bool) {
	n := &x.root
	for rest := prefix; rest != ""; {
		c := n.child(firstLevel(rest))
		switch {
		case c == nil:
			return
		case strings.HasPrefix(rest, c.label+"/"):
			n, rest = c, rest[len(c.label)+1:]
		case strings.HasPrefix(c.label, rest): // the prefix ends inside the label
			c.yieldAs(c.label[len(rest):], yield)
			return
		default:
			return
		}
	}
	if k := n.kids.Load(); k != nil {
		k.all(func(c *node[K, V]) bool { return c.yieldAs(c.label, yield) })
	}
}

// yieldAs yields the first level of what is left of n's label.
func (n *node[K, V]) yieldAs(label string, yield func(level string, values int, more bool) bool) bool {
	level := firstLevel(label)
	if len(level) < len(label) {
		return yield(level, 0, true)
	}
	return yield(level, n.slot.len(), n.kids.Load() != nil)
}

// Values yields the keys and values of one filter, in no order, until yield
// returns false. No lock is held; see Filters.
func (x *Index[K, V]) Values(filter string, yield func(key K, value V) bool) {
	if n, _, _ := x.find(filter); n != nil {
		n.slot.each(yield)
	}
}

// each yields every entry and reports whether yield wanted all of them.
func (s *slot[K, V]) each(yield func(key K, value V) bool) bool {
	v := s.p.Load()
	if v == nil {
		return true
	}
	for i := range v.list {
		if !yield(v.list[i].key, v.list[i].value) {
			return false
		}
	}
	if v.fork == nil {
		return true
	}
	for i := range v.fork.slots {
		if !v.fork.slots[i].each(yield) {
			return false
		}
	}
	return true
}
