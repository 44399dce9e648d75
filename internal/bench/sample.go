package bench

import (
	"time"

	"github.com/linnetmq/linnet/packets"
)

// sample is the state of the counters at one time.
type sample struct {
	at             int64
	sent, received int64
	broker, client time.Duration // CPU time
}

func (s sample) since(from sample) time.Duration { return time.Duration(s.at - from.at) }

// sample reads the counters.
func (b *bench) sample() sample {
	s := sample{at: b.now(), received: b.received(), client: clientTime()}
	if b.broker != nil {
		s.broker = b.broker.time()
	}
	for _, p := range b.live() {
		if b.cfg.QoS > 0 {
			s.sent += p.acked.Load()
		} else {
			s.sent += p.sent.Load()
		}
	}
	return s
}

// live returns the publishers that are connected so far.
func (b *bench) live() []*publisher {
	b.mu.Lock()
	defer b.mu.Unlock()
	var live []*publisher
	for _, p := range b.publishers {
		if p != nil {
			live = append(live, p)
		}
	}
	return live
}

// received returns how many messages have come, duplicates included.
func (b *bench) received() (n int64) {
	for _, r := range b.receivers {
		if r != nil {
			n += r.received.Load()
		}
	}
	return n
}

// expected returns how many messages should come.
func (b *bench) expected() (n int64) {
	for _, p := range b.publishers {
		n += p.sent.Load() * b.copies
	}
	return n
}

// lastSeen returns when the last message came, or was acknowledged as sent
// where nobody receives any.
func (b *bench) lastSeen() (at int64) {
	for _, r := range b.receivers {
		at = max(at, r.seen.Load())
	}
	return at
}

// barrier waits for a PINGRESP, before which everything comes that the broker
// had for this receiver. One that does not come is a stall like any other.
func (r *receiver) barrier() {
	if r.conn.send(&packets.Pingreq{}) != nil {
		return // the reader reports the end of the connection
	}
	timer := time.NewTimer(r.b.cfg.Patience)
	defer timer.Stop()
	select {
	case <-r.pong:
	case <-r.b.failed:
	case <-timer.C:
	}
}

// collect fills the result from what happened between two samples, and from
// what was verified from the first message on.
func (b *bench) collect(from, to sample) {
	res := b.res
	for _, p := range b.publishers {
		res.Published += p.sent.Load()
		if b.cfg.QoS > 0 {
			res.Unacknowledged += p.sent.Load() - p.acked.Load()
		}
	}
	res.Expected = b.expected()
	res.Received = b.received()
	for _, r := range b.receivers {
		res.Duplicates += r.duplicates.Load()
		res.Disordered += r.disordered.Load()
		res.Corrupt += r.corrupt.Load()
	}
	if len(b.receivers) > 0 {
		res.Lost = max(0, res.Expected-(res.Received-res.Duplicates-res.Corrupt))
	}
	n := to.received - from.received
	if len(b.receivers) == 0 {
		n = to.sent - from.sent
	}
	b.rate(n, from, to)
	res.Latency = b.recorder.latency()
}

// rate fills the figures of n messages between two samples.
func (b *bench) rate(n int64, from, to sample) {
	res := b.res
	res.Messages = n
	res.Seconds = to.since(from).Seconds()
	if res.Seconds > 0 {
		res.MessagesPerSecond = float64(n) / res.Seconds
		res.MegabytesPerSecond = res.MessagesPerSecond * float64(b.cfg.Size) / 1e6
	}
	res.ClientCPU = perMessage(to.client-from.client, n)
	if b.broker != nil {
		res.BrokerCPU = perMessage(to.broker-from.broker, n)
		res.BrokerMemory = b.broker.memory()
	}
}

// perMessage returns microseconds per message, 0 if there was none.
func perMessage(d time.Duration, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64(d) / float64(time.Microsecond) / float64(n)
}
