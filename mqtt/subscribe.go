package mqtt

import (
	"slices"
	"strings"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// subscribe handles SUBSCRIBE: each filter gets its own answer, in order
// [MQTT-3.8.4-5] [MQTT-3.8.4-6], and retained messages follow the SUBACK.
func (in *inbound) subscribe(pk *packets.Subscribe) error {
	c := in.client
	answer, err := in.carryOutSubscribe(pk)
	if err != nil {
		return err
	}
	if err := c.appendPacket(answer); err != nil {
		return err
	}
	in.session().pump(c)
	return nil
}

// carryOutSubscribe makes the subscriptions that are granted and returns the
// answer to the client.
func (in *inbound) carryOutSubscribe(pk *packets.Subscribe) (*packets.Suback, error) {
	c, s := in.client, in.server
	if err := c.checkSubscribe(pk); err != nil {
		return nil, err
	}
	epoch := s.accessEpoch.Load()
	set := s.hooks.load()
	pk = set.changeSubscribe(c, pk)
	answer := &packets.Suback{PacketID: pk.PacketID, Codes: make([]packets.Code, len(pk.Subscriptions))}
	var granted []*subscription
	var reasons reasonList
	places := in.session().places(len(pk.Subscriptions))
	for i, wanted := range pk.Subscriptions {
		qos, err := c.grant(set, wanted)
		if err == nil {
			err = places.take(c, wanted.Filter)
		}
		if err != nil {
			answer.Codes[i] = c.subackCode(err)
			reasons.add(wanted.Filter, err)
			s.stats.refuse(answer.Codes[i])
			continue
		}
		answer.Codes[i] = packets.Code(qos) // [MQTT-3.9.3-1]
		sub := newSubscription(wanted, qos, pk.Properties.SubscriptionIDs)
		if set.deliveryCheckers != nil && !c.inline {
			_, filter, _ := topics.SplitShare(wanted.Filter)
			sub.check.Store(set.deliveryCheck(c, filter))
		}
		granted = append(granted, sub)
	}
	if err := in.makeSubscriptions(granted); err != nil {
		for i := range answer.Codes {
			if !answer.Codes[i].Failed() {
				answer.Codes[i] = codeFor(err)
				reasons.add(pk.Subscriptions[i].Filter, err)
			}
		}
	}
	if c.problemInformation {
		answer.Properties.ReasonString = clipped(reasons.text)
	}
	s.recheckSince(c, epoch)
	for _, tell := range set.onSubscribed {
		tell(c, pk, answer.Codes)
	}
	return answer, nil
}

// reasonList gathers why filters are refused, as far as a client is told.
type reasonList struct{ text string }

func (r *reasonList) add(filter string, err error) {
	if len(r.text) > maximumReason {
		return
	}
	if r.text != "" {
		r.text += "; "
	}
	r.text += filter + ": " + reasonString(err)
}

func newSubscription(wanted packets.Subscription, qos byte, ids []uint32) *subscription {
	sub := &subscription{
		filter: wanted.Filter, qos: qos, noLocal: wanted.NoLocal,
		retainAsPublished: wanted.RetainAsPublished, retainHandling: wanted.RetainHandling,
	}
	if len(ids) > 0 {
		sub.id = ids[0]
	}
	return sub
}

// places are those for subscriptions that a session has left during one SUBSCRIBE.
type places struct {
	session *session
	left    int
	ample   bool                // left is enough for all of them
	taken   map[string]struct{} // filters of this SUBSCRIBE that took one
	full    bool                // that there are none was logged
}

func (s *session) places(wanted int) *places {
	s.mu.Lock()
	defer s.unlock()
	left := s.server.options.Capabilities.MaximumSubscriptionsPerClient - s.subscriptions.len()
	return &places{session: s, left: left, ample: left >= wanted}
}

// take takes a place for a filter that has none yet.
func (p *places) take(c *Client, filter string) error {
	if p.ample {
		return nil
	}
	p.session.mu.Lock()
	has := p.session.subscriptions.get(filter) != nil
	p.session.unlock()
	if _, again := p.taken[filter]; has || again {
		return nil
	}
	if p.left > 0 {
		p.left--
		if p.taken == nil {
			p.taken = make(map[string]struct{})
		}
		p.taken[filter] = struct{}{}
		return nil
	}
	maximum := c.server.options.Capabilities.MaximumSubscriptionsPerClient
	if !p.full && c.server.limited.allows() {
		c.server.log.Info("subscription refused: the client has as many as it may", "client_id", c.clientID, "filter", filter, "maximum", maximum)
	}
	p.full = true
	return protocolErrorf(packets.ErrQuotaExceeded, "this client has the %d subscriptions it may have", maximum)
}

// checkSubscribe finds what ends the connection rather than one filter's hopes.
func (c *Client) checkSubscribe(pk *packets.Subscribe) error {
	if c.inline {
		return nil
	}
	capabilities := &c.server.options.Capabilities
	if len(pk.Properties.SubscriptionIDs) > 0 && capabilities.SubIDAvailable == Unavailable {
		return protocolErrorf(packets.ErrSubscriptionIDsNotSupported, "subscription identifiers are switched off here")
	}
	for _, sub := range pk.Subscriptions {
		if _, _, shared := topics.SplitShare(sub.Filter); shared && sub.NoLocal { // [MQTT-3.8.3-4]
			return protocolErrorf(packets.ErrProtocolError, "No Local on the shared subscription %q", sub.Filter)
		}
	}
	return nil
}

// grant decides on one filter and returns the maximum QoS granted.
func (c *Client) grant(set *hookSet, wanted packets.Subscription) (byte, error) {
	capabilities := &c.server.options.Capabilities
	if err := topics.ValidFilter(wanted.Filter); err != nil {
		return 0, protocolErrorf(packets.ErrTopicFilterInvalid, "%v", err)
	}
	_, filter, shared := topics.SplitShare(wanted.Filter)
	switch {
	case shared && capabilities.SharedSubAvailable == Unavailable:
		return 0, packets.ErrSharedSubscriptionsNotSupported
	case capabilities.WildcardSubAvailable == Unavailable && strings.ContainsAny(filter, "+#"):
		return 0, packets.ErrWildcardSubscriptionsNotSupported
	case !c.inline:
		if err := set.allowed(c, filter, false); err != nil {
			return 0, err
		}
	}
	qos := min(wanted.QoS, capabilities.maximumQoS())
	for _, ask := range set.grants {
		code := ask(c, wanted)
		if code.Failed() {
			return 0, code
		}
		qos = min(qos, byte(code))
	}
	return qos, nil
}

// subackCode is the Reason Code of a refused filter for this client.
func (c *Client) subackCode(err error) packets.Code {
	code := codeFor(err)
	if code == packets.ErrNotAuthorized && c.server.options.Capabilities.Compatibilities.ObscureNotAuthorized {
		return packets.ErrUnspecified
	}
	return code
}

// unsubscribe handles UNSUBSCRIBE.
func (in *inbound) unsubscribe(pk *packets.Unsubscribe) error {
	answer := in.carryOutUnsubscribe(pk)
	return in.client.appendPacket(answer)
}

// makeSubscriptions makes those granted, and returns when they are stored if
// the session is kept. With an error none of them stays.
func (in *inbound) makeSubscriptions(granted []*subscription) error {
	s, sess := in.server, in.session()
	if sess.backlog == nil || len(granted) == 0 {
		for _, sub := range granted {
			s.subscribe(sess, sub, nil)
		}
		return nil
	}
	var changes storeChanges
	before := make([]*subscription, len(granted))
	for i, sub := range granted {
		before[i] = sess.subscriptionTo(sub.filter)
		s.subscribe(sess, sub, &changes)
	}
	err := in.awaitStore(&changes)
	if err == nil {
		return nil
	}
	for i, sub := range slices.Backward(granted) { // a filter may be there twice
		if before[i] != nil {
			s.subscribe(sess, before[i], nil)
		} else {
			s.unsubscribe(sess, sub.filter, nil)
		}
	}
	return storeRefusal(err)
}

func (s *session) subscriptionTo(filter string) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subscriptions.get(filter)
}

// awaitStore makes the reader wait until changes are stored; what it has for
// others leaves before.
func (in *inbound) awaitStore(changes *storeChanges) error {
	in.flush()
	in.client.flush()
	return in.server.await(changes, in.client.durability())
}

func (in *inbound) carryOutUnsubscribe(pk *packets.Unsubscribe) *packets.Unsuback {
	c, s := in.client, in.server
	set := s.hooks.load()
	pk = set.changeUnsubscribe(c, pk)
	answer := &packets.Unsuback{PacketID: pk.PacketID, Codes: make([]packets.Code, len(pk.Filters))}
	var changes storeChanges
	for i, filter := range pk.Filters {
		switch err := topics.ValidFilter(filter); {
		case err != nil:
			answer.Codes[i] = packets.ErrTopicFilterInvalid
		case !s.unsubscribe(in.session(), filter, &changes):
			answer.Codes[i] = packets.CodeNoSubscriptionExisted
		}
	}
	if in.session().backlog != nil {
		in.unsubscribed(answer, in.awaitStore(&changes))
	}
	for _, tell := range set.onUnsubscribed {
		tell(c, pk)
	}
	return answer
}

// unsubscribed ends an UNSUBSCRIBE whose removals could not be stored: they hold
// for now, but not for sure after a restart. 3.x has no words for that, so the
// connection ends without an UNSUBACK.
func (in *inbound) unsubscribed(answer *packets.Unsuback, err error) {
	if err == nil {
		return
	}
	err = storeRefusal(err)
	if in.client.version != packets.V5 {
		in.client.stop(err)
		return
	}
	for i := range answer.Codes {
		if answer.Codes[i] == packets.CodeSuccess {
			answer.Codes[i] = codeFor(err)
		}
	}
}
