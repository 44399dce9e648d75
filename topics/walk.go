package topics

// frame is a node whose label a topic has passed, and how far the topic is.
type frame[K comparable, V any] struct {
	n   *node[K, V]
	pos int
}

// framesInline is how many open branches Match keeps on its goroutine's stack.
// A level leaves at most one branch open, so only filters that fork at more
// than this many levels on the way of one topic cost an allocation.
const framesInline = 16

// passed tells how a topic gets on with a label.
type passed byte

const (
	passedNot  passed = iota // they differ
	passedEnd                // the label is at its end, the topic perhaps not
	passedHash               // the label ends in '#', which took the rest
)

// pass walks label from position i and topic from position pos side by side
// and returns the position of the topic's next level.
func pass(label string, i int, topic string, pos int) (int, passed) {
	for i <= len(label) {
		if label[i:] == "#" {
			return pos, passedHash // even at the topic's end: the parent level
		}
		if pos > len(topic) {
			return pos, passedNot
		}
		if i < len(label) && label[i] == '+' && (i+1 == len(label) || label[i+1] == '/') {
			i, pos = i+2, levelEnd(topic, pos)+1
			continue
		}
		for ; i < len(label) && label[i] != '/'; i, pos = i+1, pos+1 {
			if pos == len(topic) || topic[pos] != label[i] {
				return pos, passedNot
			}
		}
		if pos < len(topic) && topic[pos] != '/' {
			return pos, passedNot
		}
		i, pos = i+1, pos+1
	}
	return pos, passedEnd
}

// Match appends every value whose filter matches topic to dst, in no order; a
// value stands there once for every filter and key it was put under. Match
// takes no lock and allocates only to enlarge dst. It sees every Put and
// Delete that returned before Match began. Of those that run meanwhile, it
// sees each as done or not done, and none twice.
func (x *Index[K, V]) Match(topic string, dst []V) []V {
	if topic == "" {
		return dst // no topic at all [MQTT-4.7.3-1]
	}
	// Every node is visited at most once, because one path leads to it; the
	// branches left for later are kept here, not in recursion.
	var room [framesInline]frame[K, V]
	todo := append(room[:0], frame[K, V]{n: &x.root})
	for len(todo) > 0 {
		f := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if f.pos > len(topic) {
			dst = f.n.slot.appendTo(dst)
		}
		k := f.n.kids.Load()
		if k == nil {
			continue
		}
		wild := f.pos > 0 || !startsDollar(topic) // [MQTT-4.7.2-1]
		if wild && k.hash != nil && k.hash.label == "#" {
			dst = k.hash.slot.appendTo(dst)
		}
		if f.pos > len(topic) {
			continue
		}
		end := levelEnd(topic, f.pos)
		if wild && k.plus != nil {
			todo, dst = enter(k.plus, len("+/"), topic, end+1, todo, dst)
		}
		level := topic[f.pos:end]
		if c := k.literal(level); c != nil {
			todo, dst = enter(c, len(level)+1, topic, end+1, todo, dst)
		}
	}
	return dst
}

// enter follows the label of n from i on, as far as the first level is known
// to fit already, and opens the branch behind it.
func enter[K comparable, V any](n *node[K, V], i int, topic string, pos int, todo []frame[K, V], dst []V) ([]frame[K, V], []V) {
	switch pos, how := pass(n.label, i, topic, pos); how {
	case passedEnd:
		todo = append(todo, frame[K, V]{n, pos})
	case passedHash:
		dst = n.slot.appendTo(dst)
	case passedNot:
	}
	return todo, dst
}
