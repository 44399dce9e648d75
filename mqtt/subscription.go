package mqtt

import (
	"sync/atomic"

	"github.com/linnetmq/linnet/packets"
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

	check atomic.Pointer[deliveryCheck] // nil: everything may be delivered
	at    instant

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
// [MQTT-3.3.1-10] [MQTT-3.3.1-11]; never to shared subscriptions. The store is
// told; changes, if not nil, learns how that went.
func (s *Server) subscribe(sess *session, sub *subscription, changes *storeChanges) {
	sess.mu.Lock()
	defer sess.unlock()
	if sess.ended {
		return
	}
	s.enter(sess, sub)
	if sess.backlog != nil {
		tx := s.options.Store.Begin()
		tx.PutSubscription(sess.backlog.number, sub.stored())
		s.commitChange(tx, changes)
	}
}

// stored is what the store keeps of the subscription.
func (sub *subscription) stored() *StoredSubscription {
	return &StoredSubscription{
		ClientID: sub.session.clientID, Session: sub.session.backlog.number, SubscriptionID: sub.id,
		Subscription: packets.Subscription{
			Filter: sub.filter, QoS: sub.qos, NoLocal: sub.noLocal,
			RetainAsPublished: sub.retainAsPublished, RetainHandling: sub.retainHandling,
		},
	}
}

// enter puts a subscription to its session and into the index. sess.mu is held.
func (s *Server) enter(sess *session, sub *subscription) {
	sub.session, sub.at = sess, s.clock.now()
	share, filter, shared := topics.SplitShare(sub.filter)
	old := sess.subscriptions.put(sub)
	if old == nil {
		s.stats.subscriptions.Add(1)
	}
	if shared {
		s.joinShare(share, filter, sub, old)
		return
	}
	put := func() { s.index.Put(filter, sess.key, sub) }
	if sub.retainHandling == 0 || (sub.retainHandling == 1 && old == nil) {
		sess.addCursor(s.retained.cursor(sub, filter, put))
	} else {
		put()
	}
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
// The store is told; changes, if not nil, learns how that went.
func (s *Server) unsubscribe(sess *session, filter string, changes *storeChanges) bool {
	sess.mu.Lock()
	defer sess.unlock()
	sub := sess.subscriptions.remove(filter)
	if sub == nil {
		return false
	}
	s.removeSubscription(sub)
	if sess.backlog != nil {
		tx := s.options.Store.Begin()
		tx.DeleteSubscription(sess.backlog.number, filter)
		s.commitChange(tx, changes)
	}
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
