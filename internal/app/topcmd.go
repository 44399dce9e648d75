package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// newTop makes the live view.
func newTop(std streams) *cobra.Command {
	f, every, rounds := &apiFlags{}, time.Duration(0), 0
	cmd := apiCommand("top", "Watch a running broker: connections, rates, queues, the sessions that need a look",
		`Show the figures of a running broker and the sessions with the longest queues, again
and again until Ctrl-C. With --json, print the figures, one line a round.`, f, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			ticker := time.NewTicker(max(every, 100*time.Millisecond))
			defer ticker.Stop()
			for n := 1; ; n++ {
				if err := topRound(ctx, api, std.out, f.json); err != nil {
					return err
				}
				if n == rounds {
					return nil
				}
				select {
				case <-ctx.Done():
					return nil
				case <-ticker.C:
				}
			}
		})
	cmd.Flags().DurationVar(&every, "every", time.Second, "`time` between rounds")
	cmd.Flags().IntVar(&rounds, "rounds", 0, "end after so many rounds; 0 never")
	return cmd
}

// topPoint is the newest point of the series.
type topPoint struct {
	ClientsConnected int64   `json:"clients_connected"`
	SessionsOffline  int64   `json:"sessions_offline"`
	Subscriptions    int64   `json:"subscriptions"`
	Retained         int64   `json:"retained"`
	Inflight         int64   `json:"inflight"`
	Queued           int64   `json:"queued"`
	QueuedBytes      int64   `json:"queued_bytes"`
	MemoryBytes      int64   `json:"memory_bytes"`
	MessagesReceived float64 `json:"messages_received_rate"`
	MessagesSent     float64 `json:"messages_sent_rate"`
	MessagesDropped  float64 `json:"messages_dropped_rate"`
	BytesReceived    float64 `json:"bytes_received_rate"`
	BytesSent        float64 `json:"bytes_sent_rate"`
}

func topRound(ctx context.Context, api *apiClient, out io.Writer, asJSON bool) error {
	var series struct{ Points []topPoint }
	since := time.Now().Add(-10 * time.Second).UTC().Format(time.RFC3339)
	if err := api.call(ctx, http.MethodGet, "/stats/series", url.Values{"since": {since}}, nil, &series); err != nil {
		return err
	}
	var p topPoint
	if n := len(series.Points); n > 0 {
		p = series.Points[n-1]
	}
	if asJSON {
		return printJSON(out, p)
	}
	var page json.RawMessage
	if err := api.call(ctx, http.MethodGet, "/clients", url.Values{"sort": {"queued"}, "limit": {"15"}}, nil, &page); err != nil {
		return err
	}
	var b strings.Builder
	if isTerminal(out) {
		b.WriteString("\x1b[H\x1b[2J") // home and clear
	}
	fmt.Fprintf(&b, "%s  %s\n\n", time.Now().Format(time.TimeOnly), api.base)
	fmt.Fprintf(&b, "clients   %d connected, %d sessions offline, %d subscriptions, %d retained\n", p.ClientsConnected, p.SessionsOffline, p.Subscriptions, p.Retained)
	fmt.Fprintf(&b, "messages  %.0f/s in, %.0f/s out, %.0f/s dropped\n", p.MessagesReceived, p.MessagesSent, p.MessagesDropped)
	fmt.Fprintf(&b, "traffic   %s/s in, %s/s out\n", bytesText(int64(p.BytesReceived)), bytesText(int64(p.BytesSent)))
	fmt.Fprintf(&b, "waiting   %d queued (%s), %d in flight; memory %s\n\n", p.Queued, bytesText(p.QueuedBytes), p.Inflight, bytesText(p.MemoryBytes))
	if err := topSessions(&b, page); err != nil {
		return err
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func topSessions(b *strings.Builder, page json.RawMessage) error {
	list, _, err := listOf[apiClientEntry](page, "clients")
	if err != nil {
		return err
	}
	t := newTable(b, false, "CLIENT", "USER", "STATE", "SINCE", "MQTT", "REMOTE", "SUBS", "QUEUED", "INFLIGHT", "IN", "OUT", "DROPPED")
	for i := range list {
		if err := t.row(nil, list[i].cells()...); err != nil {
			return err
		}
	}
	return t.flush()
}
