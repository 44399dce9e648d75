package mqtt

import (
	"fmt"
	"time"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// RetainedMessage is the retained message of a topic.
type RetainedMessage struct {
	*Message
	// ExpiresAt is when it ends; zero: never.
	ExpiresAt time.Time
}

// Packet returns the PUBLISH that stores the message again, with what is left
// of its Message Expiry Interval. It shares the message's slices.
func (m RetainedMessage) Packet() *packets.Publish {
	pk := &packets.Publish{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: true}
	pk.Properties, _ = m.Properties()
	if !m.ExpiresAt.IsZero() {
		left := max(0, time.Until(m.ExpiresAt))
		pk.Properties.MessageExpiryInterval = uint32((left + time.Second - 1) / time.Second)
		pk.Properties.Set(packets.PropMessageExpiryInterval)
	}
	return pk
}

// RetainedQuery says which retained messages to list.
type RetainedQuery struct {
	// Filter selects by topic, "" means "#"; $SYS topics need "$SYS/#".
	Filter string
	// After is the Next of the page before, "" for the first page.
	After string
	// Limit is the number of messages wanted, at most 10,000; 0 means 100.
	Limit int
}

// RetainedPage is a part of a listing, in the order of topics where what is
// below a topic comes directly behind it.
type RetainedPage struct {
	Messages []RetainedMessage
	// Next is the After of the next page, "" at the end. A page may be shorter
	// than asked for, and even empty, with more to come.
	Next string
}

// scanRounds bounds the work for a page: this many times scanBudget messages.
const scanRounds = 256

// Retained lists retained messages page by page.
func (s *Server) Retained(q RetainedQuery) (RetainedPage, error) {
	cur, err := s.retainedCursor(q.Filter)
	if err != nil {
		return RetainedPage{}, err
	}
	after, err := s.parseCursor(q.After, orderTopics+1)
	if err != nil {
		return RetainedPage{}, err
	}
	if after != nil {
		cur.begun, cur.last = true, after.ID
	}
	var page RetainedPage
	var last string
	limit := pageSize(q.Limit)
	for range scanRounds + limit {
		m, done := cur.take(&s.retained, s.clock.now())
		if done {
			return page, nil
		}
		if m == nil {
			last = cur.last
			continue
		}
		page.Messages = append(page.Messages, s.retainedMessage(m))
		last = m.Topic
		if len(page.Messages) == limit {
			break
		}
	}
	page.Next = s.cursor(orderTopics+1, rank{ID: last})
	return page, nil
}

// EachRetained calls f for the retained messages that match a filter, "" for
// "#", until f returns false. No lock is held during a call, which may take its
// time; messages stored after the call has begun are left out.
func (s *Server) EachRetained(filter string, f func(RetainedMessage) bool) error {
	cur, err := s.retainedCursor(filter)
	if err != nil {
		return err
	}
	for {
		m, done := cur.take(&s.retained, s.clock.now())
		if done || m != nil && !f(s.retainedMessage(m)) {
			return nil
		}
	}
}

// RetainedMessage returns the retained message of a topic; ok is false if it
// has none.
func (s *Server) RetainedMessage(topic string) (m RetainedMessage, ok bool) {
	s.retained.mu.RLock()
	defer s.retained.mu.RUnlock()
	e := s.retained.tree.get(topic)
	if e == nil || e.message.expired(s.clock.now()) {
		return m, false
	}
	return s.retainedMessage(e.message), true
}

// ClearRetained removes the retained message of a topic the way a client does:
// by an empty retained message, which subscribers of the topic get and hooks
// see. cleared is false if there was none; then nothing is published.
func (s *Server) ClearRetained(topic string) (cleared bool, err error) {
	if _, ok := s.RetainedMessage(topic); !ok {
		return false, nil
	}
	if err := s.Publish(topic, nil, true, 0); err != nil {
		return false, fmt.Errorf("clear the retained message: %w", err)
	}
	return true, nil
}

func (s *Server) retainedCursor(filter string) (*retainedCursor, error) {
	if filter == "" {
		filter = "#"
	}
	if err := topics.ValidFilter(filter); err != nil {
		return nil, fmt.Errorf("list retained messages: filter %q: %w", filter, err)
	}
	if _, _, shared := topics.SplitShare(filter); shared {
		return nil, fmt.Errorf("list retained messages: filter %q: there are none for shared subscriptions", filter)
	}
	return s.retained.cursor(new(subscription), filter, func() {}), nil
}

func (s *Server) retainedMessage(m *Message) RetainedMessage {
	r := RetainedMessage{Message: m}
	if m.expires != 0 {
		r.ExpiresAt = s.clock.wall(m.expires)
	}
	return r
}
