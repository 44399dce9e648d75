package mqtt

import (
	"runtime"
	"strconv"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Stats returns the server's figures now.
func (s *Server) Stats() *Stats {
	now := time.Now()
	st := &Stats{Version: s.options.Version, Started: s.started, Time: now, Uptime: now.Sub(s.started)}
	s.stats.fill(st)
	st.Retained, st.RetainedBytes = int64(s.retained.count()), s.retained.bytes.Load()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	st.MemoryAlloc = int64(mem.HeapInuse)
	st.Threads = int64(runtime.NumGoroutine())
	return st
}

// runSys publishes the $SYS topics at the interval of the options. It is
// started by Serve and ends with the server.
func (s *Server) runSys() {
	ticker := time.NewTicker(time.Duration(s.options.SysTopicResendInterval) * time.Second)
	defer ticker.Stop()
	for {
		s.guard(s.publishSys)
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) publishSys() {
	st := s.Stats()
	for _, tell := range s.hooks.load().onSysInfoTick {
		tell(st)
	}
	in := &inbound{router: router{server: s}, client: s.inline}
	defer in.flush()
	for _, row := range sysTopics(st) {
		in.publishOwn(&packets.Publish{Topic: "$SYS/broker/" + row.topic, Payload: []byte(row.value), Retain: true})
	}
}

// publishOwn publishes a retained message of the server itself. Hooks see it
// when it goes to a client, not as a PUBLISH: none came.
func (in *inbound) publishOwn(pk *packets.Publish) {
	pub := publication{topic: pk.Topic, payload: pk.Payload, retain: true, originID: in.client.clientID}
	_, seq := in.server.retained.set(pub.keep(), nil)
	in.route(in.selected(in.server.hooks.load(), in.receivers(pk.Topic, seq), pk), &pub)
}

type sysTopic struct{ topic, value string }

func sysTopics(st *Stats) []sysTopic {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	return []sysTopic{
		{"version", st.Version},
		{"time", n(st.Time.Unix())},
		{"uptime", n(int64(st.Uptime / time.Second))},
		{"started", n(st.Started.Unix())},
		{"load/bytes/received", n(st.BytesReceived)},
		{"load/bytes/sent", n(st.BytesSent)},
		{"clients/connected", n(st.ClientsConnected)},
		{"clients/disconnected", n(st.ClientsDisconnected)},
		{"clients/maximum", n(st.ClientsMaximum)},
		{"clients/total", n(st.ClientsTotal)},
		{"packets/received", n(st.PacketsReceived)},
		{"packets/sent", n(st.PacketsSent)},
		{"messages/received", n(st.MessagesReceived)},
		{"messages/sent", n(st.MessagesSent)},
		{"messages/dropped", n(st.MessagesDropped)},
		{"messages/inflight", n(st.Inflight)},
		{"retained", n(st.Retained)},
		{"subscriptions", n(st.Subscriptions)},
		{"system/memory", n(st.MemoryAlloc)},
		{"system/threads", n(st.Threads)},
	}
}
