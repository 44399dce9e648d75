package bench

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// publisher is a connection that publishes. Its run goroutine sends; its
// connection's reader takes the acknowledgements.
type publisher struct {
	b         *bench
	number    int
	conn      *conn
	flow      *flow
	templates []template
	inflight  int64
	pace      pace

	limit     atomic.Int64 // messages to send in all
	sent      atomic.Int64 // written by run only
	acked     atomic.Int64 // QoS 1 and 2; written by the reader only
	began     atomic.Int64 // when the first message was sent
	ended     atomic.Int64 // when the last one was
	pong      chan struct{}
	stalled   bool
	buf       []byte
	timer     *time.Timer
	released  []byte         // PUBRELs of a batch
	times     []int64        // of acknowledgements of a batch
	sentAt    []atomic.Int64 // nil unless acknowledgements are timed
	timed     func(i int, times []int64)
	doneCount int64 // acknowledgements of a batch
}

// batchSize is how many bytes a publisher writes at once.
const batchSize = 64 << 10

func newPublisher(b *bench, number int, c *conn, f *flow) *publisher {
	p := &publisher{b: b, number: number, conn: c, flow: f, inflight: int64(b.cfg.Inflight)}
	p.pong = make(chan struct{}, 1) // one PINGREQ is on its way at most
	if n := c.connack.Properties.ReceiveMaximum; n > 0 {
		p.inflight = min(p.inflight, int64(n)) // [MQTT-3.3.4-7]
	}
	p.limit.Store(math.MaxInt64)
	p.timer = time.NewTimer(time.Hour)
	return p
}

// timeAcknowledgements gives the times from sending to PUBACK or PUBCOMP to record.
func (p *publisher) timeAcknowledgements(record func(i int, times []int64)) {
	p.sentAt, p.timed = make([]atomic.Int64, p.inflight), record
}

// run publishes until the limit, or until stop is closed, and then waits until
// the broker has taken everything.
func (p *publisher) run(stop <-chan struct{}) error {
	p.began.Store(p.b.now())
	for {
		select {
		case <-stop:
			return p.finish()
		default:
		}
		left := p.limit.Load() - p.sent.Load()
		if left <= 0 {
			return p.finish()
		}
		n := min(left, p.flow.room(p.sent.Load()))
		if p.b.cfg.QoS > 0 {
			n = min(n, p.inflight-(p.sent.Load()-p.acked.Load()))
		}
		if n > 0 && p.pace.interval > 0 {
			now := p.b.now()
			if n = min(n, p.pace.due(now)-p.sent.Load()); n <= 0 {
				p.pace.sleep(p.timer, p.pace.at(p.sent.Load())-now, stop)
				continue
			}
		}
		if n <= 0 {
			if !p.wait(stop) {
				p.stalled = true
				return p.finish()
			}
			continue
		}
		if err := p.send(n); err != nil {
			return fmt.Errorf("publisher %d: %w", p.number, err)
		}
	}
}

// send sends up to n messages in one write.
func (p *publisher) send(n int64) error {
	sent, now, b := p.sent.Load(), p.b.now(), p.buf[:0]
	for ; n > 0 && (len(b) == 0 || len(b) < batchSize); n-- {
		s := stamp{publisher: uint32(p.number), number: uint32(sent), due: now}
		if p.pace.interval > 0 {
			s.due = p.pace.at(sent)
		}
		if p.sentAt != nil {
			p.sentAt[sent%p.inflight].Store(now)
		}
		t := &p.templates[sent%int64(len(p.templates))]
		b = t.append(b, packetID(sent), s, p.b.tag)
		sent++
	}
	p.buf = b
	p.sent.Store(sent)
	err := p.conn.write(b)
	p.ended.Store(p.b.now())
	return err
}

// packetID is that of message number n. No two that are on their way share one.
func packetID(n int64) uint16 { return uint16(n%65535) + 1 }

// wait waits until the flow or an acknowledgement wakes the publisher. It
// returns false if nothing moved for as long as patience goes.
func (p *publisher) wait(stop <-chan struct{}) bool {
	p.timer.Reset(p.b.cfg.Patience)
	select {
	case <-p.flow.wake:
	case <-stop:
	case <-p.timer.C:
		return false
	}
	return true
}

// finish waits for the acknowledgements of everything sent; where nobody
// receives QoS 0 messages, for a PINGRESP, which comes after all of them were read.
func (p *publisher) finish() error {
	if p.b.cfg.QoS == 0 {
		if p.flow.window > 0 {
			return nil
		}
		return p.ping()
	}
	for p.acked.Load() < p.sent.Load() && !p.stalled {
		p.stalled = !p.wait(p.b.failed)
		select {
		case <-p.b.failed:
			return nil
		default:
		}
	}
	return nil
}

func (p *publisher) ping() error {
	if err := p.conn.send(&packets.Pingreq{}); err != nil {
		return fmt.Errorf("publisher %d: %w", p.number, err)
	}
	p.timer.Reset(p.b.cfg.Patience)
	select {
	case <-p.pong:
	case <-p.b.failed:
	case <-p.timer.C:
		p.stalled = true
	}
	return nil
}

// packet takes an acknowledgement.
func (p *publisher) packet(first byte, body []byte) error {
	t := packets.Type(first >> 4)
	if t == packets.TypePingresp {
		p.pong <- struct{}{}
		return nil
	}
	if len(body) < 2 || t < packets.TypePuback || t > packets.TypePubcomp || t == packets.TypePubrel {
		return unexpected(first, body, p.conn.version)
	}
	if len(body) > 2 && packets.Code(body[2]).Failed() {
		return fmt.Errorf("publisher %d: the broker refused a message: %w", p.number, packets.Code(body[2]))
	}
	if t == packets.TypePubrec {
		id := uint16(body[0])<<8 | uint16(body[1])
		p.released = packets.AppendPubrel(p.released, p.conn.version, id, packets.CodeSuccess)
		return nil
	}
	p.doneCount++
	return nil
}

// batch counts the acknowledgements of one read and answers them.
func (p *publisher) batch(now int64) error {
	if n := p.doneCount; n > 0 {
		acked := p.acked.Load()
		for i := acked; p.sentAt != nil && i < acked+n; i++ { // they come in order [MQTT-4.6.0-2]
			p.times = append(p.times, now-p.sentAt[i%p.inflight].Load())
		}
		if p.timed != nil {
			p.timed(p.number, p.times)
		}
		p.times, p.doneCount = p.times[:0], 0
		p.acked.Store(acked + n)
		p.flow.notify()
	}
	if len(p.released) == 0 {
		return nil
	}
	err := p.conn.write(p.released)
	p.released = p.released[:0]
	return err
}
