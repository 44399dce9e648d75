package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// The bounds of a trace.
const (
	maximumTraces     = 4
	maximumTraceSteps = 100_000
)

type traceInput struct {
	ClientID string `query:"client_id" maxLength:"65535" doc:"Only what this client sends and gets."`
	Username string `query:"username" maxLength:"65535" doc:"Only clients of this user."`
	IP       string `query:"ip" maxLength:"64" doc:"Only clients of this address."`
	Topic    string `query:"topic" maxLength:"65535" doc:"Only messages whose topic this filter matches."`
	Seconds  int    `query:"seconds" minimum:"1" maximum:"3600" default:"60" doc:"How long."`
	Payload  bool   `query:"payload" doc:"Show payloads; this needs the scope admin."`
}

// traceStep is something that happened to a packet or a message.
type traceStep struct {
	Step     string    `json:"step" enum:"received,sent,routed,dropped,acknowledged,connected,disconnected" doc:"received from and sent to the client; routed: given to its receivers."`
	At       time.Time `json:"at"`
	ClientID string    `json:"client_id"`
	Username string    `json:"username,omitzero"`
	Remote   string    `json:"remote,omitzero"`
	Packet   string    `json:"packet,omitzero" doc:"Type of the control packet."`
	Topic    string    `json:"topic,omitzero"`
	QoS      *byte     `json:"qos,omitempty" nullable:"false"`
	Retain   bool      `json:"retain,omitzero"`
	Dup      bool      `json:"dup,omitzero"`
	PacketID uint16    `json:"packet_id,omitzero"`
	Bytes    int       `json:"bytes,omitzero" doc:"Of the payload."`
	Matched  *int      `json:"matched,omitempty" nullable:"false" doc:"Subscriptions that match a routed message, of a shared one all members."`
	Reason   string    `json:"reason,omitzero" doc:"Why it was dropped or disconnected; the Reason Code of an acknowledgement."`
	Filters  []string  `json:"filters,omitempty" nullable:"false"`
	Payload  []byte    `json:"payload_base64,omitempty" nullable:"false"`
}

// trace is a hook that exists while somebody watches, so that nothing is paid
// for it when nobody does.
type trace struct {
	server *mqtt.Server
	in     *traceInput
	feed   *feed
	steps  atomic.Int64
}

// ID names the hook.
func (*trace) ID() string { return "trace" }

func (h *Handler) traceOperations(a huma.API) {
	registerStream(a, operation{
		id: "trace", method: http.MethodGet, path: "/trace", scope: ScopeRead, tag: "why",
		summary: "Watch every packet and decision about a client or topic",
		about:   streamAbout + " Select by client, user, address or topic; all that are given must fit. A trace slows the broker while it runs; there are four at most.",
		errors:  []int{http.StatusBadRequest},
	}, typeSchema[traceStep](a), h.streamTrace)
}

func (h *Handler) streamTrace(ctx context.Context, in *traceInput) (*huma.StreamResponse, error) {
	switch {
	case in.ClientID == "" && in.Username == "" && in.IP == "" && in.Topic == "":
		return nil, huma.Error400BadRequest("say what to trace: client_id, username, ip or topic")
	case in.Topic != "" && topics.ValidFilter(in.Topic) != nil:
		return nil, huma.Error400BadRequest(fmt.Sprintf("topic %q is no filter", in.Topic))
	case in.Payload && !identityOf(ctx).may(ScopeAdmin):
		return nil, huma.Error403Forbidden("payloads: " + needsScope(ScopeAdmin))
	}
	h.log.Info("trace", "who", identityOf(ctx).name, "client_id", in.ClientID, "username", in.Username, "ip", in.IP, "topic", in.Topic, "payload", in.Payload)
	audited(ctx, slog.String("client_id", in.ClientID))
	if h.traces.Add(1) > maximumTraces {
		h.traces.Add(-1)
		return nil, huma.Error503ServiceUnavailable(fmt.Sprintf("there are %d traces already", maximumTraces))
	}
	begin := func(f *feed) (stop func(), err error) {
		t := &trace{server: h.server, in: in, feed: f}
		if err := h.server.AddHook(t, nil); err != nil {
			h.traces.Add(-1)
			return nil, err
		}
		timer := time.AfterFunc(time.Duration(in.Seconds)*time.Second, func() { f.end("the time of the trace is over") })
		return func() {
			timer.Stop()
			_ = h.server.RemoveHook(t) // a server that is closed has let go of it already
			h.traces.Add(-1)
		}, nil
	}
	return h.stream(begin, nil, nil)
}

// wants tells whether the trace is about a client.
func (t *trace) wants(cl *mqtt.Client) bool {
	if t.in.ClientID != "" && cl.ID() != t.in.ClientID || t.in.Username != "" && cl.Username() != t.in.Username {
		return false
	}
	if t.in.IP == "" {
		return true
	}
	host, _, err := net.SplitHostPort(cl.RemoteAddr())
	return err == nil && host == t.in.IP
}

// wantsTopic tells whether the trace is about a topic.
func (t *trace) wantsTopic(topic string) bool {
	return t.in.Topic == "" || topics.Match(t.in.Topic, topic)
}

// step tells of a packet of a client, if the trace is about it.
func (t *trace) step(name string, cl *mqtt.Client, pk packets.Packet, reason string) {
	if !t.wants(cl) {
		return
	}
	s := traceStep{Step: name, At: time.Now(), ClientID: cl.ID(), Username: cl.Username(), Reason: reason}
	if cl.Conn() != nil {
		s.Remote = cl.RemoteAddr()
	}
	if pk == nil {
		if t.in.Topic == "" {
			t.tell(s)
		}
		return
	}
	s.Packet = pk.Type().String()
	if !s.describe(t, pk) {
		return
	}
	t.tell(s)
}

// tell offers a step, until there were too many.
func (t *trace) tell(s traceStep) {
	if n := t.steps.Add(1); n > maximumTraceSteps {
		t.feed.end("the trace has as many steps as it may have")
		return
	}
	t.feed.offer("step", s, 512+len(s.Topic)+len(s.Payload)+len(s.Reason))
}

// describe fills in what the packet says; wanted tells whether it fits the topic.
func (s *traceStep) describe(t *trace, pk packets.Packet) (wanted bool) {
	switch pk := pk.(type) {
	case *packets.Publish:
		qos := pk.QoS
		s.Topic, s.QoS, s.Retain, s.Dup, s.PacketID, s.Bytes = string([]byte(pk.Topic)), &qos, pk.Retain, pk.Dup, pk.PacketID, len(pk.Payload)
		if t.in.Payload {
			s.Payload = append([]byte(nil), pk.Payload...)
		}
		if s.Step == "routed" {
			if page, err := t.server.Subscriptions(mqtt.SubscriptionQuery{Topic: s.Topic, Limit: 1}); err == nil {
				s.Matched = &page.Total
			}
		}
		return t.wantsTopic(s.Topic)
	case *packets.Puback:
		s.acknowledges(pk.PacketID, pk.Code)
	case *packets.Pubrec:
		s.acknowledges(pk.PacketID, pk.Code)
	case *packets.Pubrel:
		s.acknowledges(pk.PacketID, pk.Code)
	case *packets.Pubcomp:
		s.acknowledges(pk.PacketID, pk.Code)
	case *packets.Connack:
		s.Reason = pk.Code.String()
	case *packets.Disconnect:
		s.Reason = pk.Code.String()
	case *packets.Subscribe:
		s.PacketID = pk.PacketID
		for _, sub := range pk.Subscriptions {
			s.Filters = append(s.Filters, string([]byte(sub.Filter)))
		}
	case *packets.Suback:
		s.PacketID, s.Reason = pk.PacketID, codesText(pk.Codes)
	case *packets.Unsubscribe:
		s.PacketID, s.Filters = pk.PacketID, append([]string(nil), pk.Filters...)
	}
	return t.in.Topic == "" // other packets have no topic
}

func (s *traceStep) acknowledges(id uint16, code packets.Code) {
	s.PacketID, s.Reason = id, code.String()
}

func codesText(codes []packets.Code) string {
	texts := make([]string, len(codes))
	for i, code := range codes {
		texts[i] = grantedText(code)
	}
	return strings.Join(texts, ", ")
}

// OnPacketRead tells what a client sent.
func (t *trace) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	t.step("received", cl, pk, "")
	return pk, nil
}

// OnPacketSent tells what a client is sent.
func (t *trace) OnPacketSent(cl *mqtt.Client, pk packets.Packet, _ []byte) {
	t.step("sent", cl, pk, "")
}

// OnPublished tells that a message went to its receivers.
func (t *trace) OnPublished(cl *mqtt.Client, pk *packets.Publish) { t.step("routed", cl, pk, "") }

// OnPublishDropped tells that a receiver does not get a message.
func (t *trace) OnPublishDropped(cl *mqtt.Client, pk *packets.Publish, reason mqtt.DropReason) {
	t.step("dropped", cl, pk, reason.String())
}

// OnQosComplete tells that a receiver has a message.
func (t *trace) OnQosComplete(cl *mqtt.Client, pk *packets.Publish) {
	t.step("acknowledged", cl, pk, "")
}

// OnSessionEstablished tells of a connection.
func (t *trace) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	t.step("connected", cl, nil, "")
}

// OnDisconnect tells of its end.
func (t *trace) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	t.step("disconnected", cl, nil, reason)
}

var (
	_ mqtt.OnPacketRead     = (*trace)(nil)
	_ mqtt.OnPacketSent     = (*trace)(nil)
	_ mqtt.OnPublished      = (*trace)(nil)
	_ mqtt.OnPublishDropped = (*trace)(nil)
	_ mqtt.OnQosComplete    = (*trace)(nil)
)
