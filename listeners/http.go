package listeners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	alpnHTTP       = "http/1.1"
	maxHeaderBytes = 8 << 10
	httpIdle       = 30 * time.Second
)

// httpDoor is a listener with an HTTP server behind it. Connections are accepted
// and prepared as everywhere, and then put into the server's queue.
type httpDoor struct {
	acceptor
	srv *http.Server
}

// build makes d a door for addr, not yet bound, whose requests go to handler.
func (d *httpDoor) build(id, protocol, addr string, cfg *Config, handler http.Handler) {
	d.acceptor = newAcceptor(id, protocol, addr, cfg)
	d.alpn = alpnHTTP
	d.bind = d.bindTCP
	d.srv = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: d.cfg.HandshakeTimeout,
		ReadTimeout:       d.cfg.HandshakeTimeout,
		WriteTimeout:      d.cfg.HandshakeTimeout,
		IdleTimeout:       httpIdle,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

// either returns plain, or secure if cfg has a TLSConfig.
func either(cfg *Config, plain, secure string) string {
	if cfg != nil && cfg.TLSConfig != nil {
		return secure
	}
	return plain
}

// serveHTTP runs the server until Close. It returns when the server accepts no
// more; requests and upgraded connections may still be going on.
func (d *httpDoor) serveHTTP() error {
	queue := newMemoryQueue(addrOf(d.Address()), d.done)
	d.mu.Lock()
	d.srv.ErrorLog = slog.NewLogLogger(d.log.With("listener", d.id).Handler(), slog.LevelWarn)
	d.mu.Unlock()
	var server sync.WaitGroup
	// Ends when the queue is closed.
	server.Go(func() { _ = d.srv.Serve(queue) }) // always net.ErrClosed or http.ErrServerClosed
	err := d.acceptor.Serve(func(conn net.Conn) error {
		if err := queue.put(context.Background(), conn); err != nil {
			conn.Close() // the listener was closed
		}
		return nil
	})
	queue.end()
	server.Wait()
	return err
}

// addrOf is an address in text.
type addrOf string

// Network returns "tcp".
func (a addrOf) Network() string { return "tcp" }

// String returns the address.
func (a addrOf) String() string { return string(a) }

// page is a door that serves pages and no MQTT.
type page struct{ httpDoor }

// Serve answers requests until Close; establish is never called and may be nil.
func (p *page) Serve(func(net.Conn) error) error { return p.serveHTTP() }

// Close stops accepting, lets running requests end until ctx does, and cuts the
// rest. A second call does nothing.
func (p *page) Close(ctx context.Context) error {
	err := p.acceptor.Close(ctx)
	if shut := p.srv.Shutdown(ctx); shut != nil {
		err = errors.Join(err, fmt.Errorf("listener %s: requests cut: %w", p.id, shut), p.srv.Close())
	}
	return err
}

// HTTP serves whatever its handler does.
type HTTP struct{ page }

// NewHTTP returns a listener whose requests go to handler, by several goroutines
// at a time. A request, and the answer to it, may take as long as the
// configuration's HandshakeTimeout unless the handler sets its own deadline.
func NewHTTP(id, addr string, cfg *Config, handler http.Handler) *HTTP {
	h := &HTTP{}
	h.build(id, either(cfg, "http", "https"), addr, cfg, handler)
	return h
}

// StatsHandler answers GET on any path with the JSON of stats(), indented with
// tabs, and other methods with 405.
func StatsHandler(stats func() any) http.Handler { return onlyGET(statsHandler(stats)) }

// HTTPStats serves a value as JSON.
type HTTPStats struct{ page }

// NewHTTPStats returns a listener that answers GET on any path with the JSON of
// stats(), indented with tabs, and other methods with 405. stats is called once
// per request, by several goroutines at a time.
func NewHTTPStats(id, addr string, cfg *Config, stats func() any) *HTTPStats {
	s := &HTTPStats{}
	s.build(id, either(cfg, "http", "https"), addr, cfg, StatsHandler(stats))
	return s
}

// HTTPHealthCheck tells that the process is alive.
type HTTPHealthCheck struct{ page }

// NewHTTPHealthCheck returns a listener that answers GET /healthcheck with 200
// and an empty body, other methods there with 405 and other paths with 404.
func NewHTTPHealthCheck(id, addr string, cfg *Config) *HTTPHealthCheck {
	mux := http.NewServeMux()
	mux.Handle("/healthcheck", onlyGET(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	}))
	h := &HTTPHealthCheck{}
	h.build(id, either(cfg, "http", "https"), addr, cfg, mux)
	return h
}

// onlyGET answers every other method with 405.
func onlyGET(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "only GET is possible here", http.StatusMethodNotAllowed)
			return
		}
		next(w, r)
	}
}

func statsHandler(stats func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.MarshalIndent(stats(), "", "\t")
		if err != nil {
			http.Error(w, "statistics as JSON: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body) // a reader that left has no use for the error
	}
}
