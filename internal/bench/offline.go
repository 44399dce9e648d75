package bench

import "github.com/linnetmq/linnet/packets"

// runOffline queues messages for a durable session whose client is away, and
// measures how fast the client receives them when it comes back. The session is
// removed afterwards.
func runOffline(b *bench) error {
	sleeper := identity{clientID: b.clientID("s", 0), durable: true}
	c, err := b.connect(b.ctx, sleeper)
	if err != nil {
		return err
	}
	err = c.subscribe(1, b.cfg.QoS, b.cfg.topic("+"))
	c.close()
	if err != nil {
		return err
	}
	if err := b.queueUp(); err != nil {
		return err
	}
	if err := b.drainSession(sleeper); err != nil {
		return err
	}
	return b.removeSession(sleeper.clientID)
}

// queueUp publishes what the session is to keep.
func (b *bench) queueUp() error {
	b.publishers = make([]*publisher, b.cfg.Publishers)
	err := b.each(len(b.publishers), func(i int) error {
		c, err := b.connect(b.ctx, identity{clientID: b.clientID("p", i)})
		if err != nil {
			return err
		}
		p := newPublisher(b, i, c, newFlow(0, 1))
		n := int64(len(b.publishers))
		p.limit.Store((b.cfg.Count + n - 1 - int64(i)) / n)
		b.publishers[i] = p
		p.timeAcknowledgements(b.recordAcks)
		return p.prepare([]string{b.cfg.topic(i)}, false)
	})
	if err != nil {
		return err
	}
	from := b.sample()
	b.publish()
	to := b.sample()
	b.copies = 1
	b.res.figure("queue rate", float64(to.sent-from.sent)/to.since(from).Seconds(), "1/s")
	b.ackFigures()
	if b.broker != nil {
		b.res.figure("broker CPU per queued message", perMessage(to.broker-from.broker, to.sent-from.sent), "us")
		b.res.figure("memory with the queue", float64(b.broker.memory()), "bytes")
	}
	return nil
}

// drainSession comes back and receives everything.
func (b *bench) drainSession(sleeper identity) error {
	flows := make([]*flow, len(b.publishers))
	for i, p := range b.publishers {
		flows[i] = p.flow
	}
	b.measuring.Store(true)
	from := b.sample()
	c, err := b.connect(b.ctx, sleeper)
	if err != nil {
		return err
	}
	r := newReceiver(b, 0, c, false, 0, flows)
	b.receivers = []*receiver{r}
	b.serve(c, r)
	b.drain()
	to := b.sample()
	to.at = max(r.seen.Load(), from.at)
	b.collect(from, to)
	c.close()
	if !c.connack.SessionPresent && b.cfg.Version > packets.V31 {
		b.res.figure("session lost", 1, "")
	}
	return nil
}
