package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// layout says who talks to whom in a pattern.
type layout struct {
	publishers, receivers int
	copies                int // receivers of each message
	window                int // of one publisher
	shared                bool
	topics                func(publisher int) []string
	filters               func(receiver int) []string
	hears                 func(receiver int) (first, n int) // publishers
}

// fanoutInFlight bounds the deliveries on their way in a fan-out, so that a
// thousand subscribers do not make the broker hold a thousand windows.
const fanoutInFlight = 100_000

func (b *bench) layout() layout {
	c := &b.cfg
	one := func(i int) []string { return []string{c.topic(i)} }
	all := func(int) (int, int) { return 0, c.Publishers }
	l := layout{
		publishers: c.Publishers, receivers: c.Subscribers, copies: 1, window: c.Window,
		topics: one, filters: one, hears: func(i int) (int, int) { return i, 1 },
	}
	share := max(1, c.Window/max(1, c.Publishers))
	switch c.Pattern {
	case "pub":
		l.receivers, l.copies, l.window = 0, 0, 0
	case "fanout":
		l.copies, l.hears = c.Subscribers, all
		l.window = max(1, min(share, max(16, fanoutInFlight/max(1, c.Subscribers))))
		l.filters = func(int) []string { return c.everyTopic() }
	case "fanin":
		l.copies, l.hears, l.window = c.Subscribers, all, share
		l.filters = func(int) []string { return []string{c.topic("+")} }
	case "shared":
		l.shared, l.hears = true, all
		l.filters = func(int) []string { return []string{"$share/bench/" + c.topic("+")} }
	case "wildcard":
		l.shared, l.hears = true, all
		l.topics, l.filters = c.wildTopics, c.wildFilters
	}
	return l
}

// topic is the topic or filter number i.
func (c *Config) topic(i any) string { return strings.ReplaceAll(c.Topic, "%i", fmt.Sprint(i)) }

// everyTopic returns the topics of all publishers.
func (c *Config) everyTopic() []string {
	all := make([]string, c.Publishers)
	for i := range all {
		all[i] = c.topic(i)
	}
	return all
}

// wildFilters are the filters of one receiver of the pattern wildcard: every
// filter matches topics of its own.
func (c *Config) wildFilters(receiver int) []string {
	var filters []string
	for i := receiver; i < c.Filters; i += c.Subscribers {
		filters = append(filters, c.topic(i)+"/+/state")
	}
	return filters
}

// wildTopics are some topics of a publisher of the pattern wildcard.
func (c *Config) wildTopics(publisher int) []string {
	topics := make([]string, min(1000, c.Filters))
	for k := range topics {
		topics[k] = c.topic(rand.IntN(c.Filters)) + "/" + strconv.Itoa(publisher*len(topics)+k) + "/state"
	}
	return topics
}

// runTraffic is the pattern of publishers and receivers that the layout says.
func runTraffic(b *bench) error {
	l := b.layout()
	if err := b.setUp(l); err != nil {
		return err
	}
	if err := b.measure(); err != nil || !b.cfg.Durable {
		return err
	}
	b.ackFigures()
	return b.each(l.receivers, func(i int) error {
		b.receivers[i].conn.close()
		return b.removeSession(b.clientID("s", i))
	})
}

// removeSession ends a durable session by a connection that discards it.
func (b *bench) removeSession(clientID string) error {
	c, err := b.connect(b.ctx, identity{clientID: clientID})
	if err != nil {
		return err
	}
	c.close()
	return nil
}

// ackFigures reports the times of acknowledgements.
func (b *bench) ackFigures() {
	l := b.acks.latency()
	if l == nil {
		return
	}
	b.res.figure("acknowledgement p50", l.P50, "us")
	b.res.figure("acknowledgement p99", l.P99, "us")
	b.res.figure("acknowledgement max", l.Max, "us")
}

// setUp connects everybody, receivers first.
func (b *bench) setUp(l layout) error {
	flows := make([]*flow, l.publishers)
	for i := range flows {
		flows[i] = newFlow(l.window, max(1, l.copies))
	}
	b.copies = int64(l.copies)
	b.receivers = make([]*receiver, l.receivers)
	b.publishers = make([]*publisher, l.publishers)
	err := b.each(l.receivers, func(i int) error {
		c, err := b.connect(b.ctx, identity{clientID: b.clientID("s", i), durable: b.cfg.Durable})
		if err != nil {
			return err
		}
		first, n := l.hears(i)
		b.receivers[i] = newReceiver(b, i, c, l.shared, first, flows[first:first+n])
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.subscribeAll(l); err != nil {
		return err
	}
	return b.each(l.publishers, func(i int) error {
		c, err := b.connect(b.ctx, identity{clientID: b.clientID("p", i)})
		if err != nil {
			return err
		}
		p := newPublisher(b, i, c, flows[i])
		b.publishers[i] = p
		switch {
		case l.receivers == 0 && b.cfg.QoS > 0:
			p.timeAcknowledgements(b.record)
		case b.cfg.Durable:
			p.timeAcknowledgements(b.recordAcks)
		}
		return p.prepare(l.topics(i), false)
	})
}

// prepare encodes the messages of a publisher.
func (p *publisher) prepare(topics []string, retain bool) error {
	p.templates = make([]template, len(topics))
	for k, topic := range topics {
		t, err := newTemplate(topic, p.b.cfg.QoS, retain, p.b.filler, p.conn.version)
		if err != nil {
			return fmt.Errorf("topic %q: %w", topic, err)
		}
		p.templates[k] = t
	}
	return nil
}

// perSubscribe is how many filters one SUBSCRIBE carries.
const perSubscribe = 10

// subscribeAll makes the receivers' subscriptions, and reports their rate where
// there are many.
func (b *bench) subscribeAll(l layout) error {
	total := 0
	var mu sync.Mutex
	start := b.sample()
	err := b.each(len(b.receivers), func(i int) error {
		filters := l.filters(i)
		for k := 0; k < len(filters); k += perSubscribe {
			part := filters[k:min(k+perSubscribe, len(filters))]
			if err := b.receivers[i].conn.subscribe(uint16(k/perSubscribe%65535+1), b.cfg.QoS, part...); err != nil {
				return err
			}
		}
		mu.Lock()
		total += len(filters)
		mu.Unlock()
		return nil
	})
	if b.cfg.Pattern == "wildcard" {
		end := b.sample()
		b.res.figure("subscriptions", float64(total), "")
		b.res.figure("subscribe rate", float64(total)/end.since(start).Seconds(), "1/s")
		if b.broker != nil {
			b.res.figure("broker CPU per subscription", perMessage(end.broker-start.broker, int64(total)), "us")
		}
	}
	return err
}

// measure starts everybody and takes the figures: after the warm-up, for the
// duration or until the count of messages has arrived.
func (b *bench) measure() error {
	for _, r := range b.receivers {
		b.serve(r.conn, r)
	}
	start := b.now() + int64(time.Millisecond)
	for i, p := range b.publishers {
		p.pace = newPace(b.cfg.Rate, i, len(b.publishers), start)
		if b.cfg.Count > 0 && b.cfg.Warmup == 0 {
			p.limit.Store(b.cfg.Count)
		}
		b.serve(p.conn, p)
	}
	progress := b.startProgress()
	defer progress()
	b.measuring.Store(b.cfg.Warmup == 0)
	from := b.sample()
	stop, stopOnce := make(chan struct{}), sync.Once{}
	end := func() { stopOnce.Do(func() { close(stop) }) }
	var wg sync.WaitGroup
	for _, p := range b.publishers {
		wg.Go(func() {
			if err := p.run(stop); err != nil {
				b.fail(err)
			}
		})
	}
	if b.cfg.Warmup > 0 && b.pause(b.cfg.Warmup) {
		b.measuring.Store(true)
		from = b.sample()
		for _, p := range b.publishers {
			if b.cfg.Count > 0 {
				p.limit.Store(p.sent.Load() + b.cfg.Count)
			}
		}
	}
	to := from
	if b.cfg.Duration > 0 {
		b.pauseOr(b.cfg.Duration, &wg)
		to = b.sample()
		end()
	}
	unhang := b.onFailure(end)
	wg.Wait()
	unhang()
	b.drain()
	if b.cfg.Duration == 0 {
		to = b.sample()
		if seen := b.lastSeen(); seen > from.at {
			to.at = seen
		}
	}
	b.collect(from, to)
	return nil
}

// onFailure calls f if the run fails before the returned function is called.
func (b *bench) onFailure(f func()) (cancel func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-b.failed:
			f()
		case <-done:
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// pauseOr pauses until the time is over, the run fails, or all publishers have
// come to their end.
func (b *bench) pauseOr(d time.Duration, publishers *sync.WaitGroup) {
	over := make(chan struct{})
	if b.cfg.Count > 0 {
		b.readers.Go(func() {
			publishers.Wait()
			close(over)
		})
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.failed:
	case <-over:
	}
}

// drain waits until every message has come, or nothing comes for as long as
// patience goes; then for an answer that stands behind anything that came twice.
func (b *bench) drain() {
	if len(b.receivers) == 0 {
		return
	}
	b.await(b.received, b.expected())
	for _, r := range b.receivers {
		r.barrier()
	}
}
