package mqtt

// expiries finds those deliveries of a full queue that have expired: a heap,
// the earliest first. It is made when a queue is full for the first time, since
// most never are. What leaves the queue in another way stays in the heap until
// its time comes, or until such are the most and the heap is given up.
type expiries struct{ heap []expiry }

type expiry struct {
	at    instant
	place uint64 // in the queue
}

// dropExpired removes the deliveries that have expired, the earliest first.
func (q *queue) dropExpired(now instant, dropped func(delivery, DropReason)) {
	if q.expiries == nil {
		q.expiries = new(expiries)
		for p := q.first; p < q.next; p++ {
			if d := q.at(p); d.msg != nil && d.msg.expires != 0 {
				q.expiries.push(expiry{d.msg.expires, p})
			}
		}
	}
	for q.expiries != nil && len(q.expiries.heap) > 0 && q.expiries.heap[0].at <= now {
		if p := q.expiries.pop().place; p >= q.first && q.at(p).msg != nil {
			dropped(q.take(p), DropExpired)
		}
	}
}

// noteExpiry adds a new delivery to the heap.
func (q *queue) noteExpiry(place uint64, d *delivery) {
	if d.msg.expires == 0 {
		return
	}
	if len(q.expiries.heap) > 2*q.len+64 {
		q.expiries = nil
		return
	}
	q.expiries.push(expiry{d.msg.expires, place})
}

func (x *expiries) push(e expiry) {
	x.heap = append(x.heap, e)
	i := len(x.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if x.heap[parent].at <= e.at {
			break
		}
		x.heap[i] = x.heap[parent]
		i = parent
	}
	x.heap[i] = e
}

// pop removes the earliest.
func (x *expiries) pop() expiry {
	top, last := x.heap[0], x.heap[len(x.heap)-1]
	x.heap = x.heap[:len(x.heap)-1]
	n := len(x.heap)
	if n == 0 {
		return top
	}
	i := 0
	for {
		child := 2*i + 1
		if child+1 < n && x.heap[child+1].at < x.heap[child].at {
			child++
		}
		if child >= n || x.heap[child].at >= last.at {
			break
		}
		x.heap[i] = x.heap[child]
		i = child
	}
	x.heap[i] = last
	return top
}
