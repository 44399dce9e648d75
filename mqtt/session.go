package mqtt

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// session is the state of a client that may survive its Network Connection. A
// new connection attaches to the same session, under its lock; nothing is copied.
type session struct {
	server   *Server
	key      uint64 // identifies it in the topic index
	clientID string
	username string
	version  packets.Version // of the last connection

	// online mirrors client for readers without the lock, from open on.
	online atomic.Pointer[Client]
	// qos0Waits tells that QoS 0 messages are in the queue or on their way from
	// there: later ones must not pass them.
	qos0Waits atomic.Bool

	mu             sync.Mutex
	client         *Client // the current Network Connection, nil when offline
	expiry         uint32  // Session Expiry Interval in seconds
	over           bool    // it ends with the connection that just left; nobody may attach
	ended          bool
	offlineCounted bool // it is among the offline sessions in Stats
	subscriptions  subscriptionSet
	queue          queue
	window         window
	outstanding    int                 // of the window, all that need not be sent again on this connection
	resend         []uint16            // identifiers to send again on this connection, in order
	releases       bool                // the PUBRELs among them were sent before their turn
	received       map[uint16]struct{} // the client's QoS 2 packet identifiers awaiting PUBREL
	cursors        []*retainedCursor   // retained messages still to be sent
	cursorTurn     bool
	pace           pace
	will           *delayedWill // waits for its Will Delay Interval
	after          []func()     // calls of hooks, made by unlock
	calling        bool

	backlog *backlog // of a session that the store keeps, else nil; never changes

	deadline deadline // session expiry or will delay, whichever is first
	endsAt   instant  // when the offline session expires, 0 never
	leftAt   instant  // when its last connection ended, 0 while there was none
	dropped  int64    // messages it lost
}

func (s *Server) newSession(clientID, username string) *session {
	sess := &session{server: s, key: s.nextKey(), clientID: clientID, username: username}
	sess.deadline.owner = sess
	return sess
}

// later has f called by unlock, after the lock is released, in order. s.mu is held.
func (s *session) later(f func()) { s.after = append(s.after, f) }

// unlock releases the lock and makes the calls that were put off, one caller
// at a time, so that their order is that of the events. The connection is
// flushed after calls made for others.
func (s *session) unlock() {
	if s.backlog != nil && s.backlog.tx != nil {
		s.commitLocked()
	}
	if s.calling {
		s.mu.Unlock()
		return
	}
	if len(s.after) == 0 {
		s.liftQoS0()
		s.mu.Unlock()
		return
	}
	s.calling = true
	for len(s.after) > 0 {
		calls, c := s.after, s.client
		s.after = nil
		s.mu.Unlock()
		for _, call := range calls {
			if !s.server.guard(call) && c != nil {
				c.kill(errHookPanic)
			}
		}
		if c != nil {
			c.flush()
		}
		s.mu.Lock()
	}
	s.calling = false
	s.liftQoS0()
	s.mu.Unlock()
}

// liftQoS0 lets QoS 0 messages past the session again, once those that waited
// are in the outbound queue and not only out of the session's. s.mu is held.
func (s *session) liftQoS0() {
	if s.queue.qos0 == 0 && s.qos0Waits.Load() {
		s.qos0Waits.Store(false)
	}
}

var errHookPanic = errors.New("a hook panicked")

// durable tells that the session outlives its connection. s.mu is held.
func (s *session) durable() bool { return s.expiry > 0 }

// endsNow tells that the session is over when its connection is, or was.
func (s *session) endsNow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.durable()
}

func (s *session) limits() queueLimits {
	c := &s.server.options.Capabilities
	limits := queueLimits{c.MaximumQueueMessages, c.MaximumQueueBytes, c.QueuePolicy}
	if s.durable() {
		limits = queueLimits{c.MaximumDurableQueueMessages, c.MaximumDurableQueueBytes, c.QueuePolicy}
	}
	if s.server.spent.Load() {
		limits.bytes = min(limits.bytes, s.queue.bytes)
	}
	return limits
}

// queueLimits are the limits of the queue alone, which shares them with the
// backlog. s.mu is held.
func (s *session) queueLimits() queueLimits {
	limits := s.limits()
	if b := s.backlog; b != nil {
		limits.messages -= b.len()
		limits.bytes -= b.bytes()
	}
	return limits
}

// attach makes c the session's Network Connection and returns the one it
// replaces, nil if none. What was in flight will be sent again on it.
func (s *session) attach(c *Client, expiry uint32) (old *Client) {
	s.mu.Lock()
	defer s.unlock()
	old = s.client
	if old == nil && s.offlineCounted {
		s.server.stats.offline.Add(-1)
	}
	s.offlineCounted = false
	s.client = c
	s.online.Store(nil) // what comes now is queued, until open
	s.version = c.version
	s.expiry = expiry
	s.outstanding = 0
	s.resend, s.releases = s.resend[:0], false
	for _, d := range s.window.ordered() {
		switch d.state {
		case awaitAck, unsent:
			d.state = unsent
			s.resend = append(s.resend, d.packetID)
		case awaitCmp, awaitRel, awaitStore:
			if d.state == awaitCmp {
				d.state = awaitRel
			}
			s.outstanding++
			s.resend = append(s.resend, d.packetID)
		case unused:
		}
	}
	s.will, s.endsAt = nil, 0 // a new connection cancels a delayed Will [MQTT-3.1.3-9]
	s.server.deadlines.stop(&s.deadline)
	if s.backlog != nil {
		s.backlog.will, s.backlog.disconnectedAt = c.will, time.Time{}
	}
	return old
}

// before returns what a connection changes, for one that is refused in the end.
func (s *session) before() (expiry uint32, will *delayedWill) {
	s.mu.Lock()
	defer s.unlock()
	return s.expiry, s.will
}

// expireAs sets the Session Expiry Interval, in seconds, if c is still the
// session's connection.
func (s *session) expireAs(c *Client, expiry uint32) {
	s.mu.Lock()
	defer s.unlock()
	if s.client == c {
		s.expiry = expiry
	}
}

// open lets messages flow to c after its CONNACK is queued.
func (s *session) open(c *Client) {
	s.mu.Lock()
	if s.client == c {
		s.online.Store(c)
	}
	s.unlock()
	s.pump(c)
}

// detach ends c's hold on the session, if it still has one. It returns whether
// the session must end now.
func (s *session) detach(c *Client, will *delayedWill) (held, end bool) {
	s.mu.Lock()
	defer s.unlock()
	if s.client != c {
		return false, false
	}
	s.client = nil
	s.online.Store(nil)
	if s.expiry == 0 {
		s.over = true
		return true, true
	}
	s.offlineCounted = true
	s.server.stats.offline.Add(1)
	now := s.server.clock.now()
	s.leftAt = now
	s.endsAt = 0
	if s.expiry != expiryNever {
		s.endsAt = now + instant(s.expiry)*instant(time.Second)
	}
	s.will = will
	s.scheduleLocked()
	s.redispatchLocked()
	s.rest()
	return true, false
}

// scheduleLocked sets the deadline to the next thing that time brings to the
// offline session.
func (s *session) scheduleLocked() {
	at := s.endsAt
	if s.will != nil && (at == 0 || s.will.due < at) {
		at = s.will.due
	}
	if at != 0 {
		s.server.deadlines.set(&s.deadline, at)
	}
}

// expire is called by the deadline: the will is due, or the session has expired.
func (s *session) expire(now instant) {
	s.mu.Lock()
	if s.ended || s.client != nil {
		s.mu.Unlock()
		return
	}
	will := s.will
	ends := s.endsAt != 0 && now >= s.endsAt
	if will != nil && now < will.due && !ends {
		will = nil
	}
	if will != nil {
		s.will = nil
		s.save(nil)
	}
	if !ends {
		s.scheduleLocked()
	}
	s.mu.Unlock()
	if will == nil && !ends {
		return
	}
	s.server.spawn(func() { // hooks may block, which deadlines may not
		if will != nil {
			s.server.publishWill(will)
		}
		if ends {
			s.server.sessionExpired(s)
		}
	})
}

// end empties the session for good. It returns the connection it had, nil if
// none, and a Will Message that was still delayed. What it held of shared
// subscriptions goes to other members.
//
// Publishers that still have the session among their receivers wait for its
// lock, so a large session is emptied bit by bit.
func (s *session) end(changes *storeChanges) (c *Client, will *delayedWill) {
	c, will, subscriptions, first := s.closed()
	if !first {
		return nil, nil
	}
	subscriptions.all(s.server.removeSubscription)
	s.dropSpilled()
	for s.dropSome() {
	}
	s.erase(changes)
	return c, will
}

// closed marks the session as ended: nothing is added to it any more. first is
// false if it was.
func (s *session) closed() (c *Client, will *delayedWill, subs subscriptionSet, first bool) {
	s.mu.Lock()
	defer s.unlock()
	if s.ended {
		return nil, nil, subs, false
	}
	s.ended = true
	if s.offlineCounted {
		s.server.stats.offline.Add(-1)
		s.offlineCounted = false
	}
	c, will = s.client, s.will
	s.client, s.will = nil, nil
	s.online.Store(nil)
	s.server.deadlines.retire(&s.deadline)
	subs, s.subscriptions = s.subscriptions, subscriptionSet{}
	s.cursors, s.received, s.resend = nil, nil, nil
	return c, will, subs, true
}

// dropSome drops some of what an ended session has queued, and at last what is
// in flight; more tells that it must be called again.
func (s *session) dropSome() (more bool) {
	s.mu.Lock()
	defer s.unlock()
	for range pumpBudget {
		if s.queue.len > 0 {
			s.discardLocked(s.queue.pop(), DropSessionEnded)
		} else if s.backlog != nil && s.backlog.window.len > 0 {
			s.discardLocked(s.backlog.window.pop(), DropSessionEnded)
		}
	}
	if s.queue.len > 0 || s.backlog != nil && s.backlog.window.len > 0 {
		return true
	}
	for _, d := range s.window.ordered() {
		if d.qos == 2 {
			d.group = nil // sent to this member, so to nobody else [MQTT-4.8.2-5]
		}
		gone := *d
		s.window.remove(d)
		s.countInflight(-1, gone)
		s.server.stats.inflightDropped.Add(1)
		s.notify(gone, s.server.hooks.load().onQosDropped)
		s.discardUncounted(gone, DropSessionEnded)
	}
	return false
}

// discardLocked drops a delivery that left the queue.
func (s *session) discardLocked(d delivery, reason DropReason) {
	s.countQueued(-1, d)
	s.discardUncounted(d, reason)
}

// discardUncounted drops a delivery: one of a shared subscription whose member
// is gone is given to another, all others are counted and told to observers.
func (s *session) discardUncounted(d delivery, reason DropReason) {
	if d.group != nil && reason == DropSessionEnded && !s.sentEarlier(&d) {
		group, from := d.group, s
		s.later(func() { s.server.redispatch(group, d, from) })
		return
	}
	s.dropped++
	s.server.stats.drop(reason)
	s.notifyDropped(d, reason)
}

func (s *session) notifyDropped(d delivery, reason DropReason) {
	tell := s.server.hooks.load().onPublishDropped
	if tell == nil || d.msg == passed {
		return
	}
	c, gone := s.observedClient(), d // a copy of its own: without hooks d stays off the heap
	s.later(func() {
		for _, f := range tell {
			f(c, gone.packet(s.server.clock.now()), reason)
		}
	})
}

// notify has observers of a QoS flow told.
func (s *session) notify(d delivery, tell []func(*Client, *packets.Publish)) {
	if tell == nil || d.msg == passed {
		return
	}
	c, told := s.observedClient(), d // a copy of its own: without hooks d stays off the heap
	s.later(func() {
		for _, f := range tell {
			f(c, told.packet(s.server.clock.now()))
		}
	})
}

// observedClient is the client hooks are told about: the current one, or one
// without a connection that has the session's identity. s.mu is held.
func (s *session) observedClient() *Client {
	if s.client != nil {
		return s.client
	}
	return s.offlineClient()
}

func (s *session) offlineClient() *Client {
	c := &Client{server: s.server, clientID: s.clientID, username: s.username, version: s.version, inline: false}
	c.session.Store(s)
	c.out.closed = true
	return c
}

// redispatchLocked gives away, when the connection is lost, what other members
// of the shared subscriptions can take now: messages not sent yet, and QoS 1
// messages without PUBACK. QoS 2 messages that were sent stay [MQTT-4.8.2-4].
func (s *session) redispatchLocked() {
	asked := make(map[*shareGroup]bool)
	elsewhere := func(d *delivery) bool {
		if d.group == nil || s.sentEarlier(d) {
			return false
		}
		online, known := asked[d.group]
		if !known {
			online = d.group.hasOnlineMember(s)
			asked[d.group] = online
		}
		return online
	}
	s.queue.dropWhere(elsewhere, func(d delivery) { s.discardLocked(d, DropSessionEnded) })
	if s.backlog != nil {
		s.backlog.window.dropWhere(elsewhere, func(d delivery) { s.dropKept(d, DropSessionEnded) })
	}
	for _, d := range s.window.ordered() {
		if d.qos == 1 && elsewhere(d) {
			gone := *d
			s.window.remove(d)
			s.countInflight(-1, gone)
			if s.backlog != nil {
				s.handOver(gone)
				continue
			}
			s.discardUncounted(gone, DropSessionEnded)
		}
	}
}

func (s *session) countInflight(n int64, d delivery) {
	shard := &s.server.stats.shards[s.key%counterShards]
	shard.inflight.Add(n)
	shard.inflightBytes.Add(n * d.msg.size())
}

func (s *session) countQueued(n int64, d delivery) {
	st := &s.server.stats
	st.queued.Add(n)
	st.queuedBytes.Add(n * d.msg.size())
	if d.qos == 0 && n > 0 {
		s.qos0Waits.Store(true)
	}
}
