package rest

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// auditRecord gathers what a request changes, for one line of the audit log.
type auditRecord struct {
	mu    sync.Mutex
	attrs []slog.Attr
}

// audited adds a fact to the line about this request, if it gets one.
func audited(ctx context.Context, attrs ...slog.Attr) {
	if rec, ok := ctx.Value(auditKey).(*auditRecord); ok {
		rec.mu.Lock()
		rec.attrs = append(rec.attrs, attrs...)
		rec.mu.Unlock()
	}
}

// changes tells that a request is there to change something.
func changes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

// audit writes the line of a request that was answered.
func (h *Handler) audit(r *http.Request, rec *auditRecord, who *identity, status int, began time.Time) {
	name := who.name
	if name == "" {
		name = "nobody"
	}
	attrs := []slog.Attr{
		slog.String("who", name), slog.String("from", r.RemoteAddr),
		slog.String("method", r.Method), slog.String("path", r.URL.EscapedPath()), slog.Int("status", status),
		slog.Duration("took", time.Since(began)),
	}
	rec.mu.Lock()
	attrs = append(attrs, rec.attrs...)
	rec.mu.Unlock()
	outcome := slog.LevelInfo
	if status >= http.StatusBadRequest {
		outcome = slog.LevelWarn
	}
	h.auditLog.LogAttrs(context.WithoutCancel(r.Context()), outcome, "change by the management api", attrs...)
}
