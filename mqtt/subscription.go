package mqtt

import (
	"sync/atomic"

	"github.com/linnetmq/linnet/topics"
)

// subscription is one entry of the topic index: of a session, of a Go handler,
// or of a shared subscription, whose members are subscriptions themselves.
type subscription struct {
	session *session
	inline  *inlineSubscription
	group   *shareGroup
	filter  string // as the client wrote it, with $share

	qos               byte
	noLocal           bool
	retainAsPublished bool
	retainHandling    byte
	id                uint32 // Subscription Identifier, 0 none

	// newest is the last retained message that was there before: up to it they
	// come by the cursor, not as they are published; 0 if there is no cursor.
	newest uint64

	place atomic.Int64 // among the members of its group
}

func (sub *subscription) ids() []uint32 {
	if sub.id == 0 {
		return nil
	}
	return []uint32{sub.id}
}

// subscribe makes or replaces a subscription of the session [MQTT-3.8.4-3] and
// starts sending it the retained messages it asks for [MQTT-3.3.1-9]
// [MQTT-3.3.1-10] [MQTT-3.3.1-11]; never to shared subscriptions.
func (s *Server) subscribe(sess *session, sub *subscription) {
	sub.session = sess
	share, filter, shared := topics.SplitShare(sub.filter)
	sess.mu.Lock()
	if sess.ended {
		sess.unlock()
		return
	}
	old := sess.subscriptions.put(sub)
	if old == nil {
		s.stats.subscriptions.Add(1)
	}
	if shared {
		s.joinShare(share, filter, sub, old)
		sess.unlock()
		return
	}
	put := func() { s.index.Put(filter, sess.key, sub) }
	if sub.retainHandling == 0 || (sub.retainHandling == 1 && old == nil) {
		sess.addCursor(s.retained.cursor(sub, filter, put))
	} else {
		put()
	}
	sess.unlock()
}

func (s *Server) joinShare(share, filter string, sub, old *subscription) {
	g, first := s.shares.join(sub.filter, sub, old, func() *shareGroup {
		g := &shareGroup{key: s.nextKey(), share: share, filter: filter}
		g.entry = &subscription{group: g, filter: sub.filter}
		return g
	})
	if first {
		s.index.Put(filter, g.key, g.entry)
	}
}

// unsubscribe removes a session's subscription and reports whether it existed.
func (s *Server) unsubscribe(sess *session, filter string) bool {
	sess.mu.Lock()
	defer sess.unlock()
	sub := sess.subscriptions.remove(filter)
	if sub == nil {
		return false
	}
	s.removeSubscription(sub)
	return true
}

// removeSubscription takes a subscription out of the index. Its session's lock
// is held, or the session has ended and given it away.
func (s *Server) removeSubscription(sub *subscription) {
	s.stats.subscriptions.Add(-1)
	_, filter, shared := topics.SplitShare(sub.filter)
	if !shared {
		s.index.Delete(filter, sub.session.key)
		return
	}
	if g := sub.group; s.shares.leave(sub.filter, sub) {
		s.index.Delete(filter, g.key)
	}
}
