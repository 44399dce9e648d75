package mqtt

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/linnetmq/linnet/topics"
)

// retainedCursor walks the retained messages that match a new subscription as
// fast as its session can take them: a million of them cost the memory of a few.
type retainedCursor struct {
	sub        *subscription
	filter     string
	prefix     string // what every match begins with
	parent     string // the one topic without that prefix which may match
	exact      bool   // only parent matches
	last       string // the topic looked at last
	everything bool   // below the prefix matches
	begun      bool
	ended      bool               // nothing is behind last
	newest     uint64             // messages stored later were delivered as they came
	found      []*retainedMessage // matches before last, of which
	next       int                // those from next on were not taken yet
}

// cursor begins to walk for a subscription that put makes known to publishers,
// at one point in time: what is stored before it is the cursor's, and what is
// stored later finds the subscription.
func (x *retained) cursor(sub *subscription, filter string, put func()) *retainedCursor {
	cur := &retainedCursor{sub: sub, filter: filter, prefix: filter}
	x.mu.RLock()
	cur.newest, sub.newest = x.seq, x.seq
	put()
	x.mu.RUnlock()
	if i := strings.IndexAny(filter, "+#"); i >= 0 {
		cur.prefix = filter[:i]
	} else {
		cur.exact = true
	}
	cur.everything = filter == cur.prefix+"#" && cur.prefix != ""
	if cur.parent = filter; !cur.exact {
		cur.parent = strings.TrimSuffix(cur.prefix, "/") // "a/#" matches "a" as well
	}
	return cur
}

// lookahead is how many messages a cursor takes from the tree at a time, and
// scanBudget how many it looks at in vain before it lets others go first.
const (
	lookahead  = 64
	scanBudget = 512
)

// take returns the next match; nil if it must be called again to look further,
// or, with done, if there is none.
func (cur *retainedCursor) take(x *retained, now instant) (m *Message, done bool) {
	if cur.next == len(cur.found) && !cur.ended {
		cur.look(x, now)
	}
	for cur.next < len(cur.found) {
		e := cur.found[cur.next]
		cur.next++
		if e.seq.Load() <= cur.newest && !e.message.expired(now) && (cur.sub == nil || cur.sub.delivers(e.message.Topic)) {
			return e.message, false
		}
	}
	return nil, cur.ended
}

// look finds the next matches.
func (cur *retainedCursor) look(x *retained, now instant) {
	if cur.found == nil {
		cur.found = make([]*retainedMessage, 0, lookahead)
	}
	cur.found, cur.next = cur.found[:0], 0
	for seen := 0; len(cur.found) == 0 && !cur.ended && seen < scanBudget; seen += lookahead {
		cur.collect(x)
		cur.keepMatches(now)
	}
}

// collect takes the next messages from the tree, whether they match or not.
func (cur *retainedCursor) collect(x *retained) {
	from, after := cur.last, cur.begun
	if !after {
		from = cur.parent
	}
	x.mu.RLock()
	cur.found = x.tree.collect(from, after, cur.found)
	x.mu.RUnlock()
	cur.begun, cur.ended = true, len(cur.found) < lookahead
}

// keepMatches keeps what matches, and has not expired, of what was collected. It reads the messages
// in three rounds, since neighbours in the tree lie scattered in memory: the
// processor fetches those of one round together, and waits once, not 64 times.
func (cur *retainedCursor) keepMatches(now instant) {
	var messages [lookahead]*Message
	var names [lookahead]string
	var expired [lookahead]bool
	for i, e := range cur.found {
		messages[i] = e.message
	}
	n := len(cur.found)
	for i, m := range messages[:n] {
		names[i], expired[i] = m.Topic, m.expired(now)
	}
	kept := cur.found[:0]
	for i, topic := range names[:n] {
		if topic != cur.parent && (cur.exact || !strings.HasPrefix(topic, cur.prefix)) {
			cur.ended = true
			break
		}
		cur.last = topic
		if !expired[i] && (cur.everything || topics.Match(cur.filter, topic)) {
			kept = append(kept, cur.found[i])
		}
	}
	cur.found = kept
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
func (s *session) sendRetained(c *Client, now instant) (sent, room bool) {
	cur := s.cursors[0]
	sub := cur.sub
	if !c.hasRoomWithin(min(largeBuffer, int(s.server.options.Capabilities.MaximumClientWritesPending)/2)) || // a burst, not a backlog
		(sub.qos > 0 && !s.hasPlace(c)) {
		return false, false
	}
	if b := s.backlog; b != nil && sub.qos > 0 && (b.spilled > 0 || b.window.len >= windowMinimum) {
		return false, true // its turn comes when the backlog, whose turn it is now, has gone on
	}
	m, done := cur.take(&s.server.retained, now)
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

// pace spreads the sending of retained messages over time: a million of them
// would keep a core busy, and their receiver another, and others would wait for
// the kernel to give one back. After a burst the session pauses for as long, or
// longer where many stream, so that together they take half of the machine at
// most. The session's other messages do not wait.
type pace struct {
	spent   time.Duration // of the burst
	pausing bool
}

// burstTime is how long a session sends before it pauses. The runtime rounds
// short pauses up to a millisecond.
const burstTime = 100 * time.Microsecond

// streams tells whether retained messages are to be sent now. s.mu is held.
func (s *session) streams() bool { return len(s.cursors) > 0 && !s.pace.pausing }

// streamed counts what was spent on sending since a moment, and begins a pause
// when it was a burst. s.mu is held.
func (s *session) streamed(since instant) {
	s.pace.spent += time.Duration(s.server.clock.now() - since)
	if s.pace.spent < burstTime || len(s.cursors) == 0 {
		return
	}
	pausing := s.server.pausing.Add(1)
	pause := s.pace.spent * time.Duration(max(1, 2*int(pausing)/runtime.GOMAXPROCS(0)))
	s.pace = pace{pausing: s.server.spawn(func() { s.pause(pause) })}
	if !s.pace.pausing { // the server has stopped
		s.server.pausing.Add(-1)
	}
}

// pause is the goroutine of a pause: it ends with it, or with the server.
func (s *session) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.server.done:
	case <-timer.C:
	}
	s.server.pausing.Add(-1)
	s.mu.Lock()
	s.pace.pausing = false
	c := s.online.Load()
	s.unlock()
	if c != nil {
		s.pump(c)
		c.flush()
	}
}
