package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
)

// Handler serves the API. Make one with New and end it with Close.
type Handler struct {
	server   *mqtt.Server
	options  Options
	log      *slog.Logger
	auditLog *slog.Logger
	login    *login
	throttle throttle
	origins  *http.CrossOriginProtection
	mux      *http.ServeMux
	api      huma.API
	life     *lifeEvents
	series   *series

	scans     scans
	streams   atomic.Int64 // open now
	traces    atomic.Int64 // among them
	streamIDs atomic.Uint32

	done  chan struct{} // closed by Close: streams end
	once  sync.Once
	tasks sync.WaitGroup
}

// New makes a handler. It observes the server by a hook, which Close removes.
func New(o Options) (*Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	h := &Handler{
		server: o.Server, options: o, log: o.Logger, auditLog: o.Audit, login: newLogin(&o),
		origins: http.NewCrossOriginProtection(), mux: http.NewServeMux(),
		life: newLifeEvents(), series: newSeries(o.Server), scans: make(scans, 1), done: make(chan struct{}),
	}
	if h.auditLog == nil {
		h.auditLog = o.Logger
	}
	h.routes()
	if err := h.server.AddHook(h.life, nil); err != nil {
		return nil, fmt.Errorf("rest: %w", err)
	}
	h.tasks.Go(func() { h.series.run(h.done) })
	return h, nil
}

// Close ends all streams and what the handler observes. Requests that come
// later are answered, but streams end at once.
func (h *Handler) Close() {
	h.once.Do(func() {
		close(h.done)
		h.tasks.Wait()
		_ = h.server.RemoveHook(h.life) // a server that is closed has let go of it already
	})
}

func (h *Handler) routes() {
	h.mux.HandleFunc("GET /healthz", h.healthz)
	h.mux.HandleFunc("GET /readyz", h.readyz)
	if h.options.Metrics != nil {
		h.mux.Handle("GET /metrics", h.needs(ScopeRead, h.options.Metrics.ServeHTTP))
	}
	h.gmqttRoutes()
	h.comqttRoutes()
	h.v1()
}

// open are the paths that need no login.
func open(path string) bool { return path == "/healthz" || path == "/readyz" }

// v1Path tells the routes whose errors are problem documents.
func v1Path(path string) bool { return strings.HasPrefix(path, "/api/") }

// ServeHTTP answers one request: it finds out who asks, refuses what comes from
// another site, carries it out and notes changes in the audit log.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	out := &response{ResponseWriter: w}
	header := out.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	who, rec := &identity{}, &auditRecord{}
	defer h.guard(out, r)
	if changes(r) {
		defer func() { h.audit(r, rec, who, out.code(), began) }()
	}
	if refusal := h.admit(out, r, &who); refusal != nil {
		h.refuse(out, r, refusal)
		return
	}
	ctx := context.WithValue(withIdentity(r.Context(), who), auditKey, rec)
	r = r.WithContext(ctx)
	if _, pattern := h.mux.Handler(r); pattern == "" && v1Path(r.URL.Path) {
		h.refuse(out, r, h.noRoute(out, r))
		return
	}
	h.mux.ServeHTTP(out, r)
}

// refusal is an answer other than what was asked for.
type refusal struct {
	status int
	text   string
}

// admit says why a request is not carried out, nil if it is.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, who **identity) *refusal {
	if open(r.URL.Path) {
		return nil
	}
	addr := remoteAddr(r)
	if wait := h.throttle.blocked(addr, time.Now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return &refusal{http.StatusTooManyRequests, "too many attempts to log in from this address"}
	}
	found := h.login.who(r)
	if found == nil {
		if sentLogin(r) {
			h.throttle.failed(addr, time.Now())
		}
		w.Header().Add("WWW-Authenticate", `Basic realm="Authorization Required"`)
		return &refusal{http.StatusUnauthorized, ""}
	}
	*who = found
	if err := h.origins.Check(r); err != nil {
		return &refusal{http.StatusForbidden, "a change that a page of another site asks for is refused"}
	}
	if v1Path(r.URL.Path) && changes(r) && r.ContentLength != 0 && !knownContent(r) {
		return &refusal{http.StatusUnsupportedMediaType, "the body must have Content-Type application/json or application/x-ndjson"}
	}
	return nil
}

// knownContent tells that the body has a type which no form of a web page sends.
func knownContent(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || kind == ndjson)
}

func remoteAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

// needs wraps a handler that needs a scope.
func (h *Handler) needs(scope Scope, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !identityOf(r.Context()).may(scope) {
			h.refuse(w, r, &refusal{http.StatusForbidden, needsScope(scope)})
			return
		}
		next(w, r)
	}
}

func needsScope(scope Scope) string { return "this needs the scope " + string(scope) }

// noRoute asks the mux why no route fits, for a problem document.
func (h *Handler) noRoute(w http.ResponseWriter, r *http.Request) *refusal {
	probe := &discard{header: make(http.Header)}
	h.mux.ServeHTTP(probe, r)
	if allow := probe.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		return &refusal{http.StatusMethodNotAllowed, "this path has the methods " + allow}
	}
	return &refusal{http.StatusNotFound, "there is no such path; /api/v1/openapi.json lists them"}
}

// problem is an error as RFC 9457 has it.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// refuse answers with a problem document, or with plain text on old routes.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	if !v1Path(r.URL.Path) {
		plain(w, why.status, why.text)
		return
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(problem{http.StatusText(why.status), why.status, why.text}); err != nil {
		plain(w, why.status, why.text) // it always has an encoding
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(why.status)
	_, _ = w.Write(b.Bytes()) // a reader that left has no use for the error
}

// plain answers with text, as gmqtt does.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a reader that left has no use for the error
}

// guard answers after a panic, without telling strangers about the stack.
func (h *Handler) guard(w *response, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint,err113 // recover returns the very value
		panic(p)
	}
	h.log.Error("panic in the management api", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	if w.status == 0 {
		h.refuse(w, r, &refusal{http.StatusInternalServerError, "the server has a fault, its log tells more"})
	}
}

// response remembers the status it was given.
type response struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes and sends the status.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find what the writer can do.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// discard takes an answer for its header only.
type discard struct{ header http.Header }

// Header returns the header.
func (d *discard) Header() http.Header { return d.header }

// Write takes the body.
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader takes the status.
func (d *discard) WriteHeader(int) {}
