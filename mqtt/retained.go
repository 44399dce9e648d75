package mqtt

import (
	"math"
	"sync"
	"sync/atomic"
)

// retained holds the retained message of each topic [MQTT-3.3.1-5].
type retained struct {
	server *Server
	mu     sync.RWMutex
	tree   topicTree
	seq    uint64
	bytes  atomic.Int64 // of all messages; changed under mu
}

// retainedMessage is one topic's retained message, at a place in time: seq
// tells a cursor whether it was there when the subscription was made, and
// whether it still is.
type retainedMessage struct {
	message  *Message
	seq      atomic.Uint64 // gone once it is replaced or cleared
	deadline *deadline     // nil if it does not expire
	server   *Server
}

// gone is the seq of what is no retained message any more: later than any cursor.
const gone = math.MaxUint64

// set stores m as the retained message of its topic, or clears it if the
// payload is empty [MQTT-3.3.1-6] [MQTT-3.3.1-7]. The result is that of the
// OnRetainMessage event: 1 stored, -1 cleared, 0 nothing to clear. seq is its
// place in time, 0 if it is not stored: cursors begun later send it.
//
// The store is told; changes, if not nil, learns how that went.
func (x *retained) set(m *Message, changes *storeChanges) (result int64, seq uint64) {
	if len(m.Payload) == 0 {
		return x.clear(m.Topic, changes), 0
	}
	return x.put(m, func() { x.server.storeRetained(m, changes) })
}

// put is set for a message with a payload; store is called in the order of the
// changes.
func (x *retained) put(m *Message, store func()) (result int64, seq uint64) {
	entry := &retainedMessage{message: m, server: x.server}
	if m.expires != 0 {
		entry.deadline = &deadline{owner: entry}
	}
	x.mu.Lock()
	x.seq++
	seq = x.seq
	entry.seq.Store(seq)
	old := x.tree.put(entry)
	x.bytes.Add(m.size() - old.size())
	store()
	x.mu.Unlock()
	old.forget()
	if entry.deadline != nil {
		x.server.deadlines.set(entry.deadline, m.expires)
	}
	return 1, seq
}

func (x *retained) clear(topic string, changes *storeChanges) int64 {
	x.mu.Lock()
	old := x.tree.delete(topic)
	if old != nil {
		x.bytes.Add(-old.size())
		x.server.unstoreRetained(topic, changes)
	}
	x.mu.Unlock()
	if old == nil {
		return 0
	}
	old.forget()
	return -1
}

// forget takes a message out of the sight of cursors that found it before it
// was replaced or cleared; e may be nil.
func (e *retainedMessage) forget() {
	if e == nil {
		return
	}
	e.seq.Store(gone)
	if e.deadline != nil {
		e.server.deadlines.retire(e.deadline)
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
		x.bytes.Add(-e.size())
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

// size is what the message is counted as; e may be nil.
func (e *retainedMessage) size() int64 {
	if e == nil {
		return 0
	}
	return e.message.size()
}

// sizeOf is the size of a topic's message, 0 if there is none.
func (x *retained) sizeOf(topic string) int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tree.get(topic).size()
}

func (x *retained) count() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tree.len
}

// each calls f for what a cursor finds, in order, until f returns false. No
// lock is held during a call.
func (x *retained) each(cur *retainedCursor, f func(*Message) bool) {
	for {
		m, done := cur.take(x, x.server.clock.now())
		if done || (m != nil && !f(m)) {
			return
		}
	}
}
