package crash

import (
	"iter"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// presence is a set of what a client may find when it connects again.
type presence byte

const (
	isAbsent presence = 1 << iota
	isPresent
)

// session is what the history tells of one ClientID, and of its session since
// that began.
type session struct {
	exists     presence
	before     presence // exists before the last CONNECT
	connecting Event    // the last CONNECT
	born       int      // place of the CONNACK that began it
	firm       int      // since when it surely exists and outlives connections; 0: it may not
	filters    map[string]timeline

	due        map[Message]*message
	got        map[Message]delivery // the first one
	newest     map[stream]int       // number of the last first delivery
	unreleased map[uint16]Message   // QoS 2 that came, without PUBREL yet
	heard      map[string]int       // by filter, when something came that matches
}

// delivery is where a message came first, and with which QoS.
type delivery struct {
	seq int
	qos byte
}

// stream is what has an order.
type stream struct {
	publisher, topic string
	published        byte // QoS
	delivered        byte
}

// begin makes s a new session.
func (s *session) begin(seq int) {
	s.born, s.firm = seq, 0
	for filter, t := range s.filters {
		s.filters[filter] = t.set(seq, absent)
	}
	s.due = make(map[Message]*message)
	s.got = make(map[Message]delivery)
	s.newest = make(map[stream]int)
	s.unreleased = make(map[uint16]Message)
	s.heard = make(map[string]int)
}

// mayEnd is for a wish to end the session that is not yet confirmed.
func (s *session) mayEnd(seq int) {
	s.exists |= isAbsent
	s.firm = 0
	clear(s.due)
	for filter, t := range s.filters {
		s.filters[filter] = t.set(seq, t.now()|absent)
	}
}

// matching returns the filters that match a topic.
func (s *session) matching(topic string) iter.Seq2[string, timeline] {
	return func(yield func(string, timeline) bool) {
		for filter, t := range s.filters {
			if topics.Match(filter, topic) && !yield(filter, t) {
				return
			}
		}
	}
}

func (c *Checker) connect(e *Event) {
	s := c.session(e.Client)
	s.before, s.connecting = s.exists, *e
	if e.Clean || !e.Durable || s.exists == isAbsent {
		s.mayEnd(e.Seq) // with isAbsent: the session of the connection that is taken over
	}
	if e.Durable {
		s.exists |= isPresent
	}
}

func (c *Checker) connack(e *Event) {
	s := c.session(e.Client)
	if e.Code.Failed() {
		c.refused(e, "CONNECT refused with 0x%02X", byte(e.Code))
		return
	}
	switch {
	case e.Present && s.connecting.Clean:
		c.violate(DiscardedReturned, e, "session present after a clean start")
	case e.Present && s.before == isAbsent:
		c.violate(DiscardedReturned, e, "session present, but there is none since event %d", s.born)
	case !e.Present && !s.connecting.Clean && s.before == isPresent:
		c.violate(SessionLost, e, "session not present, it began at event %d", s.born)
		c.lose(s, e)
	}
	if !e.Present {
		s.begin(e.Seq)
	}
	s.exists = isAbsent
	if s.connecting.Durable {
		s.exists = isPresent
		if s.firm == 0 {
			s.firm = e.Seq
		}
	}
}

// subscription follows the requests about one filter.
func (c *Checker) subscription(e *Event) {
	s := c.session(e.Client)
	t := s.filters[e.Topic]
	switch e.Kind {
	case SubscribeSent:
		t = t.set(e.Seq, t.now()|granted(e.QoS))
	case UnsubscribeSent:
		t = t.set(e.Seq, t.now()|absent)
	case UnsubackReceived:
		if e.Code.Failed() {
			c.refused(e, "UNSUBSCRIBE from %q refused with 0x%02X", e.Topic, byte(e.Code))
			return
		}
		t = t.set(e.Seq, absent)
	default:
		if e.Code > packets.CodeGrantedQoS2 {
			c.refused(e, "SUBSCRIBE to %q refused with 0x%02X", e.Topic, byte(e.Code))
			return
		}
		certain := granted(byte(e.Code))
		if s.exists&isAbsent != 0 { // the session may have ended meanwhile
			certain |= absent
		}
		t = t.set(e.Seq, certain)
	}
	s.filters[e.Topic] = t
}
