package crash

import "slices"

// message is what the history tells of one application message.
type message struct {
	name     Message
	topic    string
	qos      byte
	retain   bool
	empty    bool
	sent     int // place of the first PUBLISH
	sendings int
	acked    int // place of the first PUBACK or PUBREC that takes it; 0: none
}

// connection is one Network Connection of a history.
type connection struct {
	client string
	number int
}

// window is what a connection has not acknowledged, in the order of sending.
type window struct{ qos1, qos2 []Message }

func (c *Checker) publish(e *Event) {
	m := c.messages[e.Message]
	if m == nil {
		m = &message{name: e.Message, topic: e.Topic, qos: e.QoS, retain: e.Retain, empty: e.Empty, sent: e.Seq}
		c.messages[e.Message] = m
		if e.Retain {
			c.retained[e.Topic] = append(c.retained[e.Topic], m)
		}
	}
	m.sendings++
	conn := connection{e.Client, e.Conn}
	w := c.unanswered[conn]
	if w == nil {
		w = new(window)
		c.unanswered[conn] = w
	}
	switch e.QoS {
	case 1:
		w.qos1 = append(w.qos1, e.Message)
	case 2:
		w.qos2 = append(w.qos2, e.Message)
	}
}

// acknowledged makes m due to every session that must get it.
func (c *Checker) acknowledged(e *Event) {
	m := c.messages[e.Message]
	if m == nil {
		c.violate(Protocol, e, "acknowledgement of a message that was not sent")
		return
	}
	c.ackOrder(e)
	if e.Code.Failed() {
		c.refused(e, "%s refused with 0x%02X", m.name, byte(e.Code))
		return
	}
	if m.acked != 0 {
		return
	}
	m.acked = e.Seq
	if m.empty {
		return // nobody could tell which one it is
	}
	for _, s := range c.sessions {
		if s.got[m.name].seq == 0 && s.mustGet(m) {
			s.due[m.name] = m
		}
	}
}

// ackOrder compares with the order of the PUBLISHes of that connection. A PUBREC
// that comes again belongs to none of them.
func (c *Checker) ackOrder(e *Event) {
	w := c.unanswered[connection{e.Client, e.Conn}]
	if w == nil {
		return
	}
	waiting := &w.qos1
	if e.Kind == PubrecReceived {
		waiting = &w.qos2
	}
	switch i := slices.Index(*waiting, e.Message); {
	case i < 0:
	case i > 0:
		c.violateTwo(AckOutOfOrder, e, (*waiting)[0], "%s was acknowledged before %s, which was sent earlier", e.Message, (*waiting)[0])
		*waiting = slices.Delete(*waiting, i, i+1)
	default:
		*waiting = (*waiting)[1:]
	}
}

// mustGet tells whether the session had a subscription to m, of more than QoS 0,
// all the time from sending m to its acknowledgement.
func (s *session) mustGet(m *message) bool {
	if s.firm == 0 || s.firm > m.sent {
		return false
	}
	for _, t := range s.matching(m.topic) {
		if t.during(m.sent, m.acked)&(absent|grantedQoS0) == 0 {
			return true
		}
	}
	return false
}
