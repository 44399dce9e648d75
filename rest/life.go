package rest

import (
	"sync"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// lifeEvent is something that happened to a client.
type lifeEvent struct {
	Event    string    `json:"event" enum:"connected,disconnected,subscribed,unsubscribed,session_expired"`
	At       time.Time `json:"at"`
	ClientID string    `json:"client_id"`
	Username string    `json:"username,omitzero"`
	Remote   string    `json:"remote,omitzero"`
	Listener string    `json:"listener,omitzero"`
	Protocol string    `json:"protocol,omitzero"`
	Reason   string    `json:"reason,omitzero" doc:"Why the connection ended; missing after a DISCONNECT of the client."`
	Ended    bool      `json:"session_ended,omitzero" doc:"The session ended with the connection."`
	Filters  []string  `json:"filters,omitempty" nullable:"false"`
}

// lifeEvents tells streams about clients. It is a hook whose events are rare
// beside messages.
type lifeEvents struct {
	mu    sync.RWMutex
	feeds map[*feed]struct{}
}

func newLifeEvents() *lifeEvents { return &lifeEvents{feeds: make(map[*feed]struct{})} }

// ID names the hook.
func (*lifeEvents) ID() string { return "management-api" }

func (x *lifeEvents) join(f *feed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.feeds[f] = struct{}{}
}

func (x *lifeEvents) leave(f *feed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.feeds, f)
}

// tell makes the event only if somebody listens.
func (x *lifeEvents) tell(event string, cl *mqtt.Client, fill func(*lifeEvent)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.feeds) == 0 || cl.Inline() {
		return
	}
	e := lifeEvent{
		Event: event, At: time.Now(), ClientID: cl.ID(), Username: cl.Username(), Listener: cl.Listener(), Protocol: protocol(cl.Version()),
	}
	if cl.Conn() != nil {
		e.Remote = cl.RemoteAddr()
	}
	if fill != nil {
		fill(&e)
	}
	for f := range x.feeds {
		f.offer(event, e, 256+len(e.ClientID)+len(e.Username)+len(e.Reason))
	}
}

// OnSessionEstablished tells of a connection.
func (x *lifeEvents) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	x.tell("connected", cl, nil)
}

// OnDisconnect tells of the end of one.
func (x *lifeEvents) OnDisconnect(cl *mqtt.Client, err error, expire bool) {
	x.tell("disconnected", cl, func(e *lifeEvent) {
		e.Ended = expire
		if err != nil {
			e.Reason = err.Error()
		}
	})
}

// OnSubscribed tells of the filters that were granted.
func (x *lifeEvents) OnSubscribed(cl *mqtt.Client, pk *packets.Subscribe, codes []packets.Code) {
	x.tell("subscribed", cl, func(e *lifeEvent) {
		for i, sub := range pk.Subscriptions {
			if i < len(codes) && !codes[i].Failed() {
				e.Filters = append(e.Filters, sub.Filter)
			}
		}
	})
}

// OnUnsubscribed tells of filters that are gone.
func (x *lifeEvents) OnUnsubscribed(cl *mqtt.Client, pk *packets.Unsubscribe) {
	x.tell("unsubscribed", cl, func(e *lifeEvent) { e.Filters = append(e.Filters, pk.Filters...) })
}

// OnClientExpired tells of the end of an offline session.
func (x *lifeEvents) OnClientExpired(cl *mqtt.Client) { x.tell("session_expired", cl, nil) }

var (
	_ mqtt.OnSessionEstablished = (*lifeEvents)(nil)
	_ mqtt.OnDisconnect         = (*lifeEvents)(nil)
	_ mqtt.OnSubscribed         = (*lifeEvents)(nil)
	_ mqtt.OnUnsubscribed       = (*lifeEvents)(nil)
	_ mqtt.OnClientExpired      = (*lifeEvents)(nil)
)
