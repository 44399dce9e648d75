package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// published handles a PUBLISH from the client: the steps of its way in order.
// frame is the packet as it was read, nil if it was not read from the wire.
func (in *inbound) published(p *packets.Publish, frame []byte) error {
	c, s := in.client, in.server
	if p.Properties.TopicAlias != 0 {
		if err := in.aliases.resolve(p, s.options.Capabilities.TopicAliasMaximum, in.intern); err != nil {
			return err
		}
		frame = nil
	}
	if err := in.acceptable(p); err != nil {
		return err
	}
	if p.QoS == 2 {
		if again, err := in.receive(p); again || err != nil {
			return err
		}
	}
	rt := in.lookup(p.Topic)
	p.Topic = rt.topic
	receivers, err := in.distribute(rt, p, frame)
	if err != nil {
		return in.refuse(p, err)
	}
	in.accept(p, c.publishCode(receivers))
	return nil
}

// accept acknowledges a PUBLISH, when what it means is stored: messages for
// sessions that are kept, the retained message, and the packet identifier of
// QoS 2 if the publisher's own session is kept.
func (in *inbound) accept(p *packets.Publish, code packets.Code) {
	t := packets.TypePuback // [MQTT-4.3.2-4]
	if p.QoS == 2 {
		t = packets.TypePubrec // [MQTT-4.3.3-8]
		if sess := in.session(); sess != nil && sess.backlog != nil {
			in.begin().tx.PutReceived(sess.backlog.number, p.PacketID)
		}
	}
	if !in.stores() {
		if p.QoS > 0 {
			in.acknowledge(t, p.PacketID, code)
		}
		return
	}
	d := in.server.durabilityOf(in.client, p.Topic)
	if p.QoS == 0 || d == DurabilityNone {
		in.commit(StoreLazy, nil, 0)
		if p.QoS > 0 {
			in.acknowledge(t, p.PacketID, code)
		}
		return
	}
	in.deferAck(t, p.PacketID, code)
	in.commit(d.level(), in.acks, 1)
	in.awaitRoom()
}

func (in *inbound) intern(topic string) string { return in.lookup(topic).topic }

// publishCode is the Reason Code of an accepted PUBLISH.
func (c *Client) publishCode(receivers int) packets.Code {
	if receivers == 0 {
		return packets.CodeNoMatchingSubscribers
	}
	return packets.CodeSuccess
}

// acceptable finds what the server told the client not to send.
func (in *inbound) acceptable(p *packets.Publish) error {
	capabilities := &in.server.options.Capabilities
	if p.QoS > capabilities.maximumQoS() && !in.client.inline { // [MQTT-3.2.2-11]
		return protocolErrorf(packets.ErrQoSNotSupported, "QoS %d; the maximum is %d", p.QoS, capabilities.maximumQoS())
	}
	if p.Retain && capabilities.RetainAvailable == Unavailable { // [MQTT-3.2.2-14]
		return protocolErrorf(packets.ErrRetainNotSupported, "retained messages are switched off here")
	}
	if len(p.Properties.SubscriptionIDs) > 0 { // [MQTT-3.3.4-6]
		return protocolErrorf(packets.ErrProtocolError, "a Subscription Identifier in a PUBLISH to the server")
	}
	return nil
}

// receive notes the packet identifier of a QoS 2 PUBLISH; again tells that it
// was noted before, so that the message is not delivered a second time
// [MQTT-4.3.3-10].
func (in *inbound) receive(p *packets.Publish) (again bool, err error) {
	sess := in.session()
	if sess == nil {
		return false, nil // an inline client has no flow
	}
	sess.mu.Lock()
	_, again = sess.received[p.PacketID]
	full := !again && in.client.version == packets.V5 && len(sess.received) >= int(in.server.options.Capabilities.ReceiveMaximum)
	if !again && !full {
		if sess.received == nil {
			sess.received = make(map[uint16]struct{})
		}
		sess.received[p.PacketID] = struct{}{}
		in.noted = p.PacketID
	}
	sess.unlock()
	if full { // [MQTT-3.3.4-7]
		return false, protocolErrorf(packets.ErrReceiveMaximumExceeded, "more than %d unfinished QoS 2 messages", in.server.options.Capabilities.ReceiveMaximum)
	}
	if again && sess.backlog != nil { // its first PUBREC may still wait for the store
		in.begin().tx.PutReceived(sess.backlog.number, p.PacketID)
		in.deferAck(packets.TypePubrec, p.PacketID, packets.CodeSuccess)
		in.commit(in.client.durability().level(), in.acks, 1)
	} else if again {
		in.acknowledge(packets.TypePubrec, p.PacketID, packets.CodeSuccess)
	}
	return again, nil
}

// released forgets the packet identifier and reports whether it was noted.
func (s *session) released(id uint16) bool {
	s.mu.Lock()
	defer s.unlock()
	_, known := s.received[id]
	delete(s.received, id)
	return known
}

// distribute asks for permission, lets hooks change the message, keeps it if
// it is to be retained and sends it to its receivers.
func (in *inbound) distribute(rt *route, p *packets.Publish, frame []byte) (receivers int, err error) {
	s := in.server
	set := s.hooks.load()
	if err := in.authorize(set, p.Topic); err != nil {
		return 0, err
	}
	if set.onPublish != nil {
		if p, err = set.publish(in.client, p); err != nil {
			return 0, err
		}
		if p.QoS > 2 {
			return 0, fmt.Errorf("a hook changed the QoS to %d", p.QoS)
		}
		if frame = nil; p.Topic != rt.topic {
			if err := topics.ValidName(p.Topic); err != nil {
				return 0, fmt.Errorf("a hook changed the topic: %w", err)
			}
			rt = in.lookup(p.Topic)
			p.Topic = rt.topic
		}
	}
	pub := publication{topic: p.Topic, payload: p.Payload, qos: p.QoS, retain: p.Retain, originID: in.client.clientID}
	if s.options.Store != nil {
		pub.durability = s.durabilityOf(in.client, p.Topic)
	}
	if err := in.describe(&pub, p, frame); err != nil {
		return 0, err
	}
	to := in.selected(set, rt, p)
	if s.options.Capabilities.QueuePolicy == RejectPublish && p.QoS > 0 && to.anyFull() {
		return 0, protocolErrorf(packets.ErrQuotaExceeded, "the queue of a receiver is full")
	}
	if p.Retain && !s.mayRetain(pub.keep()) {
		if in.client.learns(p) {
			return 0, errNoRoomRetained
		}
		s.stats.drop(DropNotRetained)
		if s.limited.allows() {
			s.log.Info("message not retained: there is no memory for another", "client_id", in.client.clientID, "topic", p.Topic)
		}
	} else if p.Retain {
		seq := in.retain(set, &pub, p)
		// Subscriptions made before it was stored expect it from here.
		if now := in.receivers(p.Topic, seq); now != rt {
			to = in.selected(set, now, p)
		}
	}
	in.noted = 0
	receivers = in.route(to, &pub)
	for _, tell := range set.onPublished {
		tell(in.client, p)
	}
	return receivers, nil
}

// selected is the route that hooks leave of rt.
func (in *inbound) selected(set *hookSet, rt *route, p *packets.Publish) *route {
	if set.onSelectSubscribers == nil {
		return rt
	}
	return in.selectSubscribers(set, rt, p)
}

// authorize refuses what the client may not publish to.
func (in *inbound) authorize(set *hookSet, topic string) error {
	c := in.client
	if c.inline {
		return nil
	}
	if isOwnTopic(topic) {
		return protocolErrorf(packets.ErrNotAuthorized, "topics under %s are the server's own", topic[:strings.IndexByte(topic+"/", '/')])
	}
	return set.allowed(c, topic, true)
}

// isOwnTopic tells that only the server publishes to a topic.
func isOwnTopic(topic string) bool {
	return strings.HasPrefix(topic, "$SYS/") || strings.HasPrefix(topic, "$share/") || topic == "$SYS" || topic == "$share"
}

// describe fills in what the packet's properties and encoding mean for the
// receivers.
func (in *inbound) describe(pub *publication, p *packets.Publish, frame []byte) error {
	maximum := in.server.options.Capabilities.MaximumMessageExpiryInterval
	if in.client.version != packets.V5 || p.Properties.Empty(packets.TypePublish) {
		if maximum > 0 {
			pub.expires = in.server.clock.after(time.Duration(maximum) * time.Second)
		} else if p.QoS == 0 && !p.Retain && !p.Dup && frame != nil {
			pub.frame, pub.frameOf = frame, in.client.frameVersion
		}
		return nil
	}
	if p.Properties.Has(packets.PropMessageExpiryInterval) {
		seconds := int64(p.Properties.MessageExpiryInterval)
		if maximum > 0 {
			seconds = min(seconds, maximum)
		}
		pub.expires = in.server.clock.after(time.Duration(seconds) * time.Second)
	} else if maximum > 0 {
		pub.expires = in.server.clock.after(time.Duration(maximum) * time.Second)
	}
	forward, err := appendForwarded(in.forward[:0], p.Properties, packets.TypePublish)
	in.forward = forward
	pub.properties = forward
	return err
}

// learns tells whether the publisher is told when its message is refused.
func (c *Client) learns(p *packets.Publish) bool {
	return c.inline || c.version == packets.V5 && p.QoS > 0 && !c.isEnding() // then it is its Will
}

// retain keeps the message as its topic's retained message, and returns its
// place among them.
func (in *inbound) retain(set *hookSet, pub *publication, p *packets.Publish) (seq uint64) {
	r, seq := in.server.retained.set(pub.keep(), in.changes(p.Topic))
	for _, tell := range set.onRetainMessage {
		tell(in.client, p, r)
	}
	return seq
}

// anyFull tells whether a receiver's queue has no room for a QoS 1 message.
func (rt *route) anyFull() bool {
	for i := range rt.targets {
		t := &rt.targets[i]
		switch {
		case t.session != nil && t.qos > 0 && t.session.full():
			return true
		case t.session == nil && t.group != nil && t.group.full():
			return true
		}
	}
	return false
}

func (s *session) full() bool {
	s.mu.Lock()
	defer s.unlock()
	if s.openLocked() != nil {
		return false // the delivery will say why
	}
	limits := s.limits()
	fits := func() bool { return s.queued()-s.queue.qos0 < limits.messages && s.queuedBytes() < limits.bytes }
	if fits() {
		return false
	}
	if s.backlog != nil {
		s.expireKept(fits)
	} else {
		s.queue.dropExpired(s.server.clock.now(), s.discardLocked)
	}
	return !fits()
}

// refuse answers a PUBLISH that goes nowhere. A v5 publisher gets the Reason
// Code; a v3 publisher an ordinary acknowledgement [MQTT311-3.3.5-2], except that
// it is disconnected when its message found no room.
func (in *inbound) refuse(p *packets.Publish, err error) error {
	c := in.client
	in.noted = 0
	code := codeFor(err)
	in.server.stats.drop(refusalReason(err))
	if errors.Is(err, ErrRejectPacket) || errors.Is(err, ErrIgnorePacket) {
		code, err = packets.CodeSuccess, packets.CodeSuccess
	} else {
		in.server.stats.refuse(code)
		if in.server.limited.allows() {
			in.server.log.Info("publish refused", "client_id", c.clientID, "topic", p.Topic, "qos", p.QoS, "err", err)
		}
	}
	if c.version != packets.V5 {
		if code == packets.ErrQuotaExceeded && p.QoS > 0 {
			in.forget(p) // it will be sent again
			return err
		}
		code, err = packets.CodeSuccess, packets.CodeSuccess
	}
	if p.QoS == 0 {
		return nil
	}
	t := packets.TypePuback
	if p.QoS == 2 {
		t = packets.TypePubrec
	}
	if code.Failed() {
		in.forget(p) // [MQTT-4.3.3-9]
		if in.deferred(pendingAck{t: t, id: p.PacketID, refusal: err}) {
			return nil
		}
		in.answer() // in the order of the PUBLISHes [MQTT-4.6.0-2] [MQTT-4.6.0-3]
		c.refuseAck(t, p.PacketID, err)
		return nil
	}
	in.acknowledge(t, p.PacketID, code)
	return nil
}

// refusalReason says how a refused PUBLISH is counted.
func refusalReason(err error) DropReason {
	switch code := codeFor(err); {
	case errors.Is(err, errNoRoomRetained):
		return DropNotRetained
	case code == packets.ErrNotAuthorized:
		return DropNotAuthorized
	case code == packets.ErrQuotaExceeded:
		return DropQueueFull
	default:
		return DropByHook
	}
}

// forget frees the packet identifier of a QoS 2 PUBLISH that was not accepted.
func (in *inbound) forget(p *packets.Publish) {
	if sess := in.session(); sess != nil && p.QoS == 2 {
		sess.released(p.PacketID)
	}
}

// puback handles PUBACK: the flow of a QoS 1 message to the client is complete.
func (in *inbound) puback(id uint16, code packets.Code) error {
	in.session().acknowledged(in.client, packets.TypePuback, id, code)
	return nil
}

// pubrec handles PUBREC of a QoS 2 message to the client [MQTT-4.3.3-4].
func (in *inbound) pubrec(pk *packets.Pubrec) error {
	known := in.session().acknowledged(in.client, packets.TypePubrec, pk.PacketID, pk.Code)
	if !known && !pk.Code.Failed() {
		in.client.appendAck(packets.TypePubrel, pk.PacketID, packets.ErrPacketIDNotFound)
	}
	return nil
}

// pubrel handles PUBREL: the client will not send this message again
// [MQTT-4.3.3-11].
func (in *inbound) pubrel(pk *packets.Pubrel) error {
	known := in.session().released(pk.PacketID)
	in.unreceive(pk.PacketID, known)
	in.pubcomplete(pk.PacketID, known)
	in.commitReleases()
	return nil
}

// pubcomp handles PUBCOMP: the flow of a QoS 2 message to the client is complete.
func (in *inbound) pubcomp(pk *packets.Pubcomp) error {
	in.session().acknowledged(in.client, packets.TypePubcomp, pk.PacketID, pk.Code)
	return nil
}

// publishFor publishes on behalf of a client from another goroutine than its
// own: Will Messages, injected packets, publishing from Go. It returns without
// waiting for the store; wait, nil if there is nothing to wait for, does.
func (s *Server) publishFor(c *Client, p *packets.Publish) (wait func() error, err error) {
	in := &inbound{router: router{server: s, self: c.session.Load()}, client: c}
	defer in.flush()
	defer in.commitRest()
	if err := in.acceptable(p); err != nil {
		return nil, err
	}
	rt := in.lookup(p.Topic)
	p.Topic = rt.topic
	if _, err := in.distribute(rt, p, nil); err != nil || !in.stores() {
		return nil, err
	}
	d := s.durabilityOf(c, p.Topic)
	if p.QoS == 0 || d == DurabilityNone {
		return nil, nil
	}
	stored := in.commitAwaited(d.level())
	return func() error { return <-stored }, nil
}
