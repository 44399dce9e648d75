package bench

import (
	"fmt"
	"sync/atomic"

	"github.com/linnetmq/linnet/packets"
)

// receiver is a connection that subscribes and verifies what comes. Everything
// but the atomics belongs to its connection's reader.
type receiver struct {
	b      *bench
	number int
	conn   *conn
	shared bool // others may get the messages that do not come here
	first  int  // the publisher of sources[0]
	from   []source

	received   atomic.Int64 // messages, duplicates included
	duplicates atomic.Int64
	disordered atomic.Int64
	corrupt    atomic.Int64
	began      atomic.Int64 // when the first message came
	seen       atomic.Int64 // when the last one came
	pong       chan struct{}

	count   int64 // messages of a batch
	touched []*source
	times   []int64
	acks    []byte
	publish packets.Publish
}

// source is what a receiver knows of one publisher.
type source struct {
	flow    *flow
	next    int64 // number of the next message
	edge    int64 // number at which the flow is told next
	told    int64 // messages the flow was told of
	missing int64 // messages passed over that may still come
	fresh   int64 // messages of a batch
}

func newReceiver(b *bench, number int, c *conn, shared bool, first int, flows []*flow) *receiver {
	r := &receiver{b: b, number: number, conn: c, shared: shared, first: first, from: make([]source, len(flows))}
	r.pong = make(chan struct{}, 1) // one PINGREQ is on its way at most
	for i, f := range flows {
		r.from[i] = source{flow: f, edge: f.block}
	}
	return r
}

// packet takes one packet.
func (r *receiver) packet(first byte, body []byte) error {
	switch t := packets.Type(first >> 4); t {
	case packets.TypePublish:
		p := &r.publish
		if err := p.Decode(first&15, body, r.conn.version); err != nil {
			return fmt.Errorf("subscriber %d: PUBLISH: %w", r.number, err)
		}
		r.message(p)
	case packets.TypePubrel:
		if len(body) < 2 {
			return unexpected(first, body, r.conn.version)
		}
		id := uint16(body[0])<<8 | uint16(body[1])
		r.acks = packets.AppendPubcomp(r.acks, r.conn.version, id, packets.CodeSuccess)
	case packets.TypePingresp:
		r.pong <- struct{}{}
	default:
		return unexpected(first, body, r.conn.version)
	}
	return nil
}

func (r *receiver) message(p *packets.Publish) {
	r.count++
	r.acks = appendAnswer(r.acks, r.conn.version, p)
	s, ok := readStamp(p.Payload, r.b.tag, r.b.filler)
	i := int(s.publisher) - r.first
	if !ok || i < 0 || i >= len(r.from) {
		r.corrupt.Add(1)
		return
	}
	r.times = append(r.times, s.due)
	r.order(&r.from[i], int64(s.number))
}

// appendAnswer appends the PUBACK or PUBREC that a message asks for.
func appendAnswer(dst []byte, v packets.Version, p *packets.Publish) []byte {
	switch p.QoS {
	case 1:
		return packets.AppendPuback(dst, v, p.PacketID, packets.CodeSuccess)
	case 2:
		return packets.AppendPubrec(dst, v, p.PacketID, packets.CodeSuccess)
	}
	return dst
}

// order checks the place of a message among its publisher's, and tells the flow.
func (r *receiver) order(from *source, number int64) {
	switch {
	case number >= from.next:
		from.missing += number - from.next
		from.next = number + 1
	case from.missing > 0: // late, or it was passed over because another member has it
		from.missing--
		r.disordered.Add(1)
	default:
		r.duplicates.Add(1)
		return
	}
	if r.shared {
		if from.fresh == 0 {
			r.touched = append(r.touched, from)
		}
		from.fresh++
	} else if number+1 >= from.edge {
		from.told = from.flow.pass(from.told, number)
		from.edge = from.told + from.flow.block
	}
}

// batch counts the messages of one read and acknowledges them.
func (r *receiver) batch(now int64) error {
	if r.count > 0 {
		if r.began.Load() == 0 {
			r.began.Store(now)
		}
		r.seen.Store(now)
		for i, due := range r.times {
			r.times[i] = now - due
		}
		r.b.record(r.number, r.times)
		r.times = r.times[:0]
		r.received.Add(r.count)
		r.count = 0
		for _, from := range r.touched {
			from.flow.add(from.fresh)
			from.fresh = 0
		}
		r.touched = r.touched[:0]
	}
	if len(r.acks) == 0 {
		return nil
	}
	err := r.conn.write(r.acks)
	r.acks = r.acks[:0]
	return err
}
