package mqtt

// topicTree is an ordered map from Topic Names to retained messages: a B-tree
// whose order puts a topic directly before everything below it, so that the
// matches of a filter are found by seeking from one to the next, and a walk can
// be continued from the last topic seen. It has no lock.
type topicTree struct {
	root *treeNode
	len  int
}

const (
	treeMaximum = 64
	treeMinimum = treeMaximum / 2
)

type treeNode struct {
	items    []*retainedMessage
	children []*treeNode // nil in a leaf
}

// topicLess orders topics with the separator before every other byte.
func topicLess(a, b string) bool {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return orderOf(a[i]) < orderOf(b[i])
		}
	}
	return len(a) < len(b)
}

func orderOf(c byte) int {
	if c == '/' {
		return -1
	}
	return int(c)
}

// search returns the place of the first item not before topic, and whether it is topic.
func (n *treeNode) search(topic string) (int, bool) {
	lo, hi := 0, len(n.items)
	for lo < hi {
		mid := (lo + hi) / 2
		if topicLess(n.items[mid].message.Topic, topic) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(n.items) && n.items[lo].message.Topic == topic
}

func (t *topicTree) get(topic string) *retainedMessage {
	for n := t.root; n != nil; {
		i, found := n.search(topic)
		if found {
			return n.items[i]
		}
		if n.children == nil {
			return nil
		}
		n = n.children[i]
	}
	return nil
}

// put stores m and returns what it replaces, nil if nothing.
func (t *topicTree) put(m *retainedMessage) (old *retainedMessage) {
	if t.root == nil {
		t.root = &treeNode{}
	}
	if len(t.root.items) >= treeMaximum {
		item, right := t.root.split()
		t.root = &treeNode{items: []*retainedMessage{item}, children: []*treeNode{t.root, right}}
	}
	old = t.root.put(m)
	if old == nil {
		t.len++
	}
	return old
}

func (n *treeNode) put(m *retainedMessage) *retainedMessage {
	for {
		i, found := n.search(m.message.Topic)
		if found {
			old := n.items[i]
			n.items[i] = m
			return old
		}
		if n.children == nil {
			n.items = insertAt(n.items, i, m)
			return nil
		}
		if child := n.children[i]; len(child.items) >= treeMaximum {
			item, right := child.split()
			n.items = insertAt(n.items, i, item)
			n.children = insertAt(n.children, i+1, right)
			continue
		}
		n = n.children[i]
	}
}

// split moves the upper half of a full node into a new one; item stands between.
func (n *treeNode) split() (item *retainedMessage, right *treeNode) {
	at := treeMinimum
	if n.items[len(n.items)-1] != nil && n.children == nil {
		at = len(n.items) - len(n.items)/4 - 1 // topics often come in order: leave the left one fuller
	}
	item = n.items[at]
	right = &treeNode{items: append(make([]*retainedMessage, 0, treeMaximum), n.items[at+1:]...)}
	clear(n.items[at:])
	n.items = n.items[:at]
	if n.children != nil {
		right.children = append(make([]*treeNode, 0, treeMaximum+1), n.children[at+1:]...)
		clear(n.children[at+1:])
		n.children = n.children[:at+1]
	}
	return item, right
}

// delete removes a topic and returns what stood there, nil if nothing.
func (t *topicTree) delete(topic string) (old *retainedMessage) {
	if t.root == nil {
		return nil
	}
	old = t.root.delete(topic)
	if len(t.root.items) == 0 {
		if t.root.children == nil {
			t.root = nil
		} else {
			t.root = t.root.children[0]
		}
	}
	if old != nil {
		t.len--
	}
	return old
}

func (n *treeNode) delete(topic string) *retainedMessage {
	i, found := n.search(topic)
	if n.children == nil {
		if !found {
			return nil
		}
		old := n.items[i]
		n.items = removeAt(n.items, i)
		return old
	}
	if !found {
		i = n.fill(i)
		if i < 0 {
			return n.delete(topic)
		}
		return n.children[i].delete(topic)
	}
	old := n.items[i]
	left := n.children[i]
	if len(left.items) > treeMinimum/2 {
		last := left.last()
		n.items[i] = last
		left.delete(last.message.Topic)
		return old
	}
	right := n.children[i+1]
	if len(right.items) > treeMinimum/2 {
		first := right.first()
		n.items[i] = first
		right.delete(first.message.Topic)
		return old
	}
	n.merge(i)
	return n.children[i].delete(topic)
}

// fill makes sure that child i can lose an item: it borrows from a neighbour
// or merges with one. It returns -1 if the items of n moved and the search must
// be done again.
func (n *treeNode) fill(i int) int {
	child := n.children[i]
	if len(child.items) > treeMinimum/2 {
		return i
	}
	if i > 0 && len(n.children[i-1].items) > treeMinimum/2 {
		left := n.children[i-1]
		child.items = insertAt(child.items, 0, n.items[i-1])
		n.items[i-1] = left.items[len(left.items)-1]
		left.items = removeAt(left.items, len(left.items)-1)
		if left.children != nil {
			child.children = insertAt(child.children, 0, left.children[len(left.children)-1])
			left.children = removeAt(left.children, len(left.children)-1)
		}
		return i
	}
	if i < len(n.items) && len(n.children[i+1].items) > treeMinimum/2 {
		right := n.children[i+1]
		child.items = append(child.items, n.items[i])
		n.items[i] = right.items[0]
		right.items = removeAt(right.items, 0)
		if right.children != nil {
			child.children = append(child.children, right.children[0])
			right.children = removeAt(right.children, 0)
		}
		return i
	}
	if i == len(n.items) {
		i--
	}
	n.merge(i)
	if len(n.items) == 0 {
		*n = *n.children[0]
	}
	return -1
}

// merge joins children i and i+1 and the item between them.
func (n *treeNode) merge(i int) {
	left, right := n.children[i], n.children[i+1]
	left.items = append(append(left.items, n.items[i]), right.items...)
	left.children = append(left.children, right.children...)
	n.items = removeAt(n.items, i)
	n.children = removeAt(n.children, i+1)
}

func (n *treeNode) first() *retainedMessage {
	for n.children != nil {
		n = n.children[0]
	}
	return n.items[0]
}

func (n *treeNode) last() *retainedMessage {
	for n.children != nil {
		n = n.children[len(n.children)-1]
	}
	return n.items[len(n.items)-1]
}

// collect appends to list, as far as its capacity goes, the messages whose
// topics are not before the one given, or, with after set, come after it, in order.
func (t *topicTree) collect(topic string, after bool, list []*retainedMessage) []*retainedMessage {
	if t.root == nil {
		return list
	}
	return t.root.collect(topic, after, list)
}

func (n *treeNode) collect(topic string, after bool, list []*retainedMessage) []*retainedMessage {
	i, found := n.search(topic)
	switch {
	case n.children == nil:
		if found && after {
			i++
		}
		return appendFitting(list, n.items[i:])
	case !found:
		list = n.children[i].collect(topic, after, list)
	case after:
		i++
		list = n.children[i].all(list)
	}
	for ; i < len(n.items) && len(list) < cap(list); i++ {
		list = n.children[i+1].all(append(list, n.items[i]))
	}
	return list
}

// all is collect from the first message.
func (n *treeNode) all(list []*retainedMessage) []*retainedMessage {
	if n.children == nil {
		return appendFitting(list, n.items)
	}
	list = n.children[0].all(list)
	for i := 0; i < len(n.items) && len(list) < cap(list); i++ {
		list = n.children[i+1].all(append(list, n.items[i]))
	}
	return list
}

func appendFitting(list, more []*retainedMessage) []*retainedMessage {
	return append(list, more[:min(len(more), cap(list)-len(list))]...)
}

func insertAt[T any](s []T, i int, x T) []T {
	var zero T
	s = append(s, zero)
	copy(s[i+1:], s[i:])
	s[i] = x
	return s
}

func removeAt[T any](s []T, i int) []T {
	var zero T
	copy(s[i:], s[i+1:])
	s[len(s)-1] = zero
	return s[:len(s)-1]
}
