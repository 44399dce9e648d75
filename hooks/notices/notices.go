// Package notices tells subscribers when clients come and go: a message to
// $SYS/broker/connection/clients/<clientID> with the JSON object
//
//	{"clientID":"client001","online":true,"timestamp":"2018-10-25T09:32:32Z"}
//
// No client can publish there, and who may read it is a matter of access rules:
// a rule for "#" does not include it. Passwords and payloads are never in it.
package notices

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Prefix is what the topics of notices begin with; the ClientID follows.
const Prefix = "$SYS/broker/connection/clients/"

// Options of a Hook. The zero value sends what hmq sent: QoS 0, not retained,
// three fields.
type Options struct {
	// QoS of the notices; receivers get them at most with what they subscribed.
	QoS byte
	// Retain keeps the last notice of each client, for whoever subscribes later.
	Retain bool
	// Username, Remote and Reason add the fields "username", "remote" and, when
	// a client has gone, "reason".
	Username, Remote, Reason bool
	// Logger is told of notices that could not be sent; nil discards.
	Logger *slog.Logger
}

// Notice is the payload.
type Notice struct {
	ClientID string `json:"clientID"`
	Online   bool   `json:"online"`
	// Timestamp is UTC, RFC 3339, in whole seconds.
	Timestamp string `json:"timestamp"`
	Username  string `json:"username,omitempty"`
	Remote    string `json:"remote,omitempty"`
	// Reason is why the connection ended, in the words of its Reason Code.
	Reason string `json:"reason,omitempty"`
}

// Hook sends notices. The zero value works.
type Hook struct {
	options Options
	log     *slog.Logger
	server  *mqtt.Server

	mu      sync.Mutex
	current map[string]*mqtt.Client // the connection of each ClientID
}

// ID names the hook.
func (*Hook) ID() string { return "notices" }

// Init takes *Options, or nil for the defaults.
func (h *Hook) Init(config any) error {
	switch o := config.(type) {
	case nil:
	case *Options:
		h.options = *o
	default:
		return fmt.Errorf("it takes *notices.Options, not %T", config)
	}
	if h.options.QoS > 2 {
		return fmt.Errorf("QoS is %d, want 0, 1 or 2", h.options.QoS)
	}
	h.log = h.options.Logger
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.current = make(map[string]*mqtt.Client)
	return nil
}

// Attach gets the server to publish by.
func (h *Hook) Attach(s *mqtt.Server) { h.server = s }

// OnSessionEstablished tells that a client is online.
func (h *Hook) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	h.mu.Lock()
	h.current[cl.ID()] = cl
	h.mu.Unlock()
	h.tell(cl, true, nil)
}

// OnDisconnect tells that a client is offline, unless another connection of its
// ClientID took over.
func (h *Hook) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	h.mu.Lock()
	last := h.current[cl.ID()] == cl
	if last {
		delete(h.current, cl.ID())
	}
	h.mu.Unlock()
	if !last {
		return
	}
	h.tell(cl, false, err)
	// A connection that came while this was published may have been told first.
	h.mu.Lock()
	next := h.current[cl.ID()]
	h.mu.Unlock()
	if next != nil {
		h.tell(next, true, nil)
	}
}

// Topic is where the notices of a client go: '+' and '#', which no topic may
// contain, are written %2B and %23.
func Topic(clientID string) string {
	return Prefix + strings.NewReplacer("+", "%2B", "#", "%23").Replace(clientID)
}

func (h *Hook) tell(cl *mqtt.Client, online bool, reason error) {
	n := Notice{ClientID: cl.ID(), Online: online, Timestamp: time.Now().UTC().Format(time.RFC3339)}
	if h.options.Username {
		n.Username = cl.Username()
	}
	if h.options.Remote {
		n.Remote = cl.RemoteAddr()
	}
	if h.options.Reason && !online {
		n.Reason = reasonOf(reason)
	}
	payload, err := json.Marshal(n)
	if err == nil {
		err = h.server.Publish(Topic(cl.ID()), payload, h.options.Retain, h.options.QoS)
	}
	if err != nil && !errors.Is(err, mqtt.ErrServerClosed) {
		h.log.Warn("notice of a client could not be sent", "client_id", cl.ID(), "err", err)
	}
}

// reasonOf leaves out the details of an error, which may tell of the server's
// own workings.
func reasonOf(err error) string {
	if err == nil {
		return "disconnected by the client"
	}
	if code, ok := errors.AsType[packets.Code](err); ok {
		return code.Error()
	}
	return "connection lost"
}

var (
	_ mqtt.OnSessionEstablished = (*Hook)(nil)
	_ mqtt.OnDisconnect         = (*Hook)(nil)
)
