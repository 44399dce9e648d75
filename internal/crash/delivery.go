package crash

import "slices"

// received looks at a message that came by a subscription.
func (c *Checker) received(e *Event) {
	s := c.session(e.Client)
	if e.QoS == 2 && c.repeated(s, e) {
		return
	}
	if e.Retain || e.Empty {
		return // what was retained at the time of a SUBSCRIBE follows readRetained
	}
	m := c.messages[e.Message]
	if m == nil || m.topic != e.Topic || e.Note != "" {
		c.violate(Corrupted, e, "%s to %q is not what was published %s", e.Message, e.Topic, e.Note)
		return
	}
	for filter := range s.matching(m.topic) {
		s.heard[filter] = e.Seq
	}
	if first := s.got[m.name]; first.seq != 0 {
		c.again(m, e, first)
		return
	}
	s.got[m.name] = delivery{e.Seq, e.QoS}
	delete(s.due, m.name)
	c.allowed(s, m, e)
	c.order(s, m, e)
}

// repeated follows the packet identifiers of QoS 2. It returns true for a
// PUBLISH that the client knows to be the one it has.
func (c *Checker) repeated(s *session, e *Event) bool {
	had, known := s.unreleased[e.ID]
	s.unreleased[e.ID] = e.Message
	switch {
	case !known:
		return false
	case had != e.Message:
		c.violateTwo(PacketIDReused, e, had, "packet identifier %d came with %s, PUBREL for %s is missing", e.ID, e.Message, had)
		return false
	case !e.Dup:
		c.violate(ResentAsNew, e, "%s came again with packet identifier %d, without DUP", e.Message, e.ID) // [MQTT-3.3.1-1]
	}
	return true
}

// again judges a message that the session had got before.
func (c *Checker) again(m *message, e *Event, first delivery) {
	switch {
	case m.qos == 2 && first.qos == 2 && e.QoS == 2:
		c.violate(DeliveredTwice, e, "%s to %q came again", m.name, m.topic)
	case m.qos == 2 && c.crashedBefore(m, first.seq):
		// The broker need not wait for its disk before it sends a message on at
		// QoS 0 and 1, and a broker that has forgotten it takes it again.
	case m.qos == 2 && (!e.Dup || e.QoS == 2):
		c.violate(DeliveredTwice, e, "%s to %q came again at QoS %d without DUP: it was routed twice", m.name, m.topic, e.QoS)
	case m.qos == 0 || e.QoS == 0 && m.sendings == 1:
		c.violate(DeliveredTwice, e, "%s to %q came again at QoS 0", m.name, m.topic)
	case m.sendings == 1 && !e.Dup:
		c.violate(ResentAsNew, e, "%s to %q came again without DUP, and was published once", m.name, m.topic)
	}
}

// crashedBefore tells whether the broker was restarted after a delivery of m,
// before it had acknowledged m, and m was published again. Where refusals are
// permitted, ending the connection is one, with the same result.
func (c *Checker) crashedBefore(m *message, delivery int) bool {
	if c.Refusals && m.sendings > 1 {
		return true
	}
	return m.sendings > 1 && slices.ContainsFunc(c.starts, func(start int) bool {
		return delivery < start && (m.acked == 0 || start < m.acked)
	})
}

// allowed finds messages that no subscription of this session can have brought:
// it had none at any time from the PUBLISH, or its own beginning, until the
// acknowledgement.
func (c *Checker) allowed(s *session, m *message, e *Event) {
	from, to := max(m.sent, s.born), e.Seq
	if m.acked != 0 {
		to = m.acked
	}
	if to < s.born {
		c.violate(DiscardedReturned, e, "%s was acknowledged at %d, the session began at %d", m.name, m.acked, s.born)
		return
	}
	for _, t := range s.matching(m.topic) {
		if t.during(from, to) != absent {
			return
		}
	}
	c.violate(AfterUnsuback, e, "%s to %q was sent at %d, when the session had no subscription to it", m.name, m.topic, m.sent)
}

// order compares with the message before in the same stream. One that was
// published again may have met the subscription, or at QoS 0 the connection, only
// then.
func (c *Checker) order(s *session, m *message, e *Event) {
	key := stream{m.name.Publisher, m.topic, m.qos, e.QoS}
	last := s.newest[key]
	s.newest[key] = max(last, m.name.Number)
	if m.name.Number > last || m.sendings > 1 && (e.QoS == 0 || !s.throughout(m, e.Seq)) {
		return
	}
	before := Message{m.name.Publisher, last}
	c.violateTwo(OutOfOrder, e, before, "%s to %q came after %s", m.name, m.topic, before)
}

// throughout tells whether the session had a subscription to m all the time
// since it was first sent.
func (s *session) throughout(m *message, until int) bool {
	for _, t := range s.matching(m.topic) {
		if s.born <= m.sent && t.during(m.sent, until)&absent == 0 {
			return true
		}
	}
	return false
}
