package bench

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// runRetained stores retained messages, each under a topic of its own, and
// measures how fast one wildcard subscription receives them all. It removes
// them afterwards.
func runRetained(b *bench) error {
	if err := b.storeRetained(); err != nil {
		return err
	}
	c, err := b.connect(b.ctx, identity{clientID: b.clientID("s", 0)})
	if err != nil {
		return err
	}
	r := newRetainedReader(b, c)
	b.serve(c, r)
	defer c.close()
	b.measuring.Store(true)
	from := b.sample()
	r.start = from.at
	sub := packets.Subscription{Filter: b.cfg.topic("+"), QoS: b.cfg.QoS}
	if err := c.send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{sub}}); err != nil {
		return err
	}
	b.await(r.received.Load, b.cfg.Count)
	to := b.sample()
	to.at = max(r.seen.Load(), from.at)
	b.rate(r.received.Load(), from, to)
	b.res.Expected, b.res.Received = b.cfg.Count, r.received.Load()
	b.res.Corrupt, b.res.Duplicates = r.corrupt.Load(), r.duplicates.Load()
	b.res.Lost = max(0, b.res.Expected-(b.res.Received-b.res.Corrupt-b.res.Duplicates))
	b.res.Latency = b.recorder.latency()
	return b.removeRetained()
}

// topicsOf returns the topics of one publisher of the pattern retained.
func (c *Config) topicsOf(publisher int) []string {
	var topics []string
	for i := int64(publisher); i < c.Count; i += int64(c.Publishers) {
		topics = append(topics, c.topic(i))
	}
	return topics
}

func (b *bench) storeRetained() error {
	b.publishers = make([]*publisher, b.cfg.Publishers)
	err := b.each(len(b.publishers), func(i int) error {
		c, err := b.connect(b.ctx, identity{clientID: b.clientID("p", i)})
		if err != nil {
			return err
		}
		p := newPublisher(b, i, c, newFlow(0, 1))
		b.publishers[i] = p
		topics := b.cfg.topicsOf(i)
		p.limit.Store(int64(len(topics)))
		return p.prepare(topics, true)
	})
	if err != nil {
		return err
	}
	from := b.sample()
	b.publish()
	to := b.sample()
	b.res.Published = to.sent - from.sent
	b.res.figure("store rate", float64(b.res.Published)/to.since(from).Seconds(), "1/s")
	if b.broker != nil {
		b.res.figure("broker CPU per stored message", perMessage(to.broker-from.broker, b.res.Published), "us")
	}
	return nil
}

// publish starts all publishers and waits for their ends.
func (b *bench) publish() {
	var wg sync.WaitGroup
	for _, p := range b.publishers {
		b.serve(p.conn, p)
		wg.Go(func() {
			if err := p.run(b.failed); err != nil {
				b.fail(err)
			}
		})
	}
	wg.Wait()
}

// await waits until a count reaches n, or does not move for as long as
// patience goes.
func (b *bench) await(count func() int64, n int64) {
	last, since := int64(-1), b.now()
	for {
		have := count()
		if have >= n {
			return
		}
		if have != last {
			last, since = have, b.now()
		}
		if b.now()-since > int64(b.cfg.Patience) || !b.pause(2*time.Millisecond) {
			return
		}
	}
}

// removeRetained clears the topics again.
func (b *bench) removeRetained() error {
	return b.each(len(b.publishers), func(i int) error {
		p, buf := b.publishers[i], []byte(nil)
		for _, topic := range b.cfg.topicsOf(i) {
			var err error
			if buf, err = (&packets.Publish{Topic: topic, Retain: true}).Append(buf, p.conn.version); err != nil {
				return err
			}
			if len(buf) > batchSize {
				if err := p.conn.write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		if err := p.conn.write(buf); err != nil {
			return err
		}
		return p.ping()
	})
}

// retainedReader receives retained messages, in whatever order.
type retainedReader struct {
	b     *bench
	conn  *conn
	start int64
	seenM [][]bool // by publisher and number

	received, duplicates, corrupt, seen atomic.Int64

	count   int64
	acks    []byte
	publish packets.Publish
}

func newRetainedReader(b *bench, c *conn) *retainedReader {
	r := &retainedReader{b: b, conn: c, seenM: make([][]bool, len(b.publishers))}
	for i, p := range b.publishers {
		r.seenM[i] = make([]bool, p.sent.Load())
	}
	return r
}

func (r *retainedReader) packet(first byte, body []byte) error {
	switch packets.Type(first >> 4) {
	case packets.TypeSuback:
		var pk packets.Suback
		if err := pk.Decode(first&15, body, r.conn.version); err != nil {
			return err
		}
		if pk.Codes[0].Failed() {
			return fmt.Errorf("the subscription was refused: %w", pk.Codes[0])
		}
	case packets.TypePublish:
		p := &r.publish
		if err := p.Decode(first&15, body, r.conn.version); err != nil {
			return fmt.Errorf("PUBLISH: %w", err)
		}
		r.message(p)
	case packets.TypePubrel:
		r.acks = packets.AppendPubcomp(r.acks, r.conn.version, uint16(body[0])<<8|uint16(body[1]), packets.CodeSuccess)
	default:
		return unexpected(first, body, r.conn.version)
	}
	return nil
}

func (r *retainedReader) message(p *packets.Publish) {
	r.count++
	r.acks = appendAnswer(r.acks, r.conn.version, p)
	s, ok := readStamp(p.Payload, r.b.tag, r.b.filler)
	if !ok || !p.Retain || int(s.publisher) >= len(r.seenM) || int(s.number) >= len(r.seenM[s.publisher]) {
		r.corrupt.Add(1)
		return
	}
	seen := &r.seenM[s.publisher][s.number]
	if *seen {
		r.duplicates.Add(1)
	}
	*seen = true
}

func (r *retainedReader) batch(now int64) error {
	if r.count > 0 {
		r.seen.Store(now)
		r.b.record(0, []int64{now - r.start})
		r.received.Add(r.count)
		r.count = 0
	}
	if len(r.acks) == 0 {
		return nil
	}
	err := r.conn.write(r.acks)
	r.acks = r.acks[:0]
	return err
}
