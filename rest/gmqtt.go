package rest

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// gmqttRoutes adds the routes of gmqtt's restapi, as its users know them.
func (h *Handler) gmqttRoutes() {
	h.mux.HandleFunc("GET /clients", h.needs(ScopeRead, h.gmqttClients))
	h.mux.HandleFunc("GET /client/{id}", h.needs(ScopeRead, h.gmqttClient))
	h.mux.HandleFunc("GET /sessions", h.needs(ScopeRead, h.gmqttSessions))
	h.mux.HandleFunc("GET /session/{id}", h.needs(ScopeRead, h.gmqttSession))
	h.mux.HandleFunc("GET /subscriptions", h.needs(ScopeRead, h.gmqttSubscriptions))
	h.mux.HandleFunc("GET /subscriptions/{id}", h.needs(ScopeRead, h.gmqttSubscriptions))
	h.mux.HandleFunc("POST /publish", h.needs(ScopePublish, h.gmqttPublish))
	h.mux.HandleFunc("POST /subscribe", h.needs(ScopeAdmin, h.gmqttSubscribe))
	h.mux.HandleFunc("POST /unsubscribe", h.needs(ScopeAdmin, h.gmqttUnsubscribe))
}

// The texts of gmqtt's refusals.
const (
	textQoS      = "invalid Qos,only support qos0 | qos1 | qos2"
	textTopic    = "invalid topic name"
	textFilter   = "invalid topic filter"
	textUTF8     = "invalid utf-8 string"
	textClientID = "invalid clientID"
	textForm     = "invalid form"
	textRetain   = "invalid retain,use true or false"
)

// gmqttPageOf is a page of a list.
type gmqttPageOf[T any] struct {
	List         []T `json:"list"`
	Page         int `json:"page"`
	PageSize     int `json:"page_size"`
	CurrentCount int `json:"current_count"`
	TotalCount   int `json:"total_count"`
	TotalPage    int `json:"total_page"`
}

type gmqttClient struct {
	ClientID     string    `json:"client_id"`
	Username     string    `json:"username"`
	RemoteAddr   string    `json:"remote_addr"`
	CleanSession bool      `json:"clean_session"`
	KeepAlive    int       `json:"keep_alive"`
	ConnectedAt  time.Time `json:"connected_at"`
}

type gmqttSession struct {
	ClientID        string    `json:"client_id"`
	Status          string    `json:"status"`
	RemoteAddr      string    `json:"remote_addr"`
	CleanSession    bool      `json:"clean_session"`
	Subscriptions   int       `json:"subscriptions"`
	MaxInflight     int       `json:"max_inflight"`
	InflightLen     int       `json:"inflight_len"`
	MaxMsgQueue     int       `json:"max_msg_queue"`
	MsgQueueLen     int       `json:"msg_queue_len"`
	MsgQueueDropped int64     `json:"msg_queue_dropped"`
	ConnectedAt     time.Time `json:"connected_at"`
	OfflineAt       time.Time `json:"offline_at"`
}

type gmqttSubscription struct {
	ClientID string    `json:"client_id"`
	QoS      byte      `json:"qos"`
	Name     string    `json:"name"`
	At       time.Time `json:"at"`
}

func asGmqttClient(s *mqtt.SessionInfo) gmqttClient {
	return gmqttClient{s.ClientID, s.Username, s.Remote, s.CleanStart, int(s.KeepAlive / time.Second), s.ConnectedAt}
}

func asGmqttSession(s *mqtt.SessionInfo) gmqttSession {
	v := gmqttSession{
		ClientID: s.ClientID, Status: "offline", RemoteAddr: s.Remote, CleanSession: s.CleanStart, Subscriptions: s.Subscriptions,
		MaxInflight: s.InflightMaximum, InflightLen: s.Inflight, MaxMsgQueue: s.QueuedMaximum, MsgQueueLen: s.Queued,
		MsgQueueDropped: s.Dropped, ConnectedAt: s.ConnectedAt, OfflineAt: s.DisconnectedAt,
	}
	if s.Connected {
		v.Status = "online"
	}
	return v
}

func asGmqttSubscription(s *mqtt.SubscriptionInfo) gmqttSubscription {
	return gmqttSubscription{s.ClientID, s.QoS, s.Filter, s.At}
}

func (h *Handler) gmqttClients(w http.ResponseWriter, r *http.Request) {
	connected := true
	h.gmqttSessionList(w, r, mqtt.SessionQuery{Connected: &connected}, func(list []mqtt.SessionInfo, p gmqttPages) any {
		return gmqttPage(p, list, asGmqttClient)
	})
}

func (h *Handler) gmqttSessions(w http.ResponseWriter, r *http.Request) {
	h.gmqttSessionList(w, r, mqtt.SessionQuery{}, func(list []mqtt.SessionInfo, p gmqttPages) any {
		return gmqttPage(p, list, asGmqttSession)
	})
}

// gmqttSessionList lists sessions by the time of their connection.
func (h *Handler) gmqttSessionList(w http.ResponseWriter, r *http.Request, q mqtt.SessionQuery, page func([]mqtt.SessionInfo, gmqttPages) any) {
	p := readPages(r)
	q.Order, q.Limit = mqtt.SessionsByConnectedAt, p.size
	done, ok := h.scans.begin(r.Context())
	if !ok {
		plain(w, http.StatusServiceUnavailable, textBusy)
		return
	}
	defer done()
	for {
		q.Offset = p.offset()
		got, err := h.server.Sessions(q)
		if err != nil {
			plain(w, http.StatusBadRequest, err.Error())
			return
		}
		if p.total = got.Total; !p.pastEnd() {
			writeJSON(w, page(got.Sessions, p))
			return
		}
	}
}

func (h *Handler) gmqttClient(w http.ResponseWriter, r *http.Request) {
	info, ok := h.server.Session(r.PathValue("id"))
	if !ok || !info.Connected {
		plain(w, http.StatusNotFound, "Client Not Found")
		return
	}
	writeJSON(w, asGmqttClient(&info))
}

func (h *Handler) gmqttSession(w http.ResponseWriter, r *http.Request) {
	info, ok := h.server.Session(r.PathValue("id"))
	if !ok {
		plain(w, http.StatusNotFound, "Session Not Found")
		return
	}
	writeJSON(w, asGmqttSession(&info))
}

func (h *Handler) gmqttSubscriptions(w http.ResponseWriter, r *http.Request) {
	p := readPages(r)
	q := mqtt.SubscriptionQuery{Order: mqtt.SubscriptionsByTime, Limit: p.size, ClientID: r.PathValue("id")}
	done, ok := h.scans.begin(r.Context())
	if !ok {
		plain(w, http.StatusServiceUnavailable, textBusy)
		return
	}
	defer done()
	for {
		q.Offset = p.offset()
		got, err := h.server.Subscriptions(q)
		if err != nil {
			plain(w, http.StatusBadRequest, err.Error())
			return
		}
		if p.total = got.Total; !p.pastEnd() {
			writeJSON(w, gmqttPage(p, got.Subscriptions, asGmqttSubscription))
			return
		}
	}
}

// gmqttPages is what page and per-page ask for.
type gmqttPages struct{ page, size, total int }

const (
	gmqttPageSize    = 20
	gmqttMaximumSize = 1000
	gmqttMaximumPage = 1 << 30
)

// readPages reads page and per-page; what makes no sense is the default.
func readPages(r *http.Request) gmqttPages {
	p := gmqttPages{page: 1, size: gmqttPageSize}
	query := r.URL.Query()
	if n, err := strconv.Atoi(query.Get("page")); err == nil && n > 0 {
		p.page = min(n, gmqttMaximumPage)
	}
	if n, err := strconv.Atoi(query.Get("per-page")); err == nil && n > 0 {
		p.size = min(n, gmqttMaximumSize)
	}
	return p
}

func (p *gmqttPages) offset() int { return min((p.page-1)*p.size, mostSkipped) }

// mostSkipped bounds how far a page number leads into a list: what is skipped
// has to be sorted.
const mostSkipped = 10_000_000

func (p *gmqttPages) pages() int { return (p.total + p.size - 1) / p.size }

// pastEnd goes back to the last page if there are fewer than asked for.
func (p *gmqttPages) pastEnd() bool {
	if last := max(1, p.pages()); p.page > last {
		p.page = last
		return p.total > 0
	}
	return false
}

func gmqttPage[In, Out any](p gmqttPages, list []In, as func(*In) Out) gmqttPageOf[Out] {
	out := gmqttPageOf[Out]{List: make([]Out, len(list)), Page: p.page, PageSize: p.size, CurrentCount: len(list), TotalCount: p.total, TotalPage: p.pages()}
	for i := range list {
		out.List[i] = as(&list[i])
	}
	return out
}

// gmqttForm bounds and reads the form of a POST.
func gmqttForm(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maximumMessageBody)
	if r.Form != nil {
		return true
	}
	err := r.ParseMultipartForm(1 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		plain(w, http.StatusRequestEntityTooLarge, "the form is too large")
		return false
	}
	if err != nil {
		plain(w, http.StatusBadRequest, textForm)
		return false
	}
	return true
}

// formQoS reads the QoS, which gmqtt wants to be given.
func formQoS(r *http.Request) (byte, bool) {
	n, err := strconv.Atoi(r.PostFormValue("qos"))
	return byte(n), err == nil && n >= 0 && n <= 2
}

// formClientID accepts the spellings of both years of gmqtt, and ours.
func formClientID(r *http.Request) (string, bool) {
	for _, name := range []string{"clientId", "clientID", "client_id"} {
		if id := r.PostFormValue(name); id != "" {
			return id, utf8.ValidString(id) && len(id) <= 65535
		}
	}
	return "", false
}

func (h *Handler) gmqttPublish(w http.ResponseWriter, r *http.Request) {
	if !gmqttForm(w, r) {
		return
	}
	qos, ok := formQoS(r)
	if !ok {
		plain(w, http.StatusBadRequest, textQoS)
		return
	}
	topic := r.PostFormValue("topic")
	if topics.ValidName(topic) != nil {
		plain(w, http.StatusBadRequest, textTopic)
		return
	}
	retain, err := strconv.ParseBool(cmp.Or(r.PostFormValue("retain"), "false"))
	if err != nil {
		plain(w, http.StatusBadRequest, textRetain)
		return
	}
	audited(r.Context(), slog.String("topic", topic))
	if err := h.server.Publish(topic, []byte(r.PostFormValue("payload")), retain, qos); err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	gmqttDone(w)
}

func (h *Handler) gmqttSubscribe(w http.ResponseWriter, r *http.Request) {
	if !gmqttForm(w, r) {
		return
	}
	qos, ok := formQoS(r)
	if !ok {
		plain(w, http.StatusBadRequest, textQoS)
		return
	}
	filter, clientID, ok := formFilter(w, r)
	if !ok {
		return
	}
	codes, err := h.server.SubscribeClient(clientID, []packets.Subscription{{Filter: filter, QoS: qos}}, 0)
	switch {
	case errors.Is(err, mqtt.ErrNoSession): // success and no effect, as ever
	case err != nil:
		plain(w, http.StatusBadRequest, err.Error())
		return
	case codes[0].Failed():
		plain(w, http.StatusForbidden, codes[0].Error())
		return
	}
	gmqttDone(w)
}

func (h *Handler) gmqttUnsubscribe(w http.ResponseWriter, r *http.Request) {
	if !gmqttForm(w, r) {
		return
	}
	filter, clientID, ok := formFilter(w, r)
	if !ok {
		return
	}
	_, err := h.server.UnsubscribeClient(clientID, []string{filter})
	if err != nil && !errors.Is(err, mqtt.ErrNoSession) {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	gmqttDone(w)
}

// formFilter reads topic and client identifier, or answers what is wrong.
func formFilter(w http.ResponseWriter, r *http.Request) (filter, clientID string, ok bool) {
	filter = r.PostFormValue("topic")
	if !utf8.ValidString(filter) {
		plain(w, http.StatusBadRequest, textUTF8)
		return "", "", false
	}
	if topics.ValidFilter(filter) != nil {
		plain(w, http.StatusBadRequest, textFilter)
		return "", "", false
	}
	if clientID, ok = formClientID(r); !ok {
		plain(w, http.StatusBadRequest, textClientID)
		return "", "", false
	}
	audited(r.Context(), slog.String("client_id", clientID), slog.String("filter", filter))
	return filter, clientID, true
}

// gmqttDone is gmqtt's word for success.
func gmqttDone(w http.ResponseWriter) {
	writeJSON(w, struct {
		Code   int   `json:"code"`
		Result []int `json:"result"`
	}{Result: []int{}})
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		plain(w, http.StatusInternalServerError, "the answer has no encoding")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(b) // a reader that left has no use for the error
}
