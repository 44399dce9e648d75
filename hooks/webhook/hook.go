package webhook

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// Notice is one event as it is posted.
type Notice struct {
	Event    Event     `json:"event"`
	At       time.Time `json:"at"`
	ClientID string    `json:"client_id"`
	Username string    `json:"username,omitempty"`
	Remote   string    `json:"remote,omitempty"`
	Listener string    `json:"listener,omitempty"`
	// Reason is why a connection ended, missing after a DISCONNECT.
	Reason string `json:"reason,omitempty"`
	// Filters are those subscribed to or unsubscribed from.
	Filters []string `json:"filters,omitempty"`
	// Topic and the rest describe a message; of Payload and PayloadBase64 it has
	// the one that fits.
	Topic         string  `json:"topic,omitempty"`
	QoS           byte    `json:"qos,omitempty"`
	Retain        bool    `json:"retain,omitempty"`
	Payload       *string `json:"payload,omitempty"`
	PayloadBase64 []byte  `json:"payload_base64,omitempty"`

	size int64
}

// Hook posts events. Make one with New and add it to one server, whose end it
// shares.
type Hook struct {
	options Options
	queue   chan Notice
	bytes   atomic.Int64
	dropped atomic.Int64
	posted  atomic.Int64
	failed  atomic.Int64

	cancel context.CancelFunc // ends requests and pauses
	stop   chan struct{}      // closed by Stop: send what waits, then end
	once   sync.Once
	done   sync.WaitGroup
}

// New makes a hook and starts its goroutine.
func New(o Options) (*Hook, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &Hook{options: o, queue: make(chan Notice, o.QueueSize), cancel: cancel, stop: make(chan struct{})}
	h.done.Go(func() { h.run(ctx) })
	return h, nil
}

// Figures count events since the hook was made.
type Figures struct {
	Posted  int64 // taken by the receiver
	Dropped int64 // the queue was full
	Failed  int64 // given up after all attempts
	Waiting int
}

// Figures returns the counts of now.
func (h *Hook) Figures() Figures {
	return Figures{h.posted.Load(), h.dropped.Load(), h.failed.Load(), len(h.queue)}
}

// ID names the hook.
func (*Hook) ID() string { return "webhook" }

// stopPatience is how long Stop lets what waits be sent.
const stopPatience = 5 * time.Second

// Stop sends what waits, for up to five seconds, and ends.
func (h *Hook) Stop() error {
	h.once.Do(func() {
		close(h.stop)
		timer := time.AfterFunc(stopPatience, h.cancel)
		h.done.Wait()
		timer.Stop()
		h.cancel()
	})
	if n := len(h.queue); n > 0 {
		return fmt.Errorf("webhook: %d events were not posted", n)
	}
	return nil
}

// wants tells whether an event is to be posted.
func (h *Hook) wants(e Event, cl *mqtt.Client) bool {
	return !cl.Inline() && (len(h.options.Events) == 0 || slices.Contains(h.options.Events, e))
}

func notice(e Event, cl *mqtt.Client) Notice {
	n := Notice{Event: e, At: time.Now(), ClientID: cl.ID(), Username: cl.Username(), Listener: cl.Listener()}
	if cl.Conn() != nil {
		n.Remote = cl.RemoteAddr()
	}
	return n
}

// offer queues a notice, or drops it.
func (h *Hook) offer(n Notice) {
	n.size = int64(256 + len(n.ClientID) + len(n.Username) + len(n.Reason) + len(n.Topic) + len(n.PayloadBase64))
	if n.Payload != nil {
		n.size += int64(len(*n.Payload))
	}
	if h.bytes.Add(n.size) <= h.options.QueueBytes {
		select {
		case h.queue <- n:
			return
		default:
		}
	}
	h.bytes.Add(-n.size)
	h.dropped.Add(1)
}

// OnSessionEstablished posts that a client has connected.
func (h *Hook) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	if h.wants(Connected, cl) {
		h.offer(notice(Connected, cl))
	}
}

// OnDisconnect posts that a connection has ended.
func (h *Hook) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	if !h.wants(Disconnected, cl) {
		return
	}
	n := notice(Disconnected, cl)
	if err != nil {
		n.Reason = err.Error()
	}
	h.offer(n)
}

// OnSubscribed posts the filters that were granted.
func (h *Hook) OnSubscribed(cl *mqtt.Client, pk *packets.Subscribe, codes []packets.Code) {
	if !h.wants(Subscribed, cl) {
		return
	}
	n := notice(Subscribed, cl)
	for i, sub := range pk.Subscriptions {
		if i < len(codes) && !codes[i].Failed() {
			n.Filters = append(n.Filters, sub.Filter)
		}
	}
	if len(n.Filters) > 0 {
		h.offer(n)
	}
}

// OnUnsubscribed posts the filters that are gone.
func (h *Hook) OnUnsubscribed(cl *mqtt.Client, pk *packets.Unsubscribe) {
	if h.wants(Unsubscribed, cl) {
		n := notice(Unsubscribed, cl)
		n.Filters = slices.Clone(pk.Filters)
		h.offer(n)
	}
}

// OnPublished posts a message if a filter matches its topic. Messages of the
// broker's own process are posted too.
func (h *Hook) OnPublished(cl *mqtt.Client, pk *packets.Publish) {
	if !slices.ContainsFunc(h.options.Filters, func(f string) bool { return topics.Match(f, pk.Topic) }) {
		return
	}
	if len(h.options.Events) > 0 && !slices.Contains(h.options.Events, Published) {
		return
	}
	n := notice(Published, cl)
	n.Topic, n.QoS, n.Retain = string([]byte(pk.Topic)), pk.QoS, pk.Retain
	if utf8.Valid(pk.Payload) {
		text := string(pk.Payload)
		n.Payload = &text
	} else {
		n.PayloadBase64 = slices.Clone(pk.Payload)
	}
	h.offer(n)
}

var (
	_ mqtt.OnSessionEstablished = (*Hook)(nil)
	_ mqtt.OnDisconnect         = (*Hook)(nil)
	_ mqtt.OnSubscribed         = (*Hook)(nil)
	_ mqtt.OnUnsubscribed       = (*Hook)(nil)
	_ mqtt.OnPublished          = (*Hook)(nil)
)
