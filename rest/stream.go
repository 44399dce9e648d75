package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// The bounds of a stream. A reader that is behind by more is cut off.
const (
	feedEvents     = 4096
	feedBytes      = 8 << 20
	streamPatience = 10 * time.Second // for one write
	heartbeat      = 15 * time.Second
	maximumStreams = 64
)

// feed is what waits for the reader of a stream. Whoever offers never waits.
type feed struct {
	events chan feedEvent
	bytes  atomic.Int64
	over   chan struct{} // closed once the stream must end
	cut    atomic.Bool
	reason string // why; written before over is closed
}

type feedEvent struct {
	name string
	data any
	size int
}

func newFeed() *feed {
	return &feed{events: make(chan feedEvent, feedEvents), over: make(chan struct{})}
}

// offer adds an event of about size bytes, which must not be changed any more.
func (f *feed) offer(name string, data any, size int) {
	if f.cut.Load() {
		return
	}
	if f.bytes.Add(int64(size)) <= feedBytes {
		select {
		case f.events <- feedEvent{name, data, size}:
			return
		default:
		}
	}
	f.end("the reader is too slow")
}

// end ends the stream for a reason; the first one counts.
func (f *feed) end(reason string) {
	if f.cut.CompareAndSwap(false, true) {
		f.reason = reason
		close(f.over)
	}
}

type messagesInput struct {
	Filter   string `query:"filter" required:"true" minLength:"1" maxLength:"65535" doc:"Messages on the topics it matches."`
	Retained bool   `query:"retained" doc:"Begin with the retained messages."`
}

type eventsInput struct {
	ClientID string   `query:"client_id" maxLength:"65535" doc:"Only events of this client."`
	Event    []string `query:"event" maxItems:"5" enum:"connected,disconnected,subscribed,unsubscribed,session_expired" nullable:"false" doc:"Only these events, separated by commas."`
}

func (h *Handler) streamOperations(a huma.API) {
	registerStream(a, operation{
		id: "streamEvents", method: http.MethodGet, path: "/events", scope: ScopeRead, tag: "streams",
		summary: "Watch clients come and go", about: streamAbout,
	}, typeSchema[lifeEvent](a), h.streamEvents)
	registerStream(a, operation{
		id: "streamMessages", method: http.MethodGet, path: "/messages", scope: ScopeRead, tag: "streams",
		summary: "Watch messages", about: streamAbout, errors: []int{http.StatusBadRequest},
	}, typeSchema[receivedView](a), h.streamMessages)
}

const streamAbout = "A stream of Server-Sent Events whose data is JSON. It begins with an event \"ready\", from which on nothing is " +
	"left out. A reader that is too slow gets an event \"cut\" with the reason as its last, if it can still take it."

func typeSchema[T any](a huma.API) *huma.Schema {
	return huma.SchemaFromType(a.OpenAPI().Components.Schemas, typeOf[T]())
}

// registerStream adds an operation that answers with Server-Sent Events.
func registerStream[I any](a huma.API, op operation, data *huma.Schema, f func(context.Context, *I) (*huma.StreamResponse, error)) {
	described := op.describe(a)
	described.Errors = append(described.Errors, http.StatusServiceUnavailable)
	described.Responses = map[string]*huma.Response{"200": {
		Description: "Events; the schema is that of their data.",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: data}},
	}}
	huma.Register(a, described, f)
}

func (h *Handler) streamEvents(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	return h.stream(func(f *feed) (stop func(), err error) {
		h.life.join(f)
		return func() { h.life.leave(f) }, nil
	}, nil, func(e *feedEvent) bool {
		life, ok := e.data.(lifeEvent)
		return ok && (in.ClientID == "" || life.ClientID == in.ClientID) && (len(in.Event) == 0 || slices.Contains(in.Event, life.Event))
	})
}

func (h *Handler) streamMessages(_ context.Context, in *messagesInput) (*huma.StreamResponse, error) {
	if _, err := h.server.Retained(mqtt.RetainedQuery{Filter: in.Filter, Limit: 1}); err != nil {
		return nil, huma.Error400BadRequest(fmt.Sprintf("filter %q: %v", in.Filter, err))
	}
	begin := func(f *feed) (stop func(), err error) {
		id := int(h.streamIDs.Add(1)) + 1<<30 // apart from those of an embedding program
		err = h.server.Subscribe(in.Filter, id, func(_ *mqtt.Client, _ packets.Subscription, pk *packets.Publish) {
			if !pk.Retain { // retained ones are read below, as fast as the reader takes them
				f.offer("message", viewMessage(pk.Clone()), 256+len(pk.Topic)+2*len(pk.Payload))
			}
		})
		return func() { _ = h.server.Unsubscribe(in.Filter, id) }, err // it never fails
	}
	var first func(*eventWriter) error
	if in.Retained {
		first = func(w *eventWriter) error { return h.sendRetained(w, in.Filter) }
	}
	return h.stream(begin, first, nil)
}

func (h *Handler) sendRetained(w *eventWriter, filter string) error {
	var failed error
	err := h.server.EachRetained(filter, func(m mqtt.RetainedMessage) bool {
		if failed = w.event("message", viewRetained(m)); failed == nil && w.buf.Len() > 32<<10 {
			failed = w.flush()
		}
		return failed == nil
	})
	if err != nil {
		return err
	}
	return failed
}

// stream answers with what begin puts into a feed, until the reader leaves, is
// cut off, or the handler closes. first, if any, writes before the feed is read;
// wanted, if any, selects events.
func (h *Handler) stream(begin func(*feed) (stop func(), err error), first func(*eventWriter) error, wanted func(*feedEvent) bool) (*huma.StreamResponse, error) {
	if h.streams.Add(1) > maximumStreams {
		h.streams.Add(-1)
		return nil, huma.Error503ServiceUnavailable(fmt.Sprintf("there are %d streams already", maximumStreams))
	}
	f := newFeed()
	stop, err := begin(f)
	if err != nil {
		h.streams.Add(-1)
		return nil, problemOf(err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer h.streams.Add(-1)
		defer stop()
		_, rw := humago.Unwrap(ctx)
		rw.Header().Set("Content-Type", "text/event-stream")
		w := &eventWriter{w: rw, control: http.NewResponseController(rw)}
		h.serveFeed(ctx.Context(), w, f, first, wanted)
	}}, nil
}

func (h *Handler) serveFeed(ctx context.Context, w *eventWriter, f *feed, first func(*eventWriter) error, wanted func(*feedEvent) bool) {
	if w.event("ready", struct{}{}) != nil || w.flush() != nil {
		return
	}
	if first != nil && (first(w) != nil || w.flush() != nil) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.done:
			w.cut("the server is shutting down")
			return
		case <-f.over:
			w.cut(f.reason)
			return
		case <-beat.C:
			w.buf.WriteString(": still here\n\n")
		case e := <-f.events:
			f.bytes.Add(-int64(e.size))
			if wanted != nil && !wanted(&e) {
				continue
			}
			if w.event(e.name, e.data) != nil {
				return
			}
		}
		if (len(f.events) == 0 || w.buf.Len() > 32<<10) && w.flush() != nil {
			return
		}
	}
}

// eventWriter writes Server-Sent Events.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
}

// event gathers an event for the next flush.
func (w *eventWriter) event(name string, data any) error {
	w.buf.WriteString("event: " + name + "\ndata: ")
	enc := json.NewEncoder(&w.buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return err
	}
	w.buf.WriteByte('\n')
	return nil
}

// flush sends what was gathered; a reader that takes too long is an error.
func (w *eventWriter) flush() error {
	// An error means a writer without deadlines, as in tests.
	_ = w.control.SetWriteDeadline(time.Now().Add(streamPatience))
	_, err := w.w.Write(w.buf.Bytes())
	w.buf.Reset()
	if err != nil {
		return err
	}
	return w.control.Flush()
}

// cut tells the reader why the stream ends, if it can.
func (w *eventWriter) cut(reason string) {
	_ = w.event("cut", map[string]string{"reason": reason}) // it has an encoding
	_ = w.flush()                                           // the stream ends in any case
}
