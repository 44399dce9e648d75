package mqtt

import (
	"sync"

	"github.com/linnetmq/linnet/packets"
)

// ackQueue holds the acknowledgements to one client that wait for the store,
// and those that stand behind them: they leave in the order of what they
// acknowledge [MQTT-4.6.0-2] [MQTT-4.6.0-3].
type ackQueue struct {
	client *Client
	room   chan struct{} // holds one: there may be room again

	mu   sync.Mutex
	list []pendingAck
	head int
	over bool // a refusal ends the connection: nothing more is acknowledged on it
}

// pendingAck is a PUBACK, PUBREC or PUBCOMP.
type pendingAck struct {
	t       packets.Type
	ready   bool // it waits only for those before it
	code    packets.Code
	id      uint16
	refusal error // why the PUBLISH is refused, nil if it is not
}

// maximumPendingAcks bounds what one publisher has waiting for the store: its
// reader waits then.
const maximumPendingAcks = 4096

// push appends a. If it is ready, that happens only if others wait before it;
// ok tells whether it did.
func (q *ackQueue) push(a pendingAck) (ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.ready && q.over {
		return true // it will be sent again, behind what was refused
	}
	if a.ready && q.head == len(q.list) {
		return false
	}
	q.list = append(q.list, a)
	return true
}

func (q *ackQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.list) - q.head
}

// resolve answers the next n that are not ready, and the ready ones behind
// them. Commits are done in the order of their acknowledgements.
func (q *ackQueue) resolve(n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.head < len(q.list) {
		a := &q.list[q.head]
		if !a.ready {
			if n == 0 {
				break
			}
			n--
			if err != nil {
				a.refusal = storeRefusal(err)
			}
		}
		q.head++
		if q.over && a.refusal == nil {
			continue
		}
		if q.client.settleAck(*a) {
			q.over = true
		}
	}
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	} else if q.head > maximumPendingAcks {
		q.list = append(q.list[:0], q.list[q.head:]...)
		q.head = 0
	}
	select {
	case q.room <- struct{}{}:
	default:
	}
}

// settleAck sends an acknowledgement that waited. One whose message could not be
// stored is a refusal: a v5 client gets the Reason Code, a v3 client, which has
// no words for it, is disconnected, so that it sends the message again: then ends
// is true, and what stands behind it must not be acknowledged.
func (c *Client) settleAck(a pendingAck) (ends bool) {
	if a.refusal == nil {
		c.appendAck(a.t, a.id, a.code)
		return false
	}
	c.server.stats.refuse(codeFor(a.refusal))
	if c.server.limited.allows() {
		c.server.log.Warn("not acknowledged, because it could not be stored", "client_id", c.clientID, "packet", a.t, "err", a.refusal)
	}
	if a.t == packets.TypePubrec {
		if sess := c.session.Load(); sess != nil {
			sess.released(a.id) // [MQTT-4.3.3-9]
		}
	}
	if c.version != packets.V5 || a.t == packets.TypePubcomp {
		c.server.spawn(func() { c.stop(a.refusal) })
		return true
	}
	c.refuseAck(a.t, a.id, a.refusal)
	return false
}

// deferAck has an acknowledgement wait for the commit that follows.
func (in *inbound) deferAck(t packets.Type, id uint16, code packets.Code) {
	in.answer() // what is gathered comes first
	if in.acks == nil {
		in.acks = &ackQueue{client: in.client, room: make(chan struct{}, 1)}
	}
	in.acks.push(pendingAck{t: t, id: id, code: code})
}

// deferred puts an acknowledgement behind those that wait; false if none does.
func (in *inbound) deferred(a pendingAck) bool {
	if in.acks == nil {
		return false
	}
	a.ready = true
	return in.acks.push(a)
}

// awaitRoom makes the reader wait while too many acknowledgements do.
func (in *inbound) awaitRoom() {
	if in.acks == nil || in.acks.len() < maximumPendingAcks {
		return
	}
	in.flush()
	in.client.flush()
	for in.acks.len() >= maximumPendingAcks/2 {
		select {
		case <-in.acks.room:
		case <-in.server.done:
			return
		}
	}
}
