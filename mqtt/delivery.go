package mqtt

import (
	"slices"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// deliver takes one message for the session: it is sent now if the window and
// the connection have room and nothing waits before it, else it is queued. The
// caller flushes the connection, which r notes.
func (s *session) deliver(r *router, d delivery) {
	if s.backlog != nil && d.qos > 0 {
		s.deliverKept(r, d)
		return
	}
	s.mu.Lock()
	if s.over || s.ended {
		s.discardUncounted(d, DropSessionEnded)
		s.unlock()
		return
	}
	c := s.online.Load()
	if c != nil && s.queue.len == 0 && len(s.resend) == 0 && s.hasRoom(c) {
		s.sendLocked(c, d, r)
		s.unlock()
		return
	}
	full := s.enqueueLocked(d)
	victim := s.client
	s.unlock()
	if full && victim != nil && s.server.options.Capabilities.QueuePolicy == DisconnectSlow {
		victim.stop(protocolErrorf(packets.ErrQuotaExceeded, "the queue of this session is full"))
	}
}

// enqueueLocked queues d and reports whether it found no room.
func (s *session) enqueueLocked(d delivery) (full bool) {
	if d.qos > 0 && s.client != nil && s.window.used == identifiers {
		s.notify(d, s.server.hooks.load().onPacketIDExhausted)
	}
	ok := s.queue.push(d, s.queueLimits(), s.server.clock.now(), func(gone delivery, reason DropReason) {
		if gone.msg == d.msg && !gone.queued() {
			full = true
			s.discardUncounted(gone, reason)
			return
		}
		s.discardLocked(gone, reason)
	})
	if ok {
		s.countQueued(1, d)
	}
	return full && !ok
}

// queuedMark in delivery.sent tells a delivery that is in the queue, and thus
// counted, from one that is not yet.
const queuedMark instant = -1

func (d *delivery) queued() bool { return d.sent == queuedMark }

// hasRoom tells whether a QoS 1 or 2 message may be sent on c now: its Receive
// Maximum and its outbound queue allow it [MQTT-3.3.4-9].
func (s *session) hasRoom(c *Client) bool { return s.hasPlace(c) && c.hasRoom() }

// hasPlace tells whether the window has a place: one at a time while the memory
// budget is spent, so that acknowledgements still bring something about.
func (s *session) hasPlace(c *Client) bool {
	if s.server.spent.Load() {
		return s.outstanding == 0
	}
	return s.outstanding < int(c.receiveMaximum)
}

// hasRoom tells whether the connection's outbound queue takes more of what can
// wait; the other half of it is for QoS 0 messages, which cannot. If not, the
// connection resumes its session when it has drained.
func (c *Client) hasRoom() bool {
	return c.hasRoomWithin(int(c.server.options.Capabilities.MaximumClientWritesPending) / 2)
}

// hasRoomWithin is hasRoom with another limit in bytes. A connection that ends
// has none: what waits is for the next one.
func (c *Client) hasRoomWithin(limit int) bool {
	o := &c.out
	if c.isEnding() {
		return false
	}
	if int(o.pendingHint.Load()) <= limit {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending <= limit || o.closed {
		return true
	}
	o.starved = true
	return false
}

// pumpBudget bounds how much a pump sends before it lets others to the lock.
const pumpBudget = 256

// pump sends what waits, as far as there is room. The caller flushes.
func (s *session) pump(c *Client) {
	for more := true; more; {
		s.mu.Lock()
		more = s.online.Load() == c && s.pumpLocked(c)
		s.unlock()
	}
}

// pumpLocked sends what waits to c: first again what an earlier connection
// left unacknowledged, in its order [MQTT-4.6.0-1], then the queue and the
// retained messages for new subscriptions in turn. It returns true when its
// budget ended before its work.
func (s *session) pumpLocked(c *Client) (more bool) {
	for s.resendNext(c) {
	}
	if len(s.resend) > 0 {
		return false
	}
	var now instant
	if s.streams() {
		now = s.server.clock.now()
		defer s.streamed(now)
	}
	for budget := pumpBudget; budget > 0; budget-- {
		if s.streams() && (s.cursorTurn || !s.hasQueued()) {
			s.cursorTurn = false
			sent, room := s.sendRetained(c, now)
			if !room {
				return false
			}
			if !sent {
				budget = 0 // it looked at many in vain
			}
			continue
		}
		s.cursorTurn = true
		if !s.sendQueued(c) {
			return false
		}
	}
	return true
}

// resendNext sends the next PUBLISH, with DUP, or PUBREL of an earlier
// connection under its packet identifier [MQTT-4.4.0-1].
func (s *session) resendNext(c *Client) bool {
	if len(s.resend) == 0 {
		return false
	}
	d := s.window.find(s.resend[0])
	switch {
	case d == nil:
	case d.state == awaitStore:
		return false // PUBREL comes when it is stored
	case d.state == awaitRel:
		d.state = awaitCmp
		s.appendPubrel(c, d.packetID, packets.CodeSuccess)
	case d.state == unsent:
		if !s.hasRoom(c) {
			s.resendReleases(c)
			return false
		}
		d.state = awaitAck
		dup := d.sent != 0
		s.outstanding++
		if dup {
			d.resends++
		}
		s.transmit(c, d, dup, nil)
	}
	s.resend = s.resend[1:]
	return true
}

// resendReleases sends the PUBRELs that stand behind a PUBLISH without room:
// they need none, and what they finish makes room for it.
func (s *session) resendReleases(c *Client) {
	if s.releases {
		return
	}
	s.releases = true
	s.resend = slices.DeleteFunc(s.resend, func(id uint16) bool {
		d := s.window.find(id)
		if d == nil || d.state != awaitRel {
			return false
		}
		d.state = awaitCmp
		s.appendPubrel(c, id, packets.CodeSuccess)
		return true
	})
}

// sendQueued sends the oldest queued message, and reports whether it is worth
// trying the next.
func (s *session) sendQueued(c *Client) bool {
	if s.backlog != nil && s.sendKept(c) {
		return true
	}
	next := s.queue.peek()
	if next == nil || !c.hasRoom() {
		return false
	}
	if next.msg.expires != 0 && next.msg.expired(s.server.clock.now()) { // [MQTT-3.3.2-5]
		s.discardLocked(s.queue.pop(), DropExpired)
		return true
	}
	if next.qos > 0 && !s.hasPlace(c) {
		return false
	}
	d := s.queue.pop()
	s.countQueued(-1, d)
	return s.sendLocked(c, d, nil)
}

// sendLocked sends d on c. The caller has seen room for it. It returns false
// when no packet identifier was free and d went back to the queue.
func (s *session) sendLocked(c *Client, d delivery, r *router) bool {
	d.sent = 0
	if d.qos == 0 {
		s.transmit(c, &d, false, r)
		return true
	}
	d.state = awaitAck
	slot, dup := s.takePlace(d)
	if slot == nil { // not while what is in flight counts against Receive Maximum
		s.enqueueLocked(d)
		return false
	}
	s.countInflight(1, d)
	s.outstanding++
	s.transmit(c, slot, dup, r)
	return true
}

// takePlace gives d a packet identifier and a place in the window. dup tells that
// it may have been sent before, by an earlier run.
func (s *session) takePlace(d delivery) (slot *delivery, dup bool) {
	b := s.backlog
	if b == nil {
		return s.window.add(d), false
	}
	b.sent = max(b.sent, d.seq+1)
	return s.window.keep(d), d.seq < b.sentBefore
}

// queued counts the messages that wait. s.mu is held.
func (s *session) queued() int {
	if s.backlog != nil {
		return s.queue.len + s.backlog.len()
	}
	return s.queue.len
}

// queuedBytes is the size of the messages that wait. s.mu is held.
func (s *session) queuedBytes() int64 {
	if s.backlog != nil {
		return s.queue.bytes + s.backlog.bytes()
	}
	return s.queue.bytes
}

// hasQueued tells whether messages wait. s.mu is held.
func (s *session) hasQueued() bool {
	return s.queue.len > 0 || s.backlog != nil && !s.backlog.idle()
}

// transmit appends the PUBLISH to the connection's outbound queue. One that
// exceeds the receiver's Maximum Packet Size is dropped as if it had been sent
// [MQTT-3.1.2-25].
func (s *session) transmit(c *Client, d *delivery, dup bool, r *router) {
	set := s.server.hooks.load()
	now := s.sendingTime(d)
	d.sent = now
	out := d.outgoing(now)
	out.dup = dup
	if c.maximumPacketSize > 0 && out.size(c.version) > int(c.maximumPacketSize) {
		s.tooLarge(d)
		return
	}
	if set.onQosPublish != nil && d.qos > 0 {
		pk, resends := out.packet().Clone(), int(d.resends)
		s.later(func() {
			for _, f := range set.onQosPublish {
				f(c, pk, time.Now(), resends)
			}
		})
	}
	if set.onRetainPublished != nil && d.stored {
		s.notify(*d, set.onRetainPublished)
	}
	if set.wantsSent() || s.calling || len(s.after) > 0 {
		pk := out.packet()
		s.later(func() { _ = c.appendPacket(pk) }) // a closed queue is resent by the next connection
		return
	}
	c.appendPublish(&out, r)
}

// sendingTime is now where the time of sending matters, and any time else.
func (s *session) sendingTime(d *delivery) instant {
	if d.msg.expires == 0 && s.server.options.RetryInterval == 0 {
		return 1
	}
	return s.server.clock.now()
}

// appendPubrel queues a PUBREL in the order of the session's packets.
func (s *session) appendPubrel(c *Client, id uint16, code packets.Code) {
	if s.server.hooks.load().wantsSent() || s.calling || len(s.after) > 0 {
		s.later(func() { c.appendAck(packets.TypePubrel, id, code) })
		return
	}
	c.appendAck(packets.TypePubrel, id, code)
}

func (s *session) tooLarge(d *delivery) {
	gone := *d
	if d.qos > 0 {
		s.window.remove(d)
		s.forget(&gone)
		s.outstanding--
		s.countInflight(-1, gone)
	}
	s.discardUncounted(gone, DropTooLarge)
}

// outgoing is the PUBLISH for this delivery at a time.
func (d *delivery) outgoing(now instant) outgoing {
	out := outgoing{
		topic: d.msg.Topic, payload: d.msg.Payload, properties: d.msg.properties, ids: d.ids,
		packetID: d.packetID, qos: d.qos, retain: d.retain,
	}
	if d.msg.expires != 0 {
		out.hasExpiry, out.expiry = true, secondsLeft(d.msg.expires, now) // [MQTT-3.3.2-6]
	}
	return out
}

func (d *delivery) packet(now instant) *packets.Publish {
	out := d.outgoing(now)
	return out.packet()
}

// appendPublish queues a PUBLISH, by its Topic Alias if the receiver allows
// aliases. r, if any, notes the receiver.
func (c *Client) appendPublish(out *outgoing, r *router) {
	o := &c.out
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return
	}
	if o.aliases.maximum > 0 {
		topic := out.topic
		defer func() { out.topic, out.alias = topic, 0 }()
		c.useAliasLocked(out)
	}
	buf := out.append(o.roomLocked(out.size(c.version)), c.version)
	size := len(buf) - len(o.buf)
	o.commitLocked(buf)
	o.messages++
	if r == nil {
		o.mu.Unlock()
		c.server.stats.sent(packets.TypePublish, size)
		return
	}
	if o.lastRouter != r {
		o.lastRouter = r
		r.touched = append(r.touched, c)
	}
	o.mu.Unlock()
	r.traffic.bytesOut += int64(size)
	r.traffic.out[packets.TypePublish]++
}

// useAliasLocked gives the PUBLISH its topic's alias, unless that makes it too
// large for the client [MQTT-3.1.2-24]. c.out.mu is held.
func (c *Client) useAliasLocked(out *outgoing) {
	topic := out.topic
	alias, known := c.out.aliases.aliasFor(topic)
	out.alias = alias
	if known {
		out.topic = ""
	}
	if alias == 0 || c.maximumPacketSize == 0 || out.size(c.version) <= int(c.maximumPacketSize) {
		return
	}
	out.topic, out.alias = topic, 0
	if !known {
		c.out.aliases.forgetNewest(topic)
	}
}

// acknowledged handles PUBACK, PUBREC, PUBREL's answer and so on from the
// client: it moves the delivery on and reports whether the identifier was known.
func (s *session) acknowledged(c *Client, t packets.Type, id uint16, code packets.Code) (known bool) {
	s.mu.Lock()
	if s.client != c {
		s.unlock()
		return true // a connection that was replaced has no say any more
	}
	known = s.advanceLocked(c, t, id, code)
	more := s.pumpLocked(c)
	s.unlock()
	if more {
		s.pump(c)
	}
	return known
}

func (s *session) advanceLocked(c *Client, t packets.Type, id uint16, code packets.Code) (known bool) {
	d := s.window.find(id)
	if d == nil {
		return false
	}
	switch {
	case t == packets.TypePuback && d.qos == 1:
		s.completeLocked(d, code)
	case t == packets.TypePubrec && d.qos == 2 && code.Failed() && (d.state == awaitAck || d.state == unsent):
		s.completeLocked(d, code) // the flow is over [MQTT-4.3.3-4]
	case t == packets.TypePubrec && d.qos == 2 && !code.Failed():
		if d.state == unsent {
			s.outstanding++
		}
		if s.backlog != nil && d.state != awaitCmp {
			s.storeRelease(d)
			break
		}
		d.state = awaitCmp
		s.appendPubrel(c, id, packets.CodeSuccess)
	case t == packets.TypePubcomp && d.qos == 2 && (d.state == awaitCmp || d.state == awaitRel):
		s.completeLocked(d, code)
	default:
		return false
	}
	return true
}

func (s *session) completeLocked(d *delivery, code packets.Code) {
	gone := *d
	s.window.remove(d)
	s.forget(&gone)
	s.countInflight(-1, gone)
	if gone.state != unsent {
		s.outstanding--
	}
	if code.Failed() {
		gone.group = nil // refused messages are discarded [MQTT-4.8.2-6]
		s.server.stats.refuse(code)
		s.discardUncounted(gone, DropRefused)
		return
	}
	s.notify(gone, s.server.hooks.load().onQosComplete)
}
