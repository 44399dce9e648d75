package crash

import (
	"fmt"
	"maps"
	"slices"
)

// Rule names what a broker must not break.
type Rule string

// The rules. [Checker.Add] says what each one means.
const (
	MessageLost       Rule = "acknowledged message lost"
	SubscriptionLost  Rule = "subscription lost after its SUBACK"
	DeliveredTwice    Rule = "QoS 2 message delivered twice"
	ResentAsNew       Rule = "message sent again without DUP"
	PacketIDReused    Rule = "packet identifier used for another message before its PUBREL"
	OutOfOrder        Rule = "order of a publisher's messages broken"
	RetainedWrong     Rule = "retained message is not the last acknowledged one or a later one"
	AfterUnsuback     Rule = "message published after the UNSUBACK"
	DiscardedReturned Rule = "discarded session returned"
	SessionLost       Rule = "session lost"
	AckOutOfOrder     Rule = "acknowledgements out of order"
	Corrupted         Rule = "message altered, or never published"
	Protocol          Rule = "unexpected packet or refusal"
)

// Violation is one breach of a rule.
type Violation struct {
	Rule    Rule
	Seq     int // event at which it was seen
	Client  string
	Message Message // empty where none is concerned
	Other   Message // the other one, where two are concerned
	Topic   string  // topic or filter, empty where none is concerned
	Detail  string
}

// String returns the violation as one line.
func (v *Violation) String() string {
	return fmt.Sprintf("%s: client %s, event %d: %s", v.Rule, v.Client, v.Seq, v.Detail)
}

// Checker looks at a history, event by event. The zero value is not usable; it
// is for one goroutine.
type Checker struct {
	// Refusals permits the broker to refuse what it cannot store. What it refused
	// it need not keep, and may keep.
	Refusals bool

	events     []Event
	sessions   map[string]*session
	messages   map[Message]*message
	retained   map[string][]*message // by topic, in the order of their numbers
	reading    map[string]*reading   // by the client that reads retained messages
	unanswered map[connection]*window
	started    int   // when the broker last did
	starts     []int // when it ever did
	violations []Violation
	broken     map[Rule]int
}

// maxViolations is how many of each rule are kept: the first ones tell.
const maxViolations = 10

// NewChecker returns a Checker for one history.
func NewChecker() *Checker {
	return &Checker{
		sessions: make(map[string]*session), messages: make(map[Message]*message), retained: make(map[string][]*message),
		reading: make(map[string]*reading), unanswered: make(map[connection]*window), broken: make(map[Rule]int),
	}
}

// Check returns what a complete history breaks.
func Check(events []Event) []Violation {
	c := NewChecker()
	for i := range events {
		c.Add(events[i])
	}
	return c.Violations()
}

// Add appends an event to the history and looks at it:
//
//   - What was acknowledged at QoS 1 (PUBACK) or 2 (PUBREC) reaches every
//     durable session whose SUBACK came before the PUBLISH was sent, if no
//     UNSUBSCRIBE was sent before the acknowledgement and the session was not
//     discarded. It is due when the client has Drained. A subscription from
//     which nothing comes after a restart is called lost.
//   - QoS 2 reaches a session once. What reaches it again at QoS 1 is marked
//     DUP, unless it was published twice. A QoS 2 message may be routed twice to
//     subscriptions of QoS 0 and 1 if the broker crashed before acknowledging it.
//   - Messages of one publisher, topic and QoS reach a session in order, seen
//     by their first deliveries.
//   - A retained message is the one last acknowledged or a later one.
//   - Nothing comes that was published after the UNSUBACK, or before the
//     session began.
//   - A session is present exactly if it was made and not discarded.
//   - Acknowledgements come in the order of the messages.
func (c *Checker) Add(e Event) {
	e.Seq = len(c.events) + 1
	c.events = append(c.events, e)
	switch e.Kind {
	case BrokerStarted:
		c.started, c.starts = e.Seq, append(c.starts, e.Seq)
	case BrokerKilled, PubackSent, PubrecSent, PubcompSent, PubrelSent, PubcompReceived:
	case ConnectSent:
		c.connect(&e)
	case ConnackReceived:
		c.connack(&e)
	case ConnectionEnded:
		delete(c.unanswered, connection{e.Client, e.Conn})
	case EndSent:
		c.session(e.Client).mayEnd(e.Seq)
	case SubscribeSent, SubackReceived, UnsubscribeSent, UnsubackReceived:
		c.subscription(&e)
	case PublishSent:
		c.publish(&e)
	case PubackReceived, PubrecReceived:
		c.acknowledged(&e)
	case MessageReceived:
		c.received(&e)
	case PubrelReceived:
		delete(c.session(e.Client).unreleased, e.ID)
	case RetainedAsked, RetainedReceived, RetainedEnd:
		c.readRetained(&e)
	case Drained:
		c.drained(&e)
	case BadPacket:
		c.violate(Protocol, &e, "%s", e.Note)
	}
}

// Violations returns what was found so far.
func (c *Checker) Violations() []Violation { return slices.Clone(c.violations) }

// Events returns the history so far. It must not be changed.
func (c *Checker) Events() []Event { return c.events }

// Due returns how many messages the client's session has still to get.
func (c *Checker) Due(clientID string) int {
	if s := c.sessions[clientID]; s != nil {
		return len(s.due)
	}
	return 0
}

// refused is for a request that was answered by a refusal.
func (c *Checker) refused(e *Event, format string, args ...any) {
	if !c.Refusals {
		c.violate(Protocol, e, format, args...)
	}
}

func (c *Checker) violate(r Rule, e *Event, format string, args ...any) {
	c.violateTwo(r, e, Message{}, format, args...)
}

// violateTwo is violate where a second message has to do with it.
func (c *Checker) violateTwo(r Rule, e *Event, other Message, format string, args ...any) {
	if c.broken[r]++; c.broken[r] <= maxViolations {
		c.violations = append(c.violations, Violation{
			Rule: r, Seq: e.Seq, Client: e.Client, Message: e.Message, Other: other, Topic: e.Topic, Detail: fmt.Sprintf(format, args...),
		})
	}
}

func (c *Checker) session(clientID string) *session {
	s := c.sessions[clientID]
	if s == nil {
		s = &session{exists: isAbsent, filters: make(map[string]timeline)}
		s.begin(0)
		c.sessions[clientID] = s
	}
	return s
}

// drained finds what was due and did not come.
func (c *Checker) drained(e *Event) {
	s := c.session(e.Client)
	c.lose(s, e)
	clear(s.due)
	if e.Note != "" {
		c.violate(Protocol, e, "%s", e.Note)
	}
}

// lose reports everything that is due to s.
func (c *Checker) lose(s *session, e *Event) {
	for _, m := range slices.SortedFunc(maps.Values(s.due), func(a, b *message) int { return a.sent - b.sent }) {
		rule, why := MessageLost, ""
		if filter := c.silent(s, m); filter != "" {
			rule, why = SubscriptionLost, fmt.Sprintf("; nothing came by %q since the broker's start at %d", filter, c.started)
		}
		lost := *e
		lost.Message, lost.Topic = m.name, m.topic
		c.violate(rule, &lost, "%s to %q, sent at %d, acknowledged at %d, did not come%s", m.name, m.topic, m.sent, m.acked, why)
	}
}

// silent returns a filter which was made before the broker last started, by
// which m should have come, and by which nothing has come since; else "".
func (c *Checker) silent(s *session, m *message) string {
	if m.sent < c.started {
		return ""
	}
	for filter, t := range s.matching(m.topic) {
		if t.during(c.started, m.acked)&absent == 0 && s.heard[filter] < c.started {
			return filter
		}
	}
	return ""
}
