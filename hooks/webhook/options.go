// Package webhook posts events of a broker to an HTTP address: clients that
// connect and disconnect, subscriptions, and messages on chosen topics. Events
// wait in a bounded queue and leave in batches, in their order; a batch that is
// not taken is sent again with growing pauses. The broker never waits: what
// finds the queue full is dropped and counted. It knows package mqtt and the
// standard library.
package webhook

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/linnetmq/linnet/topics"
)

// Event names what is posted.
type Event string

// The events.
const (
	Connected    Event = "connected"
	Disconnected Event = "disconnected"
	Subscribed   Event = "subscribed"
	Unsubscribed Event = "unsubscribed"
	Published    Event = "published"
)

// Options configure a Hook. A zero is the default.
type Options struct {
	// URL is where batches are posted; http or https.
	URL string
	// Events to post; empty: all. Published needs Filters besides.
	Events []Event
	// Filters select messages by topic; empty: none is posted.
	Filters []string
	// Secret, if not empty, signs each batch: the header X-Linnet-Signature is
	// "sha256=" and the HMAC-SHA256, in hex, of the header X-Linnet-Timestamp, a
	// dot and the body.
	Secret string
	// Header is sent with each batch.
	Header http.Header
	// QueueSize is how many events wait at most; 0 means 10,000. QueueBytes is
	// about how many bytes they have; 0 means 64 MiB.
	QueueSize  int
	QueueBytes int64
	// BatchSize is how many events go in one request; 0 means 100. BatchDelay is
	// how long the first of a batch waits for others; 0 means 100 ms.
	BatchSize  int
	BatchDelay time.Duration
	// Timeout bounds one request; 0 means 10 s.
	Timeout time.Duration
	// Attempts is how often a batch is sent before it is dropped; 0 means 8. The
	// pauses begin with Backoff, 0 meaning 500 ms, and double up to a minute.
	Attempts int
	Backoff  time.Duration
	// Client makes the requests; nil: one of the hook's own, which follows no
	// redirects.
	Client *http.Client
	// Logger is told about batches that fail; nil: nobody is.
	Logger *slog.Logger
}

func (o *Options) withDefaults() (Options, error) {
	out := *o
	u, err := url.Parse(out.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return out, fmt.Errorf("webhook: URL %q: write an http or https address", out.URL)
	}
	for _, e := range out.Events {
		if e != Connected && e != Disconnected && e != Subscribed && e != Unsubscribed && e != Published {
			return out, fmt.Errorf("webhook: Events: there is no event %q", e)
		}
	}
	for _, filter := range out.Filters {
		if err := topics.ValidFilter(filter); err != nil {
			return out, fmt.Errorf("webhook: Filters: %q: %w", filter, err)
		}
	}
	if out.QueueSize < 0 || out.QueueBytes < 0 || out.BatchSize < 0 || out.BatchDelay < 0 || out.Timeout < 0 || out.Attempts < 0 || out.Backoff < 0 {
		return out, fmt.Errorf("webhook: sizes, times and attempts must not be negative")
	}
	setDefault(&out.QueueSize, 10_000)
	setDefault(&out.QueueBytes, 64<<20)
	setDefault(&out.BatchSize, 100)
	setDefault(&out.BatchDelay, 100*time.Millisecond)
	setDefault(&out.Timeout, 10*time.Second)
	setDefault(&out.Attempts, 8)
	setDefault(&out.Backoff, 500*time.Millisecond)
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	if out.Client == nil {
		out.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	out.Header = out.Header.Clone()
	return out, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
