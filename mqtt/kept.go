package mqtt

import (
	"time"

	"github.com/linnetmq/linnet/packets"
)

// The part of a session that is kept in the store: its QoS 1 and 2 messages go
// through the backlog rather than the queue.

// newKept makes the session one that the store keeps. Nobody else knows it yet.
func (s *session) newKept(number uint64) { s.backlog = newBacklog(number) }

// deliverKept takes one message of QoS 1 or 2: its reference joins what r has
// stored. QoS 1 is sent at once if nothing waits before it: should the server
// crash before it is stored, its publisher sends it again. QoS 2 waits until it
// is stored, since its packet identifier must not come to mean another message.
func (s *session) deliverKept(r *router, d delivery) {
	s.mu.Lock()
	if s.over || s.ended {
		s.discardUncounted(d, DropSessionEnded)
		s.unlock()
		return
	}
	if err := s.openLocked(); err != nil {
		r.begin().err = err
		s.discardUncounted(d, DropNotStored)
		s.unlock()
		return
	}
	if !s.makeRoom(&d) {
		s.discardUncounted(d, DropQueueFull)
		victim := s.client
		s.unlock()
		if victim != nil && s.server.options.Capabilities.QueuePolicy == DisconnectSlow {
			victim.stop(protocolErrorf(packets.ErrQuotaExceeded, "the queue of this session is full"))
		}
		return
	}
	r.keep(s, &d)
	c := s.online.Load()
	if c != nil && !d.waits && s.backlog.idle() && len(s.resend) == 0 && s.hasRoom(c) && s.window.hasFree(identifier(d.seq)) {
		s.backlog.passed()
		s.sendLocked(c, d, r)
	} else {
		s.pushKept(d)
	}
	s.unlock()
}

// pushKept lets a delivery that has its place wait. s.mu is held.
func (s *session) pushKept(d delivery) {
	if s.backlog.push(d, s.client != nil) {
		s.countQueued(1, d)
	} else {
		s.server.stats.spilled.Add(1)
	}
}

// makeRoom makes room in a full queue by its rules, and reports whether there
// is any for d. s.mu is held; it is released for a moment when messages must be
// read from the store to be dropped.
func (s *session) makeRoom(d *delivery) bool {
	b, limits := s.backlog, s.limits()
	fits := func() bool {
		messages, bytes := s.queued(), s.queuedBytes()
		return messages < limits.messages && (bytes+d.msg.size() <= limits.bytes || messages == 0)
	}
	if fits() {
		return true
	}
	s.expireKept(fits)
	for !fits() && s.queue.qos0 > 0 {
		s.discardLocked(s.queue.takeQoS0(), DropQueueFull)
	}
	if limits.policy == DropOldest {
		for !fits() && s.oldestLoaded() {
			s.dropKept(b.window.pop(), DropQueueFull)
		}
	}
	return fits() && !s.ended
}

// expireKept drops deliveries that have expired, of those in the store the
// oldest if that makes none fit. s.mu is held; it may be released for a moment.
func (s *session) expireKept(fits func() bool) {
	b, now := s.backlog, s.server.clock.now()
	b.window.dropExpired(now, s.dropKept)
	if b.expires != 0 && b.expires <= now && !fits() && s.oldestLoaded() {
		b.window.dropExpired(now, s.dropKept)
	}
}

// oldestLoaded tells whether the oldest delivery is in memory, reading it if it
// is not.
func (s *session) oldestLoaded() bool {
	b := s.backlog
	if b.window.len == 0 && b.spilled > 0 && b.from < b.stable && !b.refilling {
		b.refilling = true
		from, to, generation := b.from, b.stable, b.generation
		s.unlock()
		s.refill(from, to, generation)
		s.mu.Lock()
	}
	return b.window.len > 0
}

// sentEarlier tells that an earlier run may have sent a QoS 2 message to this
// session. Then it is no other member's of its shared subscription
// [MQTT-4.8.2-4] [MQTT-4.8.2-5].
func (s *session) sentEarlier(d *delivery) bool {
	return s.backlog != nil && d.qos == 2 && d.seq < s.backlog.sentBefore
}

// dropKept drops a delivery that left the window.
func (s *session) dropKept(d delivery, reason DropReason) {
	if d.group != nil && reason == DropSessionEnded {
		s.countQueued(-1, d)
		s.handOver(d)
		return
	}
	s.dequeue(d.seq)
	s.discardLocked(d, reason)
}

// handOver gives a delivery of a shared subscription to another member. The
// transaction that stores it there removes it here, so that a crash finds it at
// one of them. s.mu is held.
func (s *session) handOver(d delivery) {
	stored, from := s.backlog.leave(d.seq), s
	s.later(func() { s.server.handOver(from, d, stored) })
}

// takeBack lets the session keep a delivery that nobody else took and the store
// still has here. It reports false if the session must not have it any more.
func (s *session) takeBack(place uint64) bool {
	s.mu.Lock()
	defer s.unlock()
	b := s.backlog
	if s.client != nil || s.ended || b.window.len > 0 {
		return false
	}
	b.from = min(b.from, place)
	b.spilled++
	b.shared++
	s.server.stats.spilled.Add(1)
	return true
}

// dequeue removes a delivery from the store, now or when it is there. s.mu is held.
func (s *session) dequeue(place uint64) {
	if s.backlog.leave(place) {
		s.changing().Dequeue(s.backlog.number, place)
	}
}

// changing is the transaction of whoever holds the lock; unlock commits it. s.mu
// is held.
func (s *session) changing() StoreTx {
	if s.backlog.tx == nil {
		s.backlog.tx = s.server.options.Store.Begin()
	}
	return s.backlog.tx
}

// commitLocked commits what the lock's holder changed. s.mu is held, so that
// changes of one session reach the store in their order.
func (s *session) commitLocked() {
	b := s.backlog
	tx, released := b.tx, b.released
	b.tx, b.released = nil, nil
	if len(released) == 0 {
		s.server.commitLazily(tx)
		return
	}
	c := &commit{server: s.server, session: s, client: s.client, released: released}
	tx.Commit(s.level(), c.done)
}

// durability is the class of the session's changes, in a word. s.mu is held.
func (s *session) durability() string {
	switch {
	case s.backlog == nil:
		return "memory"
	case s.client != nil:
		return s.server.weakened(s.client.durability()).String()
	}
	return s.server.weakened(s.server.options.Durability).String()
}

// level is how durable the session's own changes are. s.mu is held.
func (s *session) level() StoreLevel {
	if s.client != nil {
		return s.client.durability().level()
	}
	return s.server.options.Durability.level()
}

// settle notes that the reference at a place is in the store or, with an error,
// that it is not. It tells whether the session may go on.
func (s *session) settle(k *keptDelivery, err error) (pump bool) {
	s.mu.Lock()
	defer s.unlock()
	b, place := s.backlog, k.place
	gone := b.settle(place)
	switch {
	case err != nil:
		b.unremoved = append(b.unremoved, k.removes...)
		s.lose(place)
	case gone || s.ended:
		s.changing().Dequeue(b.number, place)
	}
	if err == nil {
		b.removed(k.removes)
	}
	next := b.window.peek()
	return s.online.Load() != nil && (next != nil && next.waits || b.wantsMore())
}

// lose drops a delivery that could not be stored, if it was not sent. s.mu is held.
func (s *session) lose(place uint64) {
	b := s.backlog
	if b.failed == nil {
		b.failed = make(map[uint64]struct{})
	}
	b.failed[place] = struct{}{}
	b.unremoved = append(b.unremoved, place)
	if place >= b.from {
		if b.spilled > 0 {
			b.spilled--
			s.server.stats.spilled.Add(-1)
			s.server.stats.drop(DropNotStored)
		}
		return
	}
	b.window.dropWhere(func(d *delivery) bool { return d.seq == place }, func(d delivery) {
		s.discardLocked(d, DropNotStored)
	})
}

// release sends the PUBRELs for PUBRECs that are in the store now. If they could
// not be stored, mend tries again.
func (s *session) release(c *Client, ids []uint16, err error) {
	s.mu.Lock()
	defer s.unlock()
	for _, id := range ids {
		d := s.window.find(id)
		if d == nil || d.state != awaitStore {
			continue
		}
		switch {
		case err != nil:
			s.server.storeMissed()
		case s.client == c && s.client != nil:
			d.state = awaitCmp
			s.appendPubrel(c, id, packets.CodeSuccess)
		default:
			d.state = awaitRel
		}
	}
}

// sendKept sends the oldest delivery of the backlog, and reports whether it is
// worth trying the next. s.mu is held.
func (s *session) sendKept(c *Client) bool {
	b := s.backlog
	if b.wantsMore() {
		s.startRefill()
	}
	next := b.window.peek()
	if next == nil || !c.hasRoom() {
		return false
	}
	if next.msg.expires != 0 && next.msg.expired(s.server.clock.now()) { // [MQTT-3.3.2-5]
		s.dropKept(b.window.pop(), DropExpired)
		return true
	}
	if b.check != nil && !(*b.check)(next.msg.Topic) {
		s.dropDeniedKept(b.window.pop())
		return true
	}
	if next.waits && !b.settled(next.seq) || !s.hasPlace(c) || !s.window.hasFree(identifier(next.seq)) {
		return false
	}
	d := b.window.pop()
	s.countQueued(-1, d)
	return s.sendLocked(c, d, nil)
}

// startRefill reads more of the backlog on another goroutine. s.mu is held.
func (s *session) startRefill() {
	b := s.backlog
	b.refilling = true
	from, to, generation := b.from, b.stable, b.generation
	b.refilling = s.server.spawn(func() {
		s.refill(from, to, generation)
		if c := s.online.Load(); c != nil {
			s.pump(c)
			c.flush()
		}
	})
}

// refill reads deliveries with from <= place < to into the window, as many as it
// takes.
func (s *session) refill(from, to uint64, generation int) {
	var list []*StoredDelivery
	bytes := 0
	more := false
	err := s.server.options.Store.Queue(s.backlog.number, from, to, func(d *StoredDelivery) bool {
		list = append(list, d)
		bytes += len(d.Body.Payload) + len(d.Body.Topic) + len(d.Body.Properties)
		more = len(list) >= windowMaximum || bytes >= windowBytes
		return !more
	})
	s.mu.Lock()
	defer s.unlock()
	b := s.backlog
	if b.generation != generation || s.ended {
		return
	}
	b.refilling = false
	if err != nil {
		if s.server.limited.allows() {
			s.server.log.Error("cannot read queued messages", "client_id", s.clientID, "err", err)
		}
		return // asked again by whatever happens next
	}
	for _, from := range list {
		s.refillOne(from)
	}
	before := b.spilled
	b.spilled = max(0, b.spilled-len(list))
	switch {
	case !more: // whatever else was there is gone
		b.from = to
		b.spilled = int(b.next - to)
	case b.from < b.next: // it is a guess, but there may be more
		b.spilled = max(1, b.spilled)
	}
	s.server.stats.spilled.Add(int64(b.spilled - before))
	if b.spilled == 0 {
		b.shared, b.expires = 0, 0
		b.passed()
	}
}

// refillOne takes one delivery from the store: into the window of what waits, or
// into that of what is in flight, if PUBREC came for it.
func (s *session) refillOne(from *StoredDelivery) {
	b := s.backlog
	ref := &from.Reference
	b.from, b.fromTotal = ref.Place+1, ref.Total
	_, gone := b.gone[ref.Place]
	_, failed := b.failed[ref.Place]
	if gone || failed {
		return
	}
	if from.Released {
		s.resume(delivery{seq: ref.Place})
		return
	}
	d := s.restored(from)
	b.window.append(d)
	s.countQueued(1, d)
}

// resume goes on with a QoS 2 flow of an earlier run: PUBREL is due. s.mu is held.
func (s *session) resume(d delivery) {
	id := identifier(d.seq)
	if s.window.find(id) != nil {
		return
	}
	d.msg, d.qos, d.state = new(Message), 2, awaitRel
	s.window.makeFree(id)
	s.window.keep(d)
	s.countInflight(1, d)
	s.outstanding++
	if s.client == nil {
		return
	}
	s.resend = append(s.resend, id)
}

// storedMessage is the message the store kept.
func (s *Server) storedMessage(body *StoredBody) *Message {
	m := &Message{
		Topic: body.Topic, Payload: body.Payload, QoS: body.QoS, Retain: body.Retain, Origin: body.Origin,
		properties: body.Properties,
	}
	if body.ExpiresAt != 0 {
		m.expires = max(1, s.clock.at(time.Unix(0, body.ExpiresAt)))
	}
	return m
}

// openLocked finds out what an earlier run left in the queue, when it is needed
// for the first time. s.mu is held.
func (s *session) openLocked() error {
	b := s.backlog
	if b == nil || b.opened {
		return nil
	}
	first, last, err := s.server.options.Store.QueueEnds(b.number)
	if err != nil {
		return err
	}
	b.opened = true
	b.next = max(last.Place+1, min(b.sentBefore, last.Place+1), 1)
	b.total = last.Total
	b.sentBefore = min(b.sentBefore, b.next)
	b.sent, b.stable = b.sentBefore, b.next
	b.from, b.fromTotal = b.next, b.total
	if last.Place > 0 {
		b.from, b.fromTotal = first.Place, min(first.Total, last.Total)
		b.spilled = int(b.next - b.from)
		b.shared = b.spilled
		b.expires = 1 // some may have
		s.server.stats.spilled.Add(int64(b.spilled))
	}
	return nil
}

// record is what the store keeps of the session itself. s.mu is held.
func (s *session) record() *StoredSession {
	r := &StoredSession{
		Session: s.backlog.number, ClientID: s.clientID, Username: s.username, Version: s.version,
		SessionExpiryInterval: s.expiry, SentBefore: s.backlog.sent,
	}
	if s.client != nil {
		r.Will = s.backlog.will
		return r
	}
	r.DisconnectedAt = s.backlog.disconnectedAt
	if s.will != nil {
		r.Will = s.will.will
	}
	return r
}

// save has the session's record written. s.mu is held.
func (s *session) save(changes *storeChanges) {
	if s.backlog == nil || s.ended {
		return
	}
	tx := s.server.options.Store.Begin()
	tx.PutSession(s.record())
	s.server.commitChange(tx, changes)
}

// forget removes what left the window from the store. s.mu is held.
func (s *session) forget(d *delivery) {
	if s.backlog != nil && d.qos > 0 {
		s.dequeue(d.seq)
	}
}

// storeRelease has the PUBREC for d stored; PUBREL follows. s.mu is held.
func (s *session) storeRelease(d *delivery) {
	if d.state == awaitStore {
		return
	}
	if s.level() == StoreLazy && s.client != nil {
		d.state = awaitCmp
		s.changing().Release(s.backlog.number, d.seq, s.backlog.total)
		s.appendPubrel(s.client, d.packetID, packets.CodeSuccess)
		return
	}
	d.state = awaitStore
	s.changing().Release(s.backlog.number, d.seq, s.backlog.total)
	s.backlog.released = append(s.backlog.released, d.packetID)
}

// rest puts the backlog of a session that lost its connection back into the
// store and writes its record. s.mu is held.
func (s *session) rest() {
	if s.backlog == nil {
		return
	}
	b := s.backlog
	for p := b.window.first; p < b.window.next; p++ {
		if d := b.window.at(p); d.msg != nil {
			s.countQueued(-1, *d)
			s.server.stats.spilled.Add(1)
		}
	}
	b.spill()
	b.disconnectedAt = time.Now()
	s.save(nil)
	if b.shared > 0 {
		from, to, generation := b.from, b.stable, b.generation
		s.later(func() { // behind what was handed over from memory
			s.server.spawn(func() { s.giveAway(from, to, generation) })
		})
	}
}

// erase removes an ended session from the store.
func (s *session) erase(changes *storeChanges) {
	if s.backlog == nil {
		return
	}
	s.mu.Lock()
	defer s.unlock()
	s.server.eraseSession(s.backlog.number, changes)
}

// dropSpilled drops what an ended session has in the store only. It is read if
// anybody wants to know, or may have it instead.
func (s *session) dropSpilled() {
	if s.backlog == nil {
		return
	}
	b := s.backlog
	s.mu.Lock()
	_ = s.openLocked() // what cannot be read is erased all the same
	n, shared, from, to := b.spilled, b.shared, b.from, b.stable
	b.spilled, b.shared = 0, 0
	s.server.stats.spilled.Add(-int64(n))
	s.unlock()
	if n == 0 {
		return
	}
	if shared == 0 && s.server.hooks.load().onPublishDropped == nil {
		s.server.stats.dropped[DropSessionEnded].Add(int64(n))
		return
	}
	s.eachSpilled(from, to, func(d delivery) bool {
		s.mu.Lock()
		s.discardUncounted(d, DropSessionEnded)
		s.unlock()
		return true
	})
}

// eachSpilled calls f for the deliveries in the store from one place to another,
// except those in flight, until it returns false. No lock is held.
func (s *session) eachSpilled(from, to uint64, f func(delivery) bool) {
	// What left before, a moment ago, must not be seen.
	err := s.server.await(new(storeChanges), DurabilityOS)
	if err == nil {
		err = s.server.options.Store.Queue(s.backlog.number, from, to, func(d *StoredDelivery) bool {
			return d.Released || f(s.restored(d))
		})
	}
	if err != nil && s.server.limited.allows() {
		s.server.log.Error("cannot read queued messages", "client_id", s.clientID, "err", err)
	}
}

// restored is a delivery that the store kept.
func (s *session) restored(from *StoredDelivery) delivery {
	ref := &from.Reference
	d := delivery{ids: ref.IDs, qos: ref.QoS, retain: ref.Retain, seq: ref.Place, msg: s.server.storedMessage(&from.Body)}
	if ref.Share != "" {
		d.group = s.server.shares.find(ref.Share)
	}
	return d
}

// giveAway gives what came by shared subscriptions and waits in the store to
// other members that are connected, after the session lost its connection.
func (s *session) giveAway(from, to uint64, generation int) {
	s.eachSpilled(from, to, func(d delivery) bool {
		if d.group == nil || s.sentEarlier(&d) || !d.group.hasOnlineMember(s) {
			return true
		}
		s.mu.Lock()
		mine := s.client == nil && !s.ended && d.seq >= s.backlog.from && generation == s.backlog.generation
		if mine {
			s.backlog.spilled = max(0, s.backlog.spilled-1)
			s.server.stats.spilled.Add(-1)
			s.handOver(d)
		}
		s.unlock()
		return mine
	})
}

// sendRetainedKept sends a retained message of QoS 1 or 2 for a new
// subscription, by way of the backlog. s.mu is held.
func (s *session) sendRetainedKept(c *Client, d delivery) (room bool) {
	b := s.backlog
	if err := s.openLocked(); err != nil {
		s.discardUncounted(d, DropNotStored)
		return false
	}
	level := s.level()
	ref, body := b.take(&d), s.server.storedBody(d.msg)
	tx := s.server.options.Store.Begin()
	tx.Enqueue(&body, []StoredReference{ref})
	d.waits = d.qos == 2 && level != StoreLazy
	if !d.waits {
		level = StoreLazy // nobody waits for it
	}
	tx.Commit(level, (&commit{server: s.server, kept: []keptDelivery{{session: s, place: d.seq}}}).done)
	if !d.waits && b.idle() && s.window.hasFree(identifier(d.seq)) {
		b.passed()
		return s.sendLocked(c, d, nil)
	}
	s.pushKept(d)
	return true
}
