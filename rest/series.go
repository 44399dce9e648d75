package rest

import (
	"sync"
	"time"

	"github.com/linnetmq/linnet/mqtt"
)

// series keeps figures of the last hour by the second, and of the last day by
// the minute, in rings of a fixed size.
type series struct {
	server  *mqtt.Server
	mu      sync.Mutex
	seconds ring
	minutes ring
}

const (
	secondsKept = 3600 + 1 // one more, for the rate of the first
	minutesKept = 24*60 + 1
)

// sample is the figures at one moment; counters count since the start.
type sample struct {
	at                                                             time.Time
	connected, offline, subscriptions, retained                    int64
	inflight, queued, queuedBytes, memory                          int64
	messagesIn, messagesOut, dropped, packetsIn, bytesIn, bytesOut int64
}

func newSeries(s *mqtt.Server) *series {
	return &series{
		server: s, seconds: ring{every: time.Second, kept: secondsKept}, minutes: ring{every: time.Minute, kept: minutesKept},
	}
}

// run takes a sample every second. It is started by New and ends with done.
func (x *series) run(done <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		x.take()
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

func (x *series) take() {
	st := x.server.Stats()
	s := sample{
		at: st.Time, connected: st.ClientsConnected, offline: st.ClientsDisconnected, subscriptions: st.Subscriptions,
		retained: st.Retained, inflight: st.Inflight, queued: st.Queued, queuedBytes: st.QueuedBytes, memory: st.MemoryAlloc,
		messagesIn: st.MessagesReceived, messagesOut: st.MessagesSent, dropped: st.MessagesDropped,
		packetsIn: st.PacketsReceived, bytesIn: st.BytesReceived, bytesOut: st.BytesSent,
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seconds.put(s)
	if last := x.minutes.last(); last == nil || s.at.Sub(last.at) >= time.Minute-time.Second/2 {
		x.minutes.put(s)
	}
}

// ring holds the last samples. It grows up to its size and no further.
type ring struct {
	every   time.Duration
	kept    int
	samples []sample
	next    int
}

func (r *ring) put(s sample) {
	if len(r.samples) < r.kept {
		r.samples = append(r.samples, s)
		return
	}
	r.samples[r.next] = s
	r.next = (r.next + 1) % r.kept
}

// at returns the i-th sample, the oldest first.
func (r *ring) at(i int) *sample { return &r.samples[(r.next+i)%len(r.samples)] }

func (r *ring) last() *sample {
	if len(r.samples) == 0 {
		return nil
	}
	return r.at(len(r.samples) - 1)
}

// points returns what happened between the samples after a time.
func (r *ring) points(since time.Time) []pointView {
	list := []pointView{}
	for i := 1; i < len(r.samples); i++ {
		if s := r.at(i); s.at.After(since) {
			list = append(list, s.point(r.at(i-1)))
		}
	}
	return list
}

// pointView is the figures at one moment, with rates since the one before.
type pointView struct {
	At               time.Time `json:"at"`
	ClientsConnected int64     `json:"clients_connected"`
	SessionsOffline  int64     `json:"sessions_offline"`
	Subscriptions    int64     `json:"subscriptions"`
	Retained         int64     `json:"retained"`
	Inflight         int64     `json:"inflight"`
	Queued           int64     `json:"queued"`
	QueuedBytes      int64     `json:"queued_bytes"`
	MemoryBytes      int64     `json:"memory_bytes"`
	MessagesReceived float64   `json:"messages_received_rate" doc:"Per second, as all rates."`
	MessagesSent     float64   `json:"messages_sent_rate"`
	MessagesDropped  float64   `json:"messages_dropped_rate"`
	PacketsReceived  float64   `json:"packets_received_rate"`
	BytesReceived    float64   `json:"bytes_received_rate"`
	BytesSent        float64   `json:"bytes_sent_rate"`
}

func (s *sample) point(before *sample) pointView {
	seconds := max(s.at.Sub(before.at).Seconds(), 1e-3)
	rate := func(now, then int64) float64 { return float64(int64(float64(now-then)/seconds*10+0.5)) / 10 }
	return pointView{
		At: s.at, ClientsConnected: s.connected, SessionsOffline: s.offline, Subscriptions: s.subscriptions,
		Retained: s.retained, Inflight: s.inflight, Queued: s.queued, QueuedBytes: s.queuedBytes, MemoryBytes: s.memory,
		MessagesReceived: rate(s.messagesIn, before.messagesIn), MessagesSent: rate(s.messagesOut, before.messagesOut),
		MessagesDropped: rate(s.dropped, before.dropped), PacketsReceived: rate(s.packetsIn, before.packetsIn),
		BytesReceived: rate(s.bytesIn, before.bytesIn), BytesSent: rate(s.bytesOut, before.bytesOut),
	}
}

// since returns the points of a resolution after a time.
func (x *series) since(minutes bool, at time.Time) (every time.Duration, list []pointView) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := &x.seconds
	if minutes {
		r = &x.minutes
	}
	return r.every, r.points(at)
}
