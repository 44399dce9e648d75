package mqtt

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
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

	members atomic.Pointer[[]*subscription] // immutable list
	next    atomic.Uint64
	sticky  atomic.Pointer[subscription]
}

// shares holds the shared subscriptions by their full filter.
type shares struct {
	seed   maphash.Seed
	mu     sync.Mutex
	groups map[string]*shareGroup
}

// join adds a member; first tells that the group is new.
func (x *shares) join(full string, sub *subscription, make func() *shareGroup) (g *shareGroup, first bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	g = x.groups[full]
	if g == nil {
		g, first = make(), true
		x.groups[full] = g
	}
	sub.group = g
	list := g.list()
	next := slices.DeleteFunc(slices.Clone(list), func(m *subscription) bool { return m.session == sub.session })
	next = append(next, sub)
	g.members.Store(&next)
	return g, first
}

// leave removes a member; empty tells that it was the last.
func (x *shares) leave(full string, sub *subscription) (empty bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	g := sub.group
	next := slices.DeleteFunc(slices.Clone(g.list()), func(m *subscription) bool { return m == sub })
	g.members.Store(&next)
	if len(next) == 0 && x.groups[full] == g {
		delete(x.groups, full)
		return true
	}
	return false
}

// find returns the shared subscription with a full filter, nil if there is none.
func (x *shares) find(full string) *shareGroup {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.groups[full]
}

func (g *shareGroup) list() []*subscription {
	if p := g.members.Load(); p != nil {
		return *p
	}
	return nil
}

// hasOnlineMember tells whether somebody else than a session could take over now.
func (g *shareGroup) hasOnlineMember(except *session) bool {
	for _, m := range g.list() {
		if m.session != except && m.session.online.Load() != nil {
			return true
		}
	}
	return false
}

// pick chooses the member for a message: a connected one if there is any, else
// one whose session can keep it (QoS 1 and 2 only); nil if there is none.
func (g *shareGroup) pick(s *Server, origin, topic string, qos byte, except *session) *subscription {
	list := g.list()
	reject := s.options.Capabilities.QueuePolicy == RejectPublish && qos > 0
	able := func(m *subscription) bool {
		return m.session != except && (!reject || !m.session.full()) && m.delivers(topic)
	}
	online := func(m *subscription) bool { return m.session.online.Load() != nil && able(m) }
	if m := g.choose(s, list, origin, topic, online); m != nil {
		return m
	}
	if qos == 0 {
		return nil
	}
	return g.choose(s, list, origin, topic, func(m *subscription) bool { return m.qos > 0 && able(m) })
}

// full tells that none of the members has room for a QoS 1 message.
func (g *shareGroup) full() bool {
	list := g.list()
	for _, m := range list {
		if m.qos == 0 || !m.session.full() {
			return false
		}
	}
	return len(list) > 0
}

func (g *shareGroup) choose(s *Server, list []*subscription, origin, topic string, able func(*subscription) bool) *subscription {
	if len(list) == 0 {
		return nil
	}
	start := 0
	switch s.options.SharedStrategy {
	case RoundRobin:
		start = int(g.next.Add(1) % uint64(len(list)))
	case Random:
		start = rand.IntN(len(list))
	case Sticky:
		if m := g.sticky.Load(); m != nil && slices.Contains(list, m) && able(m) {
			return m
		}
	case HashClient:
		return rendezvous(s.shares.seed, list, origin, able)
	case HashTopic:
		return rendezvous(s.shares.seed, list, topic, able)
	}
	for i := range list {
		if m := list[(start+i)%len(list)]; able(m) {
			if s.options.SharedStrategy == Sticky {
				g.sticky.Store(m)
			}
			return m
		}
	}
	return nil
}

// rendezvous hashing: a member that joins or leaves moves only its own keys.
func rendezvous(seed maphash.Seed, list []*subscription, key string, able func(*subscription) bool) *subscription {
	var best *subscription
	var top uint64
	for _, m := range list {
		if !able(m) {
			continue
		}
		h := maphash.String(seed, key+"\x00"+m.session.clientID)
		if best == nil || h > top {
			best, top = m, h
		}
	}
	return best
}
