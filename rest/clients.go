package rest

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// clientView is a session, and the connection it has.
type clientView struct {
	ClientID  string `json:"client_id"`
	Username  string `json:"username"`
	Connected bool   `json:"connected"`
	Protocol  string `json:"protocol" example:"5.0" doc:"MQTT version of the last connection."`

	Remote         string     `json:"remote,omitzero" doc:"Address of the client, while it is connected."`
	Listener       string     `json:"listener,omitzero"`
	CleanStart     bool       `json:"clean_start"`
	KeepAlive      int        `json:"keep_alive" doc:"Seconds; 0 is none."`
	ConnectedAt    *time.Time `json:"connected_at,omitempty"`
	DisconnectedAt *time.Time `json:"disconnected_at,omitempty"`

	SessionExpiryInterval *uint32    `json:"session_expiry_interval" nullable:"true" doc:"Seconds; null: the session never expires."`
	ExpiresAt             *time.Time `json:"expires_at,omitempty" doc:"When the session ends if the client does not come back."`

	Durability string `json:"durability" enum:"fsync,os,none,memory" doc:"What acknowledgements wait for that promise to keep something of the session."`

	Subscriptions      int   `json:"subscriptions"`
	Queued             int   `json:"queued" doc:"Messages that wait."`
	QueuedMaximum      int   `json:"queued_maximum"`
	QueuedBytes        int64 `json:"queued_bytes"`
	QueuedBytesMaximum int64 `json:"queued_bytes_maximum"`
	Inflight           int   `json:"inflight" doc:"Messages of QoS 1 and 2 sent and not acknowledged."`
	InflightMaximum    int   `json:"inflight_maximum"`
	InflightReceived   int   `json:"inflight_received" doc:"QoS 2 messages of the client that are not released."`
	PendingBytes       int64 `json:"pending_bytes" doc:"Bytes the connection has not taken yet."`
	Dropped            int64 `json:"dropped" doc:"Messages the session lost."`

	BytesReceived    int64 `json:"bytes_received" doc:"Since the connection began, as the next three."`
	BytesSent        int64 `json:"bytes_sent"`
	MessagesReceived int64 `json:"messages_received"`
	MessagesSent     int64 `json:"messages_sent"`
}

func viewClient(s *mqtt.SessionInfo) clientView {
	v := clientView{
		ClientID: s.ClientID, Username: s.Username, Connected: s.Connected, Protocol: protocol(s.Version),
		Remote: s.Remote, Listener: s.Listener, CleanStart: s.CleanStart, KeepAlive: int(s.KeepAlive / time.Second),
		ConnectedAt: instant(s.ConnectedAt), DisconnectedAt: instant(s.DisconnectedAt), ExpiresAt: instant(s.ExpiresAt),
		Subscriptions: s.Subscriptions, Queued: s.Queued, QueuedMaximum: s.QueuedMaximum,
		QueuedBytes: s.QueuedBytes, QueuedBytesMaximum: s.QueuedBytesMaximum,
		Durability: s.Durability,
		Inflight:   s.Inflight, InflightMaximum: s.InflightMaximum, InflightReceived: s.InflightReceived,
		PendingBytes: s.PendingBytes, Dropped: s.Dropped,
		BytesReceived: s.BytesReceived, BytesSent: s.BytesSent,
		MessagesReceived: s.MessagesReceived, MessagesSent: s.MessagesSent,
	}
	if s.SessionExpiryInterval != math.MaxUint32 {
		v.SessionExpiryInterval = &s.SessionExpiryInterval
	}
	return v
}

func protocol(v packets.Version) string {
	switch v {
	case packets.V31:
		return "3.1"
	case packets.V311:
		return "3.1.1"
	case packets.V5:
		return "5.0"
	}
	return ""
}

// instant is a time, nil if it is none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// clientPage is a page of clients.
type clientPage struct {
	Clients []clientView `json:"clients" nullable:"false"`
	Next    string       `json:"next,omitzero" doc:"The cursor of the next page; missing at the end. A page may be short, and even empty, with more to come."`
	Total   *int         `json:"total,omitempty" doc:"How many there are in all; only with a sort, which looks at all of them."`
}

type listClientsInput struct {
	PageInput
	Search    string `query:"search" maxLength:"256" doc:"Part of a client identifier or user name, in any case."`
	Username  string `query:"username" maxLength:"65535"`
	Listener  string `query:"listener" maxLength:"256"`
	Connected string `query:"connected" enum:"true,false" doc:"Only those with, or without, a connection."`
	Sort      string `query:"sort" enum:"client_id,connected_at,queued,dropped" doc:"Without it the order is arbitrary but stable, and pages are cheap whatever the number of sessions. Counts sort the largest first."`
}

// orders are the values of sort.
var orders = map[string]mqtt.SessionOrder{
	"": mqtt.SessionsAnyOrder, "client_id": mqtt.SessionsByClientID, "connected_at": mqtt.SessionsByConnectedAt,
	"queued": mqtt.SessionsByQueued, "dropped": mqtt.SessionsByDropped,
}

// ClientInput names a client. It is exported for the reason of PageInput.
type ClientInput struct {
	ClientID string `path:"client_id" maxLength:"65535" doc:"Slashes in it are written %2F."`
}

type disconnectInput struct {
	ClientInput
	Body struct {
		ReasonCode int    `json:"reason_code,omitempty" minimum:"128" maximum:"162" default:"152" doc:"Reason Code of the DISCONNECT to an MQTT 5.0 client; 152 is administrative action."`
		Reason     string `json:"reason,omitempty" maxLength:"1000" doc:"Reason String of the DISCONNECT."`
	}
}

func (h *Handler) clientOperations(a huma.API) {
	register(a, operation{
		id: "listClients", method: http.MethodGet, path: "/clients", scope: ScopeRead, tag: "clients",
		summary: "List clients",
		about:   "Lists sessions, each with the connection it has, if any. A session that exists all the time is listed exactly once.",
		errors:  []int{http.StatusBadRequest, http.StatusServiceUnavailable},
	}, h.listClients)
	register(a, operation{
		id: "getClient", method: http.MethodGet, path: "/clients/{client_id}", scope: ScopeRead, tag: "clients",
		summary: "Describe one client", errors: []int{http.StatusNotFound},
	}, func(_ context.Context, in *ClientInput) (*body[clientView], error) {
		info, ok := h.server.Session(in.ClientID)
		if !ok {
			return nil, problemOf(mqtt.ErrNoSession)
		}
		return answer(viewClient(&info)), nil
	})
	register(a, operation{
		id: "disconnectClient", method: http.MethodPost, path: "/clients/{client_id}/disconnect", scope: ScopeAdmin, tag: "clients",
		summary: "End a client's connection",
		about:   "Its session stays as it would after a lost connection, and its Will is published.",
		status:  http.StatusAccepted, errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *disconnectInput) (*struct{}, error) {
		audited(ctx, slog.String("client_id", in.ClientID), slog.Int("reason_code", in.Body.ReasonCode))
		code := packets.Code(in.Body.ReasonCode)
		return nil, problemOf(h.server.Disconnect(in.ClientID, code, in.Body.Reason))
	})
	register(a, operation{
		id: "deleteClient", method: http.MethodDelete, path: "/clients/{client_id}", scope: ScopeAdmin, tag: "clients",
		summary: "Delete a session",
		about:   "Ends the session for good: its connection, subscriptions and queued messages.",
		errors:  []int{http.StatusNotFound},
	}, func(ctx context.Context, in *ClientInput) (*struct{}, error) {
		audited(ctx, slog.String("client_id", in.ClientID))
		return nil, problemOf(h.server.DeleteSession(in.ClientID))
	})
}

func (h *Handler) listClients(ctx context.Context, in *listClientsInput) (*body[clientPage], error) {
	q := mqtt.SessionQuery{
		After: in.Cursor, Limit: in.Limit, Order: orders[in.Sort],
		Search: in.Search, Username: in.Username, Listener: in.Listener,
	}
	if in.Connected != "" {
		connected := in.Connected == "true"
		q.Connected = &connected
	}
	if q.Order != mqtt.SessionsAnyOrder || q.Search != "" || q.Username != "" || q.Listener != "" || q.Connected != nil {
		done, ok := h.scans.begin(ctx)
		if !ok {
			return nil, huma.Error503ServiceUnavailable(textBusy)
		}
		defer done()
	}
	page, err := h.server.Sessions(q)
	if err != nil {
		return nil, problemOf(err)
	}
	out := clientPage{Clients: make([]clientView, len(page.Sessions)), Next: page.Next}
	if page.Total >= 0 {
		out.Total = &page.Total
	}
	for i := range page.Sessions {
		out.Clients[i] = viewClient(&page.Sessions[i])
	}
	return answer(out), nil
}
