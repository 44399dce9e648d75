// Package debug has a hook that logs what clients and server say to each
// other, packet by packet, for finding faults. It knows the mqtt package and
// nothing of other hooks. It slows the broker down and may write secrets: it is
// not for normal operation.
package debug

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Options say what is shown beyond the type and the names of each packet. The
// zero value shows neither payloads, pings nor passwords.
type Options struct {
	// ShowPacketData shows every field of a packet, payloads included.
	ShowPacketData bool
	// ShowPings shows PINGREQ and PINGRESP too.
	ShowPings bool
	// ShowPasswords shows the passwords and authentication data of clients in
	// plain text.
	ShowPasswords bool
	// Logger receives the lines, at level Debug; nil means text on
	// standard error.
	Logger *slog.Logger
}

// Hook logs the flow of packets and the events of connections. Add it with
// *Options or nil:
//
//	server.AddHook(new(debug.Hook), &debug.Options{ShowPings: true})
//
// Packets are shown as later hooks see them, so add it first to see what clients
// sent and last to see what other hooks made of it.
type Hook struct {
	options Options
	log     *slog.Logger
}

// ID names the hook.
func (*Hook) ID() string { return "debug" }

// Init takes *Options, or nil for the defaults.
func (h *Hook) Init(config any) error {
	switch o := config.(type) {
	case nil:
	case *Options:
		if o != nil {
			h.options = *o
		}
	default:
		return fmt.Errorf("want *debug.Options, got %T", config)
	}
	h.log = h.options.Logger
	if h.log == nil {
		h.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return nil
}

// OnStarted logs that the server serves.
func (h *Hook) OnStarted() { h.log.Debug("started") }

// OnStopped logs that the server has stopped.
func (h *Hook) OnStopped() { h.log.Debug("stopped") }

// OnPacketRead logs a packet from a client.
func (h *Hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if attrs, ok := h.describe(cl, pk); ok {
		h.log.LogAttrs(context.Background(), slog.LevelDebug, "packet received", attrs...)
	}
	return pk, nil
}

// OnPacketSent logs a packet to a client.
func (h *Hook) OnPacketSent(cl *mqtt.Client, pk packets.Packet, _ []byte) {
	if attrs, ok := h.describe(cl, pk); ok {
		h.log.LogAttrs(context.Background(), slog.LevelDebug, "packet sent", attrs...)
	}
}

// OnPacketProcessed logs a packet whose handling ended the connection.
func (h *Hook) OnPacketProcessed(cl *mqtt.Client, pk packets.Packet, err error) {
	if err != nil {
		h.log.Debug("packet refused", "client_id", cl.ID(), "type", pk.Type().String(), "err", err)
	}
}

// OnSessionEstablished logs a client that is connected.
func (h *Hook) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	h.log.Debug("client connected", "client_id", cl.ID(), "remote", cl.RemoteAddr(), "listener", cl.Listener(), "version", cl.Version().String())
}

// OnDisconnect logs a client that is gone, and why.
func (h *Hook) OnDisconnect(cl *mqtt.Client, err error, expire bool) {
	h.log.Debug("client disconnected", "client_id", cl.ID(), "session_ended", expire, "err", err)
}

// OnSubscribed logs the answer to each filter.
func (h *Hook) OnSubscribed(cl *mqtt.Client, pk *packets.Subscribe, codes []packets.Code) {
	for i, sub := range pk.Subscriptions {
		h.log.Debug("subscribed", "client_id", cl.ID(), "filter", sub.Filter, "reason_code", byte(codes[i]))
	}
}

// OnUnsubscribed logs filters that are gone.
func (h *Hook) OnUnsubscribed(cl *mqtt.Client, pk *packets.Unsubscribe) {
	h.log.Debug("unsubscribed", "client_id", cl.ID(), "filters", pk.Filters)
}

// OnPublishDropped logs a message that a client does not get.
func (h *Hook) OnPublishDropped(cl *mqtt.Client, pk *packets.Publish, reason mqtt.DropReason) {
	h.log.Debug("message dropped", "client_id", cl.ID(), "topic", pk.Topic, "qos", pk.QoS, "reason", reason.String())
}

// OnRetainMessage logs a retained message that was stored (1) or cleared (-1).
func (h *Hook) OnRetainMessage(cl *mqtt.Client, pk *packets.Publish, r int64) {
	h.log.Debug("retained message", "client_id", cl.ID(), "topic", pk.Topic, "result", r)
}

// OnWillSent logs a Will Message.
func (h *Hook) OnWillSent(cl *mqtt.Client, pk *packets.Publish) {
	h.log.Debug("will sent", "client_id", cl.ID(), "topic", pk.Topic)
}

// OnClientExpired logs a session whose time is over.
func (h *Hook) OnClientExpired(cl *mqtt.Client) {
	h.log.Debug("session expired", "client_id", cl.ID())
}

// OnRetainedExpired logs a retained message whose time is over.
func (h *Hook) OnRetainedExpired(topic string) {
	h.log.Debug("retained message expired", "topic", topic)
}

// describe returns what is to be said about a packet; ok is false if it is not
// to be shown.
func (h *Hook) describe(cl *mqtt.Client, pk packets.Packet) (attrs []slog.Attr, ok bool) {
	t := pk.Type()
	ping := t == packets.TypePingreq || t == packets.TypePingresp
	if ping && !h.options.ShowPings || !h.log.Enabled(context.Background(), slog.LevelDebug) {
		return nil, false
	}
	attrs = append([]slog.Attr{slog.String("client_id", cl.ID()), slog.String("type", t.String())}, summary(pk)...)
	if h.options.ShowPacketData {
		attrs = append(attrs, slog.String("data", h.data(pk)))
	}
	if h.options.ShowPasswords {
		attrs = append(attrs, secrets(pk)...)
	}
	return attrs, true
}
