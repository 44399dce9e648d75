package mqtt

import (
	"errors"
	"fmt"
	"net"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// InlineHandler gets the messages of a subscription made from Go. It runs on
// the publisher's goroutine, so it must not block; pk and its slices are valid
// during the call only.
type InlineHandler func(cl *Client, sub packets.Subscription, pk *packets.Publish)

// ErrInlineSubscriptionHandlerInvalid is returned by Subscribe for a nil handler.
var ErrInlineSubscriptionHandlerInvalid = errors.New("mqtt: subscribe: the handler is nil")

// inlineSubscription is a subscription of a Go function.
type inlineSubscription struct {
	server  *Server
	key     uint64
	sub     packets.Subscription
	handler InlineHandler
}

type inlineKey struct {
	filter string
	id     int
}

func (i *inlineSubscription) deliver(p *publication) {
	out := p.outgoing(nil, false, i.server.clock)
	out.qos = p.qos
	i.handler(i.server.inline, i.sub, out.packet())
}

// Publish publishes a message from the embedding program. Receivers get it at
// most with the given QoS. Access rules do not apply; hooks do.
func (s *Server) Publish(topic string, payload []byte, retain bool, qos byte) error {
	return s.PublishPacket(&packets.Publish{Topic: topic, Payload: payload, Retain: retain, QoS: qos})
}

// PublishPacket is Publish with MQTT 5.0 properties. The packet's slices may
// be reused after the call.
func (s *Server) PublishPacket(pk *packets.Publish) error {
	return s.InjectPacket(s.inline, pk)
}

// Subscribe calls handler for every message that matches filter, beginning with
// the retained ones. The id tells several subscriptions of one filter apart;
// subscribing again with the same filter and id replaces the handler.
func (s *Server) Subscribe(filter string, id int, handler InlineHandler) error {
	if handler == nil {
		return ErrInlineSubscriptionHandlerInvalid
	}
	if err := topics.ValidFilter(filter); err != nil {
		return fmt.Errorf("subscribe %q: %w", filter, err)
	}
	if _, _, shared := topics.SplitShare(filter); shared {
		return fmt.Errorf("subscribe %q: a Go handler cannot join a shared subscription", filter)
	}
	i := &inlineSubscription{server: s, sub: packets.Subscription{Filter: filter, QoS: 2}, handler: handler}
	s.inlineMu.Lock()
	if old := s.inlineSubs[inlineKey{filter, id}]; old != nil {
		i.key = old.key
	} else {
		i.key = s.nextKey()
		s.stats.subscriptions.Add(1)
	}
	s.inlineSubs[inlineKey{filter, id}] = i
	sub := &subscription{inline: i, filter: filter, qos: 2}
	cur := s.retained.cursor(sub, filter, func() { s.index.Put(filter, i.key, sub) })
	s.inlineMu.Unlock()
	s.retained.each(cur, func(m *Message) bool {
		d := delivery{msg: m, qos: m.QoS, retain: true}
		handler(s.inline, i.sub, d.packet(s.clock.now()))
		return true
	})
	return nil
}

// Unsubscribe ends a subscription made by Subscribe. Ending one that does not
// exist is no error.
func (s *Server) Unsubscribe(filter string, id int) error {
	s.inlineMu.Lock()
	defer s.inlineMu.Unlock()
	if old := s.inlineSubs[inlineKey{filter, id}]; old != nil {
		delete(s.inlineSubs, inlineKey{filter, id})
		s.index.Delete(filter, old.key)
		s.stats.subscriptions.Add(-1)
	}
	return nil
}

// NewClient makes a client of this process, to inject packets with; conn must
// be nil. An inline client is not subject to access rules and may publish to
// $SYS topics. It has no session.
func (s *Server) NewClient(conn net.Conn, listener, id string, inline bool) *Client {
	c := s.newClient(conn, listener)
	c.clientID, c.inline, c.version = id, inline, packets.V5
	c.out.closed = conn == nil
	return c
}

// InjectPacket handles a packet as if client cl had sent it: an inline one, or
// one that is connected. PUBLISH, SUBSCRIBE and UNSUBSCRIBE are carried out
// without an answer to the client, DISCONNECT ends its connection, and
// acknowledgements move its flows on. The packet must be well-formed.
func (s *Server) InjectPacket(cl *Client, pk packets.Packet) error {
	if s.isClosed() {
		return ErrServerClosed
	}
	if _, err := pk.Append(nil, packets.V5); err != nil && !needsNoID(pk) {
		return fmt.Errorf("inject %s: %w", pk.Type(), err)
	}
	in := &inbound{router: router{server: s, self: cl.session.Load()}, client: cl}
	defer cl.flush()
	defer in.flush()
	defer in.answer()
	if cl.session.Load() == nil {
		switch pk.(type) {
		case *packets.Publish, *packets.Pingreq:
		default:
			return fmt.Errorf("inject %s: client %q has no session", pk.Type(), cl.clientID)
		}
	}
	switch pk := pk.(type) {
	case *packets.Publish:
		return s.injectPublish(cl, pk)
	case *packets.Subscribe:
		_, err := in.carryOutSubscribe(pk)
		cl.resume()
		return err
	case *packets.Unsubscribe:
		in.carryOutUnsubscribe(pk)
		return nil
	case *packets.Pingreq:
		return nil
	case *packets.Disconnect, *packets.Puback, *packets.Pubrec, *packets.Pubcomp, *packets.Pubrel:
		return in.dispatch(pk)
	}
	return fmt.Errorf("inject %s: servers do not receive it from a connected client", pk.Type())
}

// needsNoID excuses QoS 1 and 2 messages from Go for having no packet identifier.
func needsNoID(pk packets.Packet) bool {
	p, ok := pk.(*packets.Publish)
	return ok && p.QoS > 0 && p.PacketID == 0
}

func (s *Server) injectPublish(cl *Client, pk *packets.Publish) error {
	if err := topics.ValidName(pk.Topic); err != nil {
		return fmt.Errorf("publish to %q: %w", pk.Topic, err)
	}
	if pk.QoS > 2 {
		return fmt.Errorf("publish to %q: QoS %d, want 0, 1 or 2", pk.Topic, pk.QoS)
	}
	copied := *pk
	wait, err := s.publishFor(cl, &copied)
	if err == nil && wait != nil {
		err = wait()
	}
	if err != nil && !errors.Is(err, ErrIgnorePacket) {
		return fmt.Errorf("publish to %q: %w", pk.Topic, err)
	}
	return nil
}
