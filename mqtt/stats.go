package mqtt

import (
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Stats are the server's figures at one moment. Counters count since the
// server was made.
type Stats struct {
	Version             string        `json:"version"`
	Started             time.Time     `json:"started"`
	Time                time.Time     `json:"time"`
	Uptime              time.Duration `json:"uptime"`
	BytesReceived       int64         `json:"bytes_received"`
	BytesSent           int64         `json:"bytes_sent"`
	ClientsConnected    int64         `json:"clients_connected"`
	ClientsDisconnected int64         `json:"clients_disconnected"`
	ClientsMaximum      int64         `json:"clients_maximum"`
	ClientsTotal        int64         `json:"clients_total"`
	MessagesReceived    int64         `json:"messages_received"`
	MessagesSent        int64         `json:"messages_sent"`
	MessagesDropped     int64         `json:"messages_dropped"`
	Retained            int64         `json:"retained"`
	Inflight            int64         `json:"inflight"`
	InflightDropped     int64         `json:"inflight_dropped"`
	RetainedBytes       int64         `json:"retained_bytes"`
	// Queued counts the messages that wait in queues, also those of queues in
	// the store that were needed since the start; QueuedBytes are those in memory.
	Queued      int64 `json:"queued"`
	QueuedBytes int64 `json:"queued_bytes"`
	// HeldBytes is what Options.MemoryBudget bounds, measured a moment ago; 0
	// without a budget.
	HeldBytes       int64 `json:"held_bytes"`
	Subscriptions   int64 `json:"subscriptions"`
	PacketsReceived int64 `json:"packets_received"`
	PacketsSent     int64 `json:"packets_sent"`
	MemoryAlloc     int64 `json:"memory_alloc"`
	Threads         int64 `json:"threads"`
	Panics          int64 `json:"panics"`
	// Dropped counts dropped messages by reason, and Refused what the server
	// refused by Reason Code: connections, packets, subscriptions, publishes.
	Dropped map[string]int64 `json:"dropped"`
	Refused map[string]int64 `json:"refused"`
	// Received and Sent count packets by type.
	Received map[string]int64 `json:"received"`
	Sent     map[string]int64 `json:"sent"`
}

// counters are the live figures. Those that every packet touches are spread
// over shards, so that cores do not fight for a cache line.
type counters struct {
	shards [counterShards]counterShard

	connected, maximum, total, offline atomic.Int64
	inflightDropped                    atomic.Int64
	queued, queuedBytes, held          atomic.Int64
	spilled                            atomic.Int64 // queued in the store alone
	subscriptions, panics              atomic.Int64
	dropped                            [dropReasons]atomic.Int64
	refused                            [256]atomic.Int64
	base                               Stats // totals of earlier runs
}

const counterShards = 8

type counterShard struct {
	bytesReceived, bytesSent atomic.Int64
	inflight, inflightBytes  atomic.Int64
	received, sent           [16]atomic.Int64
	_                        [64]byte
}

// traffic gathers what one reader counts during a batch; add spends it.
type traffic struct {
	bytesIn, bytesOut int64
	in, out           [16]int32
}

func (c *counters) add(shard uint32, t *traffic) {
	s := &c.shards[shard%counterShards]
	if t.bytesIn != 0 {
		s.bytesReceived.Add(t.bytesIn)
	}
	if t.bytesOut != 0 {
		s.bytesSent.Add(t.bytesOut)
	}
	for i := range t.in {
		if t.in[i] != 0 {
			s.received[i].Add(int64(t.in[i]))
		}
		if t.out[i] != 0 {
			s.sent[i].Add(int64(t.out[i]))
		}
	}
	*t = traffic{}
}

// sent counts one packet outside a batch.
func (c *counters) sent(t packets.Type, bytes int) {
	s := &c.shards[0]
	s.sent[t&15].Add(1)
	s.bytesSent.Add(int64(bytes))
}

func (c *counters) drop(reason DropReason) { c.dropped[reason].Add(1) }

func (c *counters) refuse(code packets.Code) { c.refused[code].Add(1) }

func (c *counters) connect() {
	n := c.connected.Add(1)
	c.total.Add(1)
	for {
		top := c.maximum.Load()
		if n <= top || c.maximum.CompareAndSwap(top, n) {
			return
		}
	}
}

// fill writes the counters into st.
func (c *counters) fill(st *Stats) {
	var received, sent [16]int64
	for i := range c.shards {
		s := &c.shards[i]
		st.BytesReceived += s.bytesReceived.Load()
		st.BytesSent += s.bytesSent.Load()
		st.Inflight += s.inflight.Load()
		for t := range received {
			received[t] += s.received[t].Load()
			sent[t] += s.sent[t].Load()
		}
	}
	st.Received, st.Sent = byType(received), byType(sent)
	for t := range received {
		st.PacketsReceived += received[t]
		st.PacketsSent += sent[t]
	}
	st.MessagesReceived = received[packets.TypePublish]
	st.MessagesSent = sent[packets.TypePublish]
	st.ClientsConnected = c.connected.Load()
	st.ClientsDisconnected = c.offline.Load()
	st.ClientsMaximum = c.maximum.Load()
	st.ClientsTotal = st.ClientsConnected + st.ClientsDisconnected
	st.InflightDropped = c.inflightDropped.Load()
	st.Queued, st.QueuedBytes, st.HeldBytes = c.queued.Load()+c.spilled.Load(), c.queuedBytes.Load(), c.held.Load()
	st.Subscriptions = c.subscriptions.Load()
	st.Panics = c.panics.Load()
	st.Dropped = make(map[string]int64, dropReasons)
	for r := range c.dropped {
		n := c.dropped[r].Load()
		st.Dropped[DropReason(r).String()] = n
		st.MessagesDropped += n
	}
	st.Refused = make(map[string]int64)
	for code := range c.refused {
		if n := c.refused[code].Load(); n > 0 {
			st.Refused[packets.Code(code).String()] = n
		}
	}
	st.addBase(&c.base)
}

// addBase continues the totals of an earlier run.
func (st *Stats) addBase(base *Stats) {
	st.BytesReceived += base.BytesReceived
	st.BytesSent += base.BytesSent
	st.MessagesReceived += base.MessagesReceived
	st.MessagesSent += base.MessagesSent
	st.MessagesDropped += base.MessagesDropped
	st.PacketsReceived += base.PacketsReceived
	st.PacketsSent += base.PacketsSent
	st.ClientsMaximum = max(st.ClientsMaximum, base.ClientsMaximum)
}

func byType(n [16]int64) map[string]int64 {
	m := make(map[string]int64)
	for t := packets.TypeConnect; t <= packets.TypeAuth; t++ {
		if n[t] > 0 {
			m[t.String()] = n[t]
		}
	}
	return m
}
