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

	dropReasons = iota
)

// String names the reason as metrics and logs do.
func (r DropReason) String() string {
	return [...]string{
		"queue_full", "slow_connection", "expired", "too_large", "session_ended",
		"refused", "no_member", "not_authorized", "hook",
	}[r]
}

// queue holds the deliveries that wait for a session, oldest first. It is
// bounded by messages and bytes, and knows no lock, clock or client.
type queue struct {
	ring  []delivery // len is a power of two
	head  int
	len   int
	bytes int64
	qos0  int // how many of them are QoS 0
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
		q.dropWhere(func(x *delivery) bool { return x.msg.expired(now) }, func(x delivery) { dropped(x, DropExpired) })
	}
	for !q.fits(size, limits) && q.qos0 > 0 {
		q.evictQoS0(func(x delivery) { dropped(x, DropQueueFull) })
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
	if q.len == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.len)&(len(q.ring)-1)] = d
	q.len++
	q.bytes += d.msg.size()
	if d.qos == 0 {
		q.qos0++
	}
}

func (q *queue) grow() {
	ring := make([]delivery, max(4, 2*len(q.ring)))
	for i := range q.len {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

func (q *queue) at(i int) *delivery { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// peek returns the oldest delivery, nil if there is none.
func (q *queue) peek() *delivery {
	if q.len == 0 {
		return nil
	}
	return q.at(0)
}

// pop removes the oldest delivery.
func (q *queue) pop() delivery {
	slot := q.at(0)
	d := *slot
	*slot = delivery{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.forget(d)
	if q.len == 0 && len(q.ring) > 64 {
		q.ring, q.head = nil, 0
	}
	return d
}

func (q *queue) forget(d delivery) {
	q.len--
	q.bytes -= d.msg.size()
	if d.qos == 0 {
		q.qos0--
	}
}

// evictQoS0 removes the oldest QoS 0 message.
func (q *queue) evictQoS0(dropped func(delivery)) {
	done := false
	q.dropWhere(func(x *delivery) bool {
		if done || x.qos != 0 {
			return false
		}
		done = true
		return true
	}, dropped)
}

// dropWhere removes every delivery that drop selects and keeps the order of
// the others.
func (q *queue) dropWhere(drop func(*delivery) bool, dropped func(delivery)) {
	n := q.len
	keep := 0
	for i := range n {
		d := *q.at(i)
		if drop(&d) {
			q.forget(d)
			dropped(d)
			continue
		}
		*q.at(keep) = d
		keep++
	}
	for i := keep; i < n; i++ {
		*q.at(i) = delivery{}
	}
}
