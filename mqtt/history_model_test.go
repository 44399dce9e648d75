package mqtt_test

import (
	"fmt"
	"maps"
	"time"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// model knows, for a history of single steps, who must and who may receive what.
type model struct {
	sessions map[string]*modelSession // by ClientID
	retained map[string]string        // payload by topic
	everKept map[string]bool          // topic=payload that was retained at some time
	shared   map[int]*sharedMessage
	faults   []string
}

// modelSession is one session from its making to its end.
type modelSession struct {
	clientID string
	subs     map[string]byte // granted QoS by filter
	shares   bool            // it was a member of the shared subscription
	expiry   time.Duration   // 0: ends with the connection; negative: never ends
	left     time.Time       // when it went offline; zero while online
	must     map[int]byte    // QoS by message number: not received yet
	may      map[int]byte
	got      map[int]bool
	newest   map[string]int // last message number by publisher, topic and QoS
}

// sharedMessage is a message for the shared subscription.
type sharedMessage struct {
	qos       byte
	members   []*modelSession // when it was published
	delivered int
	waived    bool // a member has left since, and may have taken it along
}

const shareFilter = "$share/g/s/#"

func newModel() *model {
	return &model{
		sessions: make(map[string]*modelSession), retained: make(map[string]string),
		everKept: make(map[string]bool), shared: make(map[int]*sharedMessage),
	}
}

func (m *model) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf(format, args...))
}

// expire ends the sessions whose time has come.
func (m *model) expire() {
	for _, s := range m.sessions {
		if !s.left.IsZero() && s.expiry >= 0 && time.Since(s.left) >= s.expiry {
			m.end(s)
		}
	}
}

func (m *model) end(s *modelSession) {
	m.leaveShare(s)
	if m.sessions[s.clientID] == s {
		delete(m.sessions, s.clientID)
	}
}

func (m *model) leaveShare(s *modelSession) {
	for _, msg := range m.shared {
		for _, member := range msg.members {
			msg.waived = msg.waived || member == s
		}
	}
}

// connect returns the session that a CONNECT gets, and whether it existed.
func (m *model) connect(clientID string, clean bool, expiry time.Duration) (s *modelSession, present bool) {
	m.expire()
	s = m.sessions[clientID]
	if s != nil && (clean || s.expiry == 0) { // what ends with its connection is not taken over either
		m.end(s)
		s = nil
	}
	present = s != nil
	if s == nil {
		s = &modelSession{
			clientID: clientID, subs: make(map[string]byte), must: make(map[int]byte),
			may: make(map[int]byte), got: make(map[int]bool), newest: make(map[string]int),
		}
		m.sessions[clientID] = s
	}
	s.expiry, s.left = expiry, time.Time{}
	return s, present
}

// settled finds QoS 0 messages that did not come at once.
func (m *model) settled() {
	for _, s := range m.sessions {
		for n, qos := range s.must {
			if qos == 0 {
				m.fault("%s did not get message %d with QoS 0", s.clientID, n)
			}
		}
	}
}

// disconnect is the end of the session's connection.
func (m *model) disconnect(s *modelSession) {
	maps.DeleteFunc(s.must, func(_ int, qos byte) bool { return qos == 0 })
	if s.expiry == 0 {
		m.end(s)
		return
	}
	s.left = time.Now()
}

func (s *modelSession) online() bool { return s.left.IsZero() }

func (m *model) unsubscribe(s *modelSession, filter string) {
	delete(s.subs, filter)
	if filter == shareFilter {
		m.leaveShare(s)
	}
}

func (m *model) publish(n int, topic string, qos byte, retain bool, payload string) {
	m.expire()
	if retain && payload == "" {
		delete(m.retained, topic)
	} else if retain {
		m.retained[topic] = payload
		m.everKept[topic+"="+payload] = true
	}
	group := &sharedMessage{qos: qos}
	for _, s := range m.sessions {
		granted, matches := byte(0), false
		for filter, q := range s.subs {
			if filter == shareFilter {
				if topics.Match("s/#", topic) && (qos > 0 || s.online()) {
					group.members = append(group.members, s)
				}
			} else if topics.Match(filter, topic) {
				granted, matches = max(granted, q), true
			}
		}
		if effective := min(qos, granted); matches && (effective > 0 || s.online()) {
			s.must[n], s.may[n] = effective, effective
		}
	}
	m.shared[n] = group
}

// received checks one message that a client got for the first time, as far as
// the client can tell.
func (m *model) received(s *modelSession, p *packets.Publish, publisher string, n int) {
	if p.Retain {
		if !m.everKept[p.Topic+"="+string(p.Payload)] {
			m.fault("%s got %s=%s as retained, which it never was", s.clientID, p.Topic, p.Payload)
		}
		return
	}
	if topics.Match("s/#", p.Topic) {
		m.receivedShared(s, p, n)
		return
	}
	qos, may := s.may[n]
	again := s.got[n]
	switch {
	case !may:
		m.fault("%s got %s=%s, to which it was not subscribed", s.clientID, p.Topic, p.Payload)
	case p.QoS != qos:
		m.fault("%s got %s=%s with QoS %d, want %d", s.clientID, p.Topic, p.Payload, p.QoS, qos)
	case again && (p.QoS != 1 || !p.Dup):
		m.fault("%s got %s=%s twice with QoS %d", s.clientID, p.Topic, p.Payload, p.QoS)
	}
	delete(s.must, n)
	s.got[n] = true
	stream := fmt.Sprint(publisher, p.Topic, p.QoS)
	if !again && n <= s.newest[stream] {
		m.fault("%s got %s=%s after message %d of the same publisher", s.clientID, p.Topic, p.Payload, s.newest[stream])
	}
	s.newest[stream] = max(n, s.newest[stream])
}

func (m *model) receivedShared(s *modelSession, p *packets.Publish, n int) {
	msg := m.shared[n]
	if !s.shares {
		m.fault("%s got %s=%s without being a member", s.clientID, p.Topic, p.Payload)
	}
	if msg.delivered > 0 && msg.qos != 1 {
		m.fault("the shared subscription got %s=%s twice, with QoS %d", p.Topic, p.Payload, msg.qos)
	}
	msg.delivered++
}

// finish finds what was lost, when every session has been heard to the end.
func (m *model) finish() {
	for _, s := range m.sessions {
		for n, qos := range s.must {
			m.fault("%s never got message %d with QoS %d", s.clientID, n, qos)
		}
	}
	for n, msg := range m.shared {
		if msg.delivered == 0 && !msg.waived && len(msg.members) > 0 {
			m.fault("no member of the shared subscription got message %d with QoS %d", n, msg.qos)
		}
	}
}
