package rest

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
)

type whyInput struct {
	ClientID  string `query:"client_id" required:"true" minLength:"1" maxLength:"65535" doc:"The receiver."`
	Topic     string `query:"topic" required:"true" minLength:"1" maxLength:"65535"`
	QoS       byte   `query:"qos" minimum:"0" maximum:"2" default:"1" doc:"Of the message."`
	Size      int    `query:"size" minimum:"0" doc:"Of its payload, in bytes."`
	Publisher string `query:"publisher" maxLength:"65535" doc:"Client identifier of the publisher, to look at its rights and at No Local."`
}

// finding is one condition of a delivery.
type finding struct {
	Check string `json:"check" doc:"What was looked at." example:"session"`
	OK    bool   `json:"ok" doc:"It does not stand in the way."`
	Text  string `json:"text"`
}

// whyView answers whether a message would reach a client now.
type whyView struct {
	Verdict  string    `json:"verdict" enum:"delivered,queued,perhaps,not_delivered" doc:"perhaps: a shared subscription may give it to another member."`
	Findings []finding `json:"findings" nullable:"false"`
}

func (h *Handler) whyOperations(a huma.API) {
	register(a, operation{
		id: "why", method: http.MethodGet, path: "/why", scope: ScopeRead, tag: "why",
		summary: "Tell whether a message would reach a client now, and what stands in the way",
		errors:  []int{http.StatusBadRequest},
	}, func(_ context.Context, in *whyInput) (*body[whyView], error) {
		page, err := h.server.Subscriptions(mqtt.SubscriptionQuery{Topic: in.Topic, Limit: 10_000})
		if err != nil {
			return nil, problemOf(err)
		}
		x := inquiry{server: h.server, in: in}
		x.ask(page.Subscriptions)
		return answer(whyView{Verdict: x.verdict(), Findings: x.findings}), nil
	})
}

// inquiry gathers findings about one delivery.
type inquiry struct {
	server   *mqtt.Server
	in       *whyInput
	findings []finding
	blocked  bool
	waits    bool // in the queue
	shared   bool // another member may get it
}

func (x *inquiry) note(check string, ok bool, format string, args ...any) {
	x.findings = append(x.findings, finding{check, ok, fmt.Sprintf(format, args...)})
	x.blocked = x.blocked || !ok
}

func (x *inquiry) verdict() string {
	switch {
	case x.blocked:
		return "not_delivered"
	case x.shared:
		return "perhaps"
	case x.waits:
		return "queued"
	}
	return "delivered"
}

func (x *inquiry) ask(matching []mqtt.SubscriptionInfo) {
	x.askPublisher()
	info, ok := x.server.Session(x.in.ClientID)
	if !ok {
		x.note("session", false, "there is no session with this client identifier: the client never connected, or its session has ended or expired")
		return
	}
	if info.Connected {
		x.note("session", true, "connected from %s by listener %s", info.Remote, info.Listener)
	} else {
		x.note("session", true, "offline since %s, its session is kept", info.DisconnectedAt.Format("2006-01-02 15:04:05 MST"))
		x.waits = true
	}
	qos, any := x.askSubscriptions(matching)
	if !any {
		return
	}
	x.askQueue(&info, qos)
}

func (x *inquiry) askPublisher() {
	if x.in.Publisher == "" {
		return
	}
	allowed, err := x.server.MayPublish(x.in.Publisher, x.in.Topic)
	switch {
	case err != nil:
		x.note("publisher", true, "its rights are not known: %v", err)
	case allowed:
		x.note("publisher", true, "the publisher may publish to this topic")
	default:
		x.note("publisher", false, "the access rules do not let the publisher publish to this topic")
	}
}

// askSubscriptions returns the QoS the client would get, and whether any
// subscription brings the message at all.
func (x *inquiry) askSubscriptions(matching []mqtt.SubscriptionInfo) (qos byte, any bool) {
	plainly, members := false, 0
	for i := range matching {
		sub := &matching[i]
		if sub.ShareName != "" && sub.ClientID != x.in.ClientID {
			members++
		}
		if sub.ClientID != x.in.ClientID || sub.Inline {
			continue
		}
		if sub.NoLocal && x.in.Publisher == x.in.ClientID {
			x.findings = append(x.findings, finding{"subscription", false, fmt.Sprintf("%q matches, but has No Local and the client is the publisher", sub.Filter)})
			continue
		}
		any = true
		plainly = plainly || sub.ShareName == ""
		qos = max(qos, min(x.in.QoS, sub.QoS))
		x.note("subscription", true, "%q matches with QoS %d", sub.Filter, sub.QoS)
	}
	if !any {
		x.note("subscription", false, "no subscription of the client brings a message on this topic")
		return 0, false
	}
	if !plainly && members > 0 {
		x.shared = true
		x.note("shared", true, "it matches by a shared subscription only: each message goes to one member, connected ones first")
	}
	return qos, true
}

// askQueue looks at what is between the session and the client.
func (x *inquiry) askQueue(info *mqtt.SessionInfo, qos byte) {
	o := x.server.Options()
	if !info.Connected && qos == 0 && !o.Capabilities.QueueQoS0Messages {
		x.note("queue", false, "messages of QoS 0 are not kept for clients that are offline")
		return
	}
	most := int64(o.Capabilities.MaximumClientWritesPending)
	if info.Connected && qos == 0 && info.PendingBytes > most {
		x.note("connection", false, "%d bytes wait for the connection, beyond %d messages of QoS 0 are dropped", info.PendingBytes, most)
		return
	}
	full := info.Queued >= info.QueuedMaximum || info.QueuedBytes >= info.QueuedBytesMaximum
	if full && o.Capabilities.QueuePolicy != mqtt.DropOldest {
		x.note("queue", false, "the queue is full: %d of %d messages, %d of %d bytes", info.Queued, info.QueuedMaximum, info.QueuedBytes, info.QueuedBytesMaximum)
		return
	}
	if info.Connected && qos > 0 && info.Inflight >= info.InflightMaximum {
		x.waits = true
		x.note("window", true, "%d messages are not acknowledged, as many as the client takes: it waits for a PUBACK", info.Inflight)
	}
	if info.Queued > 0 {
		x.waits = true
		x.note("queue", true, "%d messages wait before it", info.Queued)
	}
	if x.in.Size > int(o.Capabilities.MaximumPacketSize) {
		x.note("size", false, "the broker takes packets of at most %d bytes from clients", o.Capabilities.MaximumPacketSize)
	}
}
