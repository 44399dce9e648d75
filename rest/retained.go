package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnetmq/linnet/mqtt"
)

// ndjson is the type of a stream of JSON documents, one on each line.
const ndjson = "application/x-ndjson"

// retainedPage is a page of retained messages.
type retainedPage struct {
	Messages []receivedView `json:"messages" nullable:"false"`
	Next     string         `json:"next,omitzero" doc:"The cursor of the next page; missing at the end. A page may be short, and even empty, with more to come."`
}

type listRetainedInput struct {
	PageInput
	Filter string `query:"filter" maxLength:"65535" default:"#" doc:"Topics to list; $SYS topics need $SYS/#."`
}

type retainedInput struct {
	Topic string `query:"topic" required:"true" minLength:"1" maxLength:"65535"`
}

type exportInput struct {
	Filter string `query:"filter" maxLength:"65535" default:"#"`
}

// importResult says what became of an import.
type importResult struct {
	Stored int `json:"stored" doc:"Messages stored."`
}

func (h *Handler) retainedOperations(a huma.API) {
	register(a, operation{
		id: "listRetained", method: http.MethodGet, path: "/retained", scope: ScopeRead, tag: "retained",
		summary: "List retained messages", errors: []int{http.StatusBadRequest},
	}, h.listRetained)
	register(a, operation{
		id: "getRetained", method: http.MethodGet, path: "/retained/message", scope: ScopeRead, tag: "retained",
		summary: "Get the retained message of a topic", errors: []int{http.StatusNotFound},
	}, func(_ context.Context, in *retainedInput) (*body[receivedView], error) {
		m, ok := h.server.RetainedMessage(in.Topic)
		if !ok {
			return nil, huma.Error404NotFound("this topic has no retained message")
		}
		return answer(viewRetained(m)), nil
	})
	register(a, operation{
		id: "deleteRetained", method: http.MethodDelete, path: "/retained/message", scope: ScopeAdmin, tag: "retained",
		summary: "Clear the retained message of a topic",
		about:   "As a client does it: by an empty retained message, which subscribers of the topic get.",
		errors:  []int{http.StatusNotFound},
	}, h.deleteRetained)
	h.retainedStreams(a)
}

func (h *Handler) retainedStreams(a huma.API) {
	export := operation{
		id: "exportRetained", method: http.MethodGet, path: "/retained/export", scope: ScopeRead, tag: "retained",
		summary: "Export retained messages", about: "A stream of messages, one JSON document on each line. importRetained takes it.",
		errors: []int{http.StatusBadRequest},
	}
	op := export.describe(a)
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{ndjson: {}}}}
	huma.Register(a, op, h.exportRetained)

	imports := operation{
		id: "importRetained", method: http.MethodPost, path: "/retained/import", scope: ScopeAdmin, tag: "retained",
		summary: "Import retained messages",
		about:   "Publishes and retains a stream of messages, one JSON document on each line of at most 16 MiB. Subscribers get them. What comes before a line that is wrong is stored.",
		errors:  []int{http.StatusBadRequest},
	}
	op = imports.describe(a)
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{ndjson: {}}}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: huma.SchemaFromType(a.OpenAPI().Components.Schemas, typeOf[importResult]())}},
	}}
	huma.Register(a, op, func(_ context.Context, _ *struct{}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) { h.importRetained(a, ctx) }}, nil
	})
}

func viewRetained(m mqtt.RetainedMessage) receivedView {
	pk := m.Packet()
	return receivedView{MessageView: viewMessage(pk), Publisher: m.Origin, ExpiresAt: instant(m.ExpiresAt)}
}

func (h *Handler) listRetained(_ context.Context, in *listRetainedInput) (*body[retainedPage], error) {
	page, err := h.server.Retained(mqtt.RetainedQuery{Filter: in.Filter, After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, problemOf(err)
	}
	out := retainedPage{Messages: make([]receivedView, len(page.Messages)), Next: page.Next}
	for i, m := range page.Messages {
		out.Messages[i] = viewRetained(m)
	}
	return answer(out), nil
}

func (h *Handler) deleteRetained(ctx context.Context, in *retainedInput) (*struct{}, error) {
	audited(ctx, slog.String("topic", in.Topic))
	cleared, err := h.server.ClearRetained(in.Topic)
	if err == nil && !cleared {
		err = huma.Error404NotFound("this topic has no retained message")
		return nil, err
	}
	return nil, problemOf(err)
}

// exportPatience is how long a reader may take for a piece of an export.
const exportPatience = 30 * time.Second

func (h *Handler) exportRetained(_ context.Context, in *exportInput) (*huma.StreamResponse, error) {
	if _, err := h.server.Retained(mqtt.RetainedQuery{Filter: in.Filter, Limit: 1}); err != nil {
		return nil, problemOf(err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		w.Header().Set("Content-Type", ndjson)
		out := &patientWriter{w: w, control: http.NewResponseController(w), patience: exportPatience}
		b := bufio.NewWriterSize(out, 64<<10)
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		err := h.server.EachRetained(in.Filter, func(m mqtt.RetainedMessage) bool {
			return ctx.Context().Err() == nil && enc.Encode(viewRetained(m)) == nil
		})
		if err = errors.Join(err, b.Flush(), out.err); err != nil {
			panic(http.ErrAbortHandler) // the reader must not take it for all
		}
	}}, nil
}

// patientWriter gives every write a deadline of its own.
type patientWriter struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	err      error
}

// Write writes or fails in time; after an error it fails always.
func (p *patientWriter) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	// An error means a writer without deadlines, as in tests.
	_ = p.control.SetWriteDeadline(time.Now().Add(p.patience))
	n, err := p.w.Write(b)
	p.err = err
	return n, err
}

const maximumLine = 16 << 20

func (h *Handler) importRetained(a huma.API, ctx huma.Context) {
	r, w := humago.Unwrap(ctx)
	control := http.NewResponseController(w)
	lines := bufio.NewScanner(&patientReader{r.Body, control})
	lines.Buffer(nil, maximumLine)
	var done importResult
	var err error
	for n := 1; err == nil && lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err = h.importLine(lines.Bytes()); err != nil {
			err = fmt.Errorf("line %d: %w", n, err)
			break
		}
		done.Stored++
	}
	audited(ctx.Context(), slog.Int("stored", done.Stored))
	_ = control.SetWriteDeadline(time.Now().Add(exportPatience)) // an error means a writer without deadlines
	if err = errors.Join(err, lines.Err()); err != nil {
		text := fmt.Sprintf("%v; %d messages before it are stored", err, done.Stored)
		_ = huma.WriteErr(a, ctx, http.StatusBadRequest, text) // a reader that left has no use for the error
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(done) // a reader that left has no use for the error
}

// patientReader gives every read a deadline of its own.
type patientReader struct {
	io.Reader
	control *http.ResponseController
}

// Read reads or fails in time.
func (p *patientReader) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(exportPatience)) // an error means a reader without deadlines
	return p.Reader.Read(b)
}

func (h *Handler) importLine(line []byte) error {
	pk, err := parseImport(line)
	if err != nil {
		return err
	}
	return h.server.PublishPacket(pk)
}
