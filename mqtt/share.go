package mqtt

import (
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// ShareStrategy picks the member of a shared subscription that gets a message.
// Members that are connected go before those that are not.
type ShareStrategy byte

const (
	// RoundRobin takes members in turn.
	RoundRobin ShareStrategy = iota
	// Random takes any.
	Random
	// Sticky stays with one member until it leaves.
	Sticky
	// HashClient gives all messages of a publisher to the same member.
	HashClient
	// HashTopic gives all messages of a topic to the same member.
	HashTopic
)

// shareGroup is one shared subscription: a ShareName and a filter with the
// subscriptions of its members. It stands in the topic index as one entry.
type shareGroup struct {
	key    uint64
	share  string
	filter string
	entry  *subscription // its entry in the topic index

	members members // changed under shares.mu
	next    atomic.Uint64
	sticky  atomic.Pointer[subscription]
}

// shares holds the shared subscriptions by their full filter.
type shares struct {
	seed   maphash.Seed
	mu     sync.Mutex
	groups map[string]*shareGroup
}

// join adds a member, in the place of old if its session has such a
// subscription already; first tells that the group is new.
func (x *shares) join(full string, sub, old *subscription, make func() *shareGroup) (g *shareGroup, first bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	g = x.groups[full]
	if g == nil {
		g, first = make(), true
		x.groups[full] = g
	}
	sub.group = g
	g.members.put(sub, old)
	if old != nil {
		g.sticky.CompareAndSwap(old, sub)
	}
	return g, first
}

// leave removes a member; empty tells that it was the last.
func (x *shares) leave(full string, sub *subscription) (empty bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	sub.group.sticky.CompareAndSwap(sub, nil)
	if sub.group.members.remove(sub) > 0 {
		return false
	}
	delete(x.groups, full)
	return true
}

// find returns the shared subscription with a full filter, nil if there is none.
func (x *shares) find(full string) *shareGroup {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.groups[full]
}

// hasOnlineMember tells whether somebody else than a session could take over
// now. It begins anywhere, so that it need not pass those who went before.
func (g *shareGroup) hasOnlineMember(except *session) bool {
	slots := g.members.slots()
	if len(slots) == 0 {
		return false
	}
	start := rand.IntN(len(slots))
	for i := range slots {
		m := slots[(start+i)%len(slots)].Load()
		if m != nil && m.session != except && m.session.online.Load() != nil {
			return true
		}
	}
	return false
}

// pick chooses the member for a message: a connected one if there is any, else
// one whose session can keep it (QoS 1 and 2 only); nil if there is none.
func (g *shareGroup) pick(s *Server, origin, topic string, qos byte, except *session) *subscription {
	reject := s.options.Capabilities.QueuePolicy == RejectPublish && qos > 0
	able := func(m *subscription) bool {
		return m.session != except && (!reject || !m.session.full()) && m.delivers(topic)
	}
	online := func(m *subscription) bool { return m.session.online.Load() != nil && able(m) }
	for {
		before := g.members.changes.Load()
		m := g.choose(s, origin, topic, online)
		if m == nil && qos > 0 {
			m = g.choose(s, origin, topic, func(m *subscription) bool { return m.qos > 0 && able(m) })
		}
		if m != nil || g.members.changes.Load() == before {
			return m
		}
	}
}

// full tells that none of the members has room for a QoS 1 message.
func (g *shareGroup) full() bool {
	slots := g.members.slots()
	for i := range slots {
		if m := slots[i].Load(); m != nil && (m.qos == 0 || !m.session.full()) {
			return false
		}
	}
	return len(slots) > 0
}

func (g *shareGroup) choose(s *Server, origin, topic string, able func(*subscription) bool) *subscription {
	slots := g.members.slots()
	if len(slots) == 0 {
		return nil
	}
	start := 0
	switch s.options.SharedStrategy {
	case RoundRobin:
		start = int(g.next.Add(1) % uint64(len(slots)))
	case Random:
		start = rand.IntN(len(slots))
	case Sticky:
		if m := g.sticky.Load(); m != nil && g.members.has(m) && able(m) {
			return m
		}
	case HashClient:
		return rendezvous(s.shares.seed, slots, origin, able)
	case HashTopic:
		return rendezvous(s.shares.seed, slots, topic, able)
	}
	for i := range slots {
		if m := slots[(start+i)%len(slots)].Load(); m != nil && able(m) {
			if s.options.SharedStrategy == Sticky {
				g.sticky.Store(m)
			}
			return m
		}
	}
	return nil
}

// rendezvous hashing: a member that joins or leaves moves only its own keys.
func rendezvous(seed maphash.Seed, slots []atomic.Pointer[subscription], key string, able func(*subscription) bool) *subscription {
	var best *subscription
	var top uint64
	for i := range slots {
		m := slots[i].Load()
		if m == nil || !able(m) {
			continue
		}
		h := maphash.String(seed, key+"\x00"+m.session.clientID)
		if best == nil || h > top {
			best, top = m, h
		}
	}
	return best
}
