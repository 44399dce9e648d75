package rest

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// comqttRoutes adds the routes of comqtt whose meaning we share. Errors are
// JSON strings there.
func (h *Handler) comqttRoutes() {
	const at = "/api/v1/mqtt"
	h.mux.HandleFunc("GET "+at+"/config", h.needs(ScopeAdmin, h.comqttConfig))
	h.mux.HandleFunc("GET "+at+"/stat/overall", h.needs(ScopeRead, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, h.server.Stats()) }))
	h.mux.HandleFunc("GET "+at+"/stat/online", h.needs(ScopeRead, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, h.server.Stats().ClientsConnected)
	}))
	h.mux.HandleFunc("GET "+at+"/clients", h.needs(ScopeRead, h.comqttClients))
	h.mux.HandleFunc("GET "+at+"/clients/{id}", h.needs(ScopeRead, h.comqttClient))
	h.mux.HandleFunc("POST "+at+"/clients/{id}/disconnect", h.needs(ScopeAdmin, h.comqttDisconnect))
	h.mux.HandleFunc("DELETE "+at+"/retained/{topic...}", h.needs(ScopeAdmin, h.comqttDeleteRetained))
	h.mux.HandleFunc("POST "+at+"/message", h.needs(ScopePublish, h.comqttMessage))
}

type comqttClientItem struct {
	ID              string   `json:"id"`
	IP              string   `json:"ip"`
	Online          bool     `json:"online"`
	Username        string   `json:"username"`
	TopicFilters    []string `json:"topic_filters"`
	ProtocolVersion byte     `json:"protocol_version"`
	SessionClean    bool     `json:"session_clean"`
	InflightCount   int      `json:"inflight_count"`
	ConnectedAt     int64    `json:"connected_at"`
	BytesReceived   int64    `json:"bytes_received"`
	BytesSent       int64    `json:"bytes_sent"`
	KeepAlive       int      `json:"keepalive"`
}

func (h *Handler) comqttItem(s *mqtt.SessionInfo) comqttClientItem {
	v := comqttClientItem{
		ID: s.ClientID, IP: s.Remote, Online: s.Connected, Username: s.Username, TopicFilters: []string{},
		ProtocolVersion: byte(s.Version), SessionClean: s.CleanStart, InflightCount: s.Inflight,
		BytesReceived: s.BytesReceived, BytesSent: s.BytesSent, KeepAlive: int(s.KeepAlive.Seconds()),
	}
	if !s.ConnectedAt.IsZero() {
		v.ConnectedAt = s.ConnectedAt.Unix()
	}
	page, err := h.server.Subscriptions(mqtt.SubscriptionQuery{ClientID: s.ClientID, Limit: 1000})
	if err != nil {
		return v // its client identifier is empty, which no session has
	}
	for i := range page.Subscriptions {
		v.TopicFilters = append(v.TopicFilters, page.Subscriptions[i].Filter)
	}
	slices.Sort(v.TopicFilters)
	return v
}

func (h *Handler) comqttConfig(w http.ResponseWriter, _ *http.Request) {
	if h.options.Config != nil {
		writeJSON(w, h.options.Config())
		return
	}
	o := h.server.Options()
	o.Logger = nil
	writeJSON(w, o)
}

func (h *Handler) comqttClients(w http.ResponseWriter, r *http.Request) {
	p := readPages(r)
	if size := readPagesAs(r, "page_size"); size > 0 {
		p.size = min(size, 100)
	}
	done, ok := h.scans.begin(r.Context())
	if !ok {
		comqttError(w, http.StatusServiceUnavailable, textBusy)
		return
	}
	defer done()
	got, err := h.server.Sessions(mqtt.SessionQuery{
		Order: mqtt.SessionsByClientID, Offset: p.offset(), Limit: p.size, Search: r.URL.Query().Get("search"),
	})
	if err != nil {
		comqttError(w, http.StatusBadRequest, err.Error())
		return
	}
	items := make([]comqttClientItem, len(got.Sessions))
	for i := range got.Sessions {
		items[i] = h.comqttItem(&got.Sessions[i])
	}
	writeJSON(w, struct {
		Items    []comqttClientItem `json:"items"`
		Total    int                `json:"total"`
		Page     int                `json:"page"`
		PageSize int                `json:"page_size"`
	}{items, got.Total, p.page, p.size})
}

func (h *Handler) comqttClient(w http.ResponseWriter, r *http.Request) {
	info, ok := h.server.Session(r.PathValue("id"))
	if !ok {
		comqttError(w, http.StatusNotFound, mqtt.ErrNoSession.Error())
		return
	}
	writeJSON(w, h.comqttItem(&info))
}

func (h *Handler) comqttDisconnect(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	audited(r.Context(), slog.String("client_id", id))
	err := h.server.Disconnect(id, packets.ErrAdministrativeAction, "")
	if errors.Is(err, mqtt.ErrNoSession) || errors.Is(err, mqtt.ErrNotConnected) {
		comqttError(w, http.StatusNotFound, err.Error())
		return
	}
	if err != nil {
		comqttError(w, http.StatusInternalServerError, err.Error())
		return
	}
	writeJSON(w, map[string]string{"id": id})
}

func (h *Handler) comqttDeleteRetained(w http.ResponseWriter, r *http.Request) {
	topic := r.PathValue("topic")
	audited(r.Context(), slog.String("topic", topic))
	cleared, err := h.server.ClearRetained(topic)
	switch {
	case err != nil:
		comqttError(w, http.StatusBadRequest, err.Error())
	case !cleared:
		comqttError(w, http.StatusNotFound, "this topic has no retained message")
	default:
		writeJSON(w, map[string]string{"topic": topic})
	}
}

// comqttPublish is the body of POST message.
type comqttPublish struct {
	TopicName string `json:"topic_name"`
	Payload   string `json:"payload"`
	Retain    bool   `json:"retain"`
	QoS       byte   `json:"qos"`
}

func (h *Handler) comqttMessage(w http.ResponseWriter, r *http.Request) {
	m, err := readComqttMessage(http.MaxBytesReader(w, r.Body, maximumMessageBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		comqttError(w, http.StatusRequestEntityTooLarge, "the message is too large")
		return
	}
	if err == nil {
		audited(r.Context(), slog.String("topic", m.TopicName))
		err = h.server.Publish(m.TopicName, []byte(m.Payload), m.Retain, m.QoS)
	}
	if err != nil {
		comqttError(w, http.StatusBadRequest, err.Error())
		return
	}
	writeJSON(w, m)
}

func comqttError(w http.ResponseWriter, status int, text string) {
	b, err := json.Marshal(text)
	if err != nil {
		b = []byte(`""`) // a string always has an encoding
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a reader that left has no use for the error
}
