package mqtt

import (
	"slices"
	"strings"
	"sync"

	"github.com/linnetmq/linnet/topics"
)

// retained holds the retained message of each topic [MQTT-3.3.1-5].
type retained struct {
	server *Server
	mu     sync.RWMutex
	tree   topicTree
	seq    uint64
}

// retainedMessage is one topic's retained message, at a place in time: seq
// tells a cursor whether it was there when the subscription was made.
type retainedMessage struct {
	message  *Message
	seq      uint64
	deadline *deadline // nil if it does not expire
	server   *Server
}

// set stores m as the retained message of its topic, or clears it if the
// payload is empty [MQTT-3.3.1-6] [MQTT-3.3.1-7]. The result is that of the
// OnRetainMessage event: 1 stored, -1 cleared, 0 nothing to clear.
//
// The store is told; changes, if not nil, learns how that went.
func (x *retained) set(m *Message, changes *storeChanges) int64 {
	if len(m.Payload) == 0 {
		return x.clear(m.Topic, changes)
	}
	return x.put(m, func() { x.server.storeRetained(m, changes) })
}

// put is set for a message with a payload; store is called in the order of the
// changes.
func (x *retained) put(m *Message, store func()) int64 {
	entry := &retainedMessage{message: m, server: x.server}
	if m.expires != 0 {
		entry.deadline = &deadline{owner: entry}
	}
	x.mu.Lock()
	x.seq++
	entry.seq = x.seq
	old := x.tree.put(entry)
	store()
	x.mu.Unlock()
	old.forget()
	if entry.deadline != nil {
		x.server.deadlines.set(entry.deadline, m.expires)
	}
	return 1
}

func (x *retained) clear(topic string, changes *storeChanges) int64 {
	x.mu.Lock()
	old := x.tree.delete(topic)
	if old != nil {
		x.server.unstoreRetained(topic, changes)
	}
	x.mu.Unlock()
	if old == nil {
		return 0
	}
	old.forget()
	return -1
}

func (e *retainedMessage) forget() {
	if e != nil && e.deadline != nil {
		e.server.deadlines.stop(e.deadline)
	}
}

// expire removes the message if it is still its topic's.
func (e *retainedMessage) expire(instant) {
	x := &e.server.retained
	topic := e.message.Topic
	x.mu.Lock()
	gone := x.tree.get(topic) == e
	if gone {
		x.tree.delete(topic)
		x.server.unstoreRetained(topic, nil)
	}
	x.mu.Unlock()
	if tell := e.server.hooks.load().onRetainedExpired; gone && tell != nil {
		e.server.spawn(func() { // hooks may block, which deadlines may not
			for _, f := range tell {
				f(topic)
			}
		})
	}
}

func (x *retained) count() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tree.len
}

// each calls f for the retained messages that match a filter, in order, until f
// returns false. No lock is held during a call.
func (x *retained) each(filter string, f func(*Message) bool) {
	cur := x.cursor(nil, filter)
	for {
		m, done := cur.next(x, x.server.clock.now())
		if done || (m != nil && !f(m)) {
			return
		}
	}
}

// retainedCursor walks the retained messages that match a new subscription as
// fast as its session can take them: a million of them cost the memory of one.
type retainedCursor struct {
	sub    *subscription
	filter string
	prefix string // what every match begins with
	last   string // the topic seen last
	begun  bool
	newest uint64 // messages stored later were delivered as they came
}

func (x *retained) cursor(sub *subscription, filter string) *retainedCursor {
	x.mu.RLock()
	defer x.mu.RUnlock()
	cur := &retainedCursor{sub: sub, filter: filter, prefix: filter, newest: x.seq}
	if i := strings.IndexAny(filter, "+#"); i >= 0 {
		cur.prefix = filter[:i]
	}
	return cur
}

// scanBudget bounds the messages looked at while the lock is held.
const scanBudget = 512

// next returns the next match; nil if it must be called again to look further,
// or, with done, if there is none.
func (cur *retainedCursor) next(x *retained, now instant) (m *Message, done bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	parent := strings.TrimSuffix(cur.prefix, "/") // "a/#" matches "a" as well
	for range scanBudget {
		from := cur.last
		if !cur.begun {
			from = parent
		}
		e := x.tree.seek(from, cur.begun)
		cur.begun = true
		if e == nil {
			return nil, true
		}
		topic := e.message.Topic
		if !strings.HasPrefix(topic, cur.prefix) && topic != parent {
			return nil, true
		}
		cur.last = topic
		if e.seq <= cur.newest && topics.Match(cur.filter, topic) && !e.message.expired(now) && (cur.sub == nil || cur.sub.delivers(topic)) {
			return e.message, false
		}
	}
	return nil, false
}

// addCursor queues a new subscription's retained messages. Cursors of
// subscriptions that were replaced or ended go when they outnumber the others.
// s.mu is held.
func (s *session) addCursor(cur *retainedCursor) {
	if len(s.cursors) >= 2*s.subscriptions.len()+8 {
		s.cursors = slices.DeleteFunc(s.cursors, func(old *retainedCursor) bool {
			return s.subscriptions.get(old.sub.filter) != old.sub
		})
	}
	s.cursors = append(s.cursors, cur)
}

// sendRetained sends the next retained message of the first cursor, and
// reports whether it found one and whether there is room for another.
func (s *session) sendRetained(c *Client) (sent, room bool) {
	cur := s.cursors[0]
	sub := cur.sub
	if !c.hasRoomWithin(min(largeBuffer, int(s.server.options.Capabilities.MaximumClientWritesPending)/2)) || // a burst, not a backlog
		(sub.qos > 0 && !s.hasPlace(c)) {
		return false, false
	}
	if b := s.backlog; b != nil && sub.qos > 0 && (b.spilled > 0 || b.window.len >= windowMinimum) {
		return false, s.queue.len > 0 // its turn comes when the backlog has gone on
	}
	m, done := cur.next(&s.server.retained, s.server.clock.now())
	if done || s.subscriptions.get(sub.filter) != sub {
		s.cursors = s.cursors[1:]
		return false, true
	}
	if m == nil {
		return false, true
	}
	d := delivery{msg: m, ids: sub.ids(), qos: min(m.QoS, sub.qos), retain: true, stored: true} // [MQTT-3.3.1-8]
	if s.backlog != nil && d.qos > 0 {
		return true, s.sendRetainedKept(c, d)
	}
	return true, s.sendLocked(c, d, nil)
}
