package crash

import "sort"

// states is a set of what a subscription may be, as far as a client can know:
// between SUBSCRIBE and SUBACK it is the old one or the new one.
type states byte

const (
	absent states = 1 << iota
	grantedQoS0
	grantedQoS1
	grantedQoS2
)

func granted(qos byte) states { return grantedQoS0 << min(qos, 2) }

// timeline is what a subscription may have been, at any place of a history.
type timeline []span

// span begins at a place of the history and lasts until the next one.
type span struct {
	from   int
	states states
}

// now returns the states at the end.
func (t timeline) now() states {
	if len(t) == 0 {
		return absent
	}
	return t[len(t)-1].states
}

// set returns the timeline with states from seq on.
func (t timeline) set(seq int, s states) timeline {
	if t.now() == s {
		return t
	}
	return append(t, span{seq, s})
}

// during returns all states between two places, both included.
func (t timeline) during(from, to int) states {
	i := sort.Search(len(t), func(i int) bool { return t[i].from > from })
	all := absent
	if i > 0 {
		all = t[i-1].states
	}
	for ; i < len(t) && t[i].from <= to; i++ {
		all |= t[i].states
	}
	return all
}
