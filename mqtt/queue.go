package mqtt

// DropReason says why a message did not reach a receiver.
type DropReason byte

const (
	// DropQueueFull: the session's queue had no room.
	DropQueueFull DropReason = iota
	// DropSlowConnection: a QoS 0 message for a connection that does not read fast enough.
	DropSlowConnection
	// DropExpired: its Message Expiry Interval had passed.
	DropExpired
	// DropTooLarge: it exceeds the receiver's Maximum Packet Size.
	DropTooLarge
	// DropSessionEnded: its session ended while it waited.
	DropSessionEnded
	// DropRefused: the receiver refused it by a Reason Code of 0x80 or above.
	DropRefused
	// DropNoMember: a shared subscription had no member to take it.
	DropNoMember
	// DropNotAuthorized: the publisher, or the receiver, may not.
	DropNotAuthorized
	// DropByHook: a hook rejected it.
	DropByHook
	// DropNotRetained: the memory budget had no room for another retained
	// message. Publishers that can be told were refused, messages of others
	// went to those who are subscribed now.
	DropNotRetained
	// DropNotStored: it could not be written to the store.
	DropNotStored

	dropReasons = iota
)

// String names the reason as metrics and logs do.
func (r DropReason) String() string {
	return [...]string{
		"queue_full", "slow_connection", "expired", "too_large", "session_ended",
		"refused", "no_member", "not_authorized", "hook", "not_retained", "not_stored",
	}[r]
}

// queue holds the deliveries that wait for a session, oldest first. It is
// bounded by messages and bytes, and knows no lock, clock or client.
//
// Deliveries have places, numbers that only grow. One that leaves before its
// turn leaves a hole, so that making room in a full queue costs no walk
// through it.
type queue struct {
	ring     []delivery // by place modulo its length, a power of two
	first    uint64     // place of the oldest delivery
	next     uint64     // place of the delivery to come
	bare     uint64     // no QoS 0 delivery stands before this place
	bytes    int64
	len      int // deliveries, without holes
	qos0     int // how many of them are QoS 0
	expiries *expiries
}

type queueLimits struct {
	messages int
	bytes    int64
	policy   QueuePolicy
}

// push appends d. If the limits do not allow it, it makes room: expired
// messages go first, then QoS 0 ones, then what the policy says. dropped is
// told each delivery that goes; ok is false if d itself was not taken.
func (q *queue) push(d delivery, limits queueLimits, now instant, dropped func(delivery, DropReason)) (ok bool) {
	size := d.msg.size()
	if !q.fits(size, limits) {
		q.dropExpired(now, dropped)
	}
	for !q.fits(size, limits) && q.qos0 > 0 {
		dropped(q.takeQoS0(), DropQueueFull)
	}
	if !q.fits(size, limits) && d.qos > 0 && limits.policy == DropOldest {
		for q.len > 0 && !q.fits(size, limits) {
			dropped(q.pop(), DropQueueFull)
		}
	}
	if !q.fits(size, limits) {
		dropped(d, DropQueueFull)
		return false
	}
	q.append(d)
	return true
}

// fits tells whether a message of size bytes is within the limits. One message
// larger than the byte limit fits an empty queue.
func (q *queue) fits(size int64, limits queueLimits) bool {
	return q.len < limits.messages && (q.bytes+size <= limits.bytes || q.len == 0)
}

func (q *queue) append(d delivery) {
	if q.next-q.first == uint64(len(q.ring)) {
		q.makePlaces()
	}
	d.sent = queuedMark
	*q.at(q.next) = d
	if q.expiries != nil {
		q.noteExpiry(q.next, &d)
	}
	q.next++
	q.len++
	q.bytes += d.msg.size()
	if d.qos == 0 {
		q.qos0++
	}
}

func (q *queue) at(place uint64) *delivery { return &q.ring[place&uint64(len(q.ring)-1)] }

// makePlaces closes the holes of a full ring, if they are many, or doubles it.
func (q *queue) makePlaces() {
	if holes := len(q.ring) - q.len; holes*4 > len(q.ring) {
		q.closeHoles()
		return
	}
	grown := queue{ring: make([]delivery, max(4, 2*len(q.ring)))}
	for p := q.first; p < q.next; p++ {
		*grown.at(p) = *q.at(p)
	}
	q.ring = grown.ring
}

func (q *queue) closeHoles() {
	keep, bare := q.first, q.first
	for p := q.first; p < q.next; p++ {
		d := *q.at(p)
		*q.at(p) = delivery{}
		if d.msg == nil {
			continue
		}
		*q.at(keep) = d
		keep++
		if p < q.bare {
			bare = keep
		}
	}
	q.next, q.bare, q.expiries = keep, bare, nil
}

// peek returns the oldest delivery, nil if there is none.
func (q *queue) peek() *delivery {
	if q.len == 0 {
		return nil
	}
	return q.at(q.first)
}

// pop removes the oldest delivery.
func (q *queue) pop() delivery { return q.take(q.first) }

// take removes the delivery at a place. The oldest place is never a hole.
func (q *queue) take(place uint64) delivery {
	d := *q.at(place)
	*q.at(place) = delivery{}
	q.len--
	q.bytes -= d.msg.size()
	if d.qos == 0 {
		q.qos0--
	}
	for q.first < q.next && q.at(q.first).msg == nil {
		q.first++
	}
	if q.len == 0 {
		q.expiries = nil
		if len(q.ring) > 64 {
			q.ring = nil
		}
	}
	return d
}

// takeQoS0 removes the oldest QoS 0 delivery, of which there is one.
func (q *queue) takeQoS0() delivery {
	q.bare = max(q.bare, q.first)
	for q.at(q.bare).msg == nil || q.at(q.bare).qos != 0 {
		q.bare++
	}
	return q.take(q.bare)
}

// dropWhere removes every delivery that drop selects.
func (q *queue) dropWhere(drop func(*delivery) bool, dropped func(delivery)) {
	for p := q.first; p < q.next && q.len > 0; p++ {
		if d := q.at(p); d.msg != nil && drop(d) {
			dropped(q.take(p))
		}
	}
}
