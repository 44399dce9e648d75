package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
)

// statsView is the server's figures. Counters count since the start.
type statsView struct {
	Version       string    `json:"version"`
	Started       time.Time `json:"started"`
	At            time.Time `json:"at"`
	UptimeSeconds int64     `json:"uptime_seconds"`

	ClientsConnected int64 `json:"clients_connected"`
	ClientsMaximum   int64 `json:"clients_maximum" doc:"The most that were connected at once."`
	SessionsOffline  int64 `json:"sessions_offline"`
	Subscriptions    int64 `json:"subscriptions"`
	Retained         int64 `json:"retained"`
	RetainedBytes    int64 `json:"retained_bytes"`

	MessagesReceived int64            `json:"messages_received"`
	MessagesSent     int64            `json:"messages_sent"`
	MessagesDropped  int64            `json:"messages_dropped"`
	Dropped          map[string]int64 `json:"dropped" doc:"Dropped messages by reason."`
	Refused          map[string]int64 `json:"refused" doc:"What the server refused, by Reason Code."`

	PacketsReceived       int64            `json:"packets_received"`
	PacketsSent           int64            `json:"packets_sent"`
	PacketsReceivedByType map[string]int64 `json:"packets_received_by_type"`
	PacketsSentByType     map[string]int64 `json:"packets_sent_by_type"`
	BytesReceived         int64            `json:"bytes_received"`
	BytesSent             int64            `json:"bytes_sent"`

	Inflight    int64 `json:"inflight"`
	Queued      int64 `json:"queued"`
	QueuedBytes int64 `json:"queued_bytes"`
	HeldBytes   int64 `json:"held_bytes" doc:"What the memory budget bounds; 0 without one."`
	MemoryBytes int64 `json:"memory_bytes"`
	Goroutines  int64 `json:"goroutines"`
	Panics      int64 `json:"panics"`
}

func viewStats(s *mqtt.Stats) statsView {
	return statsView{
		Version: s.Version, Started: s.Started, At: s.Time, UptimeSeconds: int64(s.Uptime / time.Second),
		ClientsConnected: s.ClientsConnected, ClientsMaximum: s.ClientsMaximum, SessionsOffline: s.ClientsDisconnected,
		Subscriptions: s.Subscriptions, Retained: s.Retained, RetainedBytes: s.RetainedBytes,
		MessagesReceived: s.MessagesReceived, MessagesSent: s.MessagesSent, MessagesDropped: s.MessagesDropped,
		Dropped: s.Dropped, Refused: s.Refused,
		PacketsReceived: s.PacketsReceived, PacketsSent: s.PacketsSent,
		PacketsReceivedByType: s.Received, PacketsSentByType: s.Sent,
		BytesReceived: s.BytesReceived, BytesSent: s.BytesSent,
		Inflight: s.Inflight, Queued: s.Queued, QueuedBytes: s.QueuedBytes, HeldBytes: s.HeldBytes,
		MemoryBytes: s.MemoryAlloc, Goroutines: s.Threads, Panics: s.Panics,
	}
}

// seriesView is figures over time, the oldest first.
type seriesView struct {
	ResolutionSeconds int         `json:"resolution_seconds"`
	Points            []pointView `json:"points" nullable:"false"`
}

type seriesInput struct {
	Resolution string    `query:"resolution" enum:"1s,1m" default:"1s" doc:"By the second for an hour, or by the minute for a day."`
	Since      time.Time `query:"since" doc:"Only points after this time."`
}

func (h *Handler) statsOperations(a huma.API) {
	register(a, operation{
		id: "getStats", method: http.MethodGet, path: "/stats", scope: ScopeRead, tag: "stats", summary: "Get the figures of now",
	}, func(context.Context, *struct{}) (*body[statsView], error) {
		return answer(viewStats(h.server.Stats())), nil
	})
	register(a, operation{
		id: "getSeries", method: http.MethodGet, path: "/stats/series", scope: ScopeRead, tag: "stats", summary: "Get figures over time",
	}, func(_ context.Context, in *seriesInput) (*body[seriesView], error) {
		every, points := h.series.since(in.Resolution == "1m", in.Since)
		return answer(seriesView{ResolutionSeconds: int(every / time.Second), Points: points}), nil
	})
}
