package mqtt

import (
	"errors"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// deliveryCheck tells whether messages of a topic may be delivered.
type deliveryCheck func(topic string) bool

// allowed asks the ACL checkers in order: the first Allow or Deny wins, an
// error refuses, with its Reason Code if it has one, and so does nobody
// answering.
func (set *hookSet) allowed(cl *Client, topic string, write bool) error {
	for _, ask := range set.aclCheckers {
		decision, err := ask(cl, topic, write)
		switch {
		case err != nil:
			if _, ok := errors.AsType[packets.Code](err); ok {
				return err
			}
			cl.server.log.Warn("access check", "client_id", cl.clientID, "topic", topic, "err", err)
			return errNotAuthorized
		case decision == Allow:
			return nil
		case decision == Deny:
			return errNotAuthorized
		}
	}
	return errNotAuthorized
}

// errNotAuthorized is made once: refusing costs no allocation.
var errNotAuthorized = protocolErrorf(packets.ErrNotAuthorized, "not authorized")

// deliveryCheck joins what the hooks want asked for a filter, without $share;
// nil if nothing.
func (set *hookSet) deliveryCheck(cl *Client, filter string) *deliveryCheck {
	var all deliveryCheck
	for _, ask := range set.deliveryCheckers {
		next := deliveryCheck(ask(cl, filter))
		switch before := all; {
		case next == nil:
		case before == nil:
			all = next
		default:
			all = func(topic string) bool { return before(topic) && next(topic) }
		}
	}
	if all == nil {
		return nil
	}
	return &all
}

// delivers tells whether messages of a topic may go to the subscription.
func (sub *subscription) delivers(topic string) bool {
	check := sub.check.Load()
	return check == nil || (*check)(topic)
}

// RecheckAccess applies changed access rules to the clients there are: those
// that an OnReadmit hook refuses are disconnected, and the OnDeliveryCheck hooks
// are asked again about all subscriptions of the others. It returns when that is
// done, which takes a while with very many clients. CONNECTs and SUBSCRIBEs
// under way are asked again as well. Sessions without a connection are asked
// about when they get one.
func (s *Server) RecheckAccess() {
	s.accessEpoch.Add(1)
	for _, c := range s.connections() {
		if c.session.Load() != nil {
			s.guard(func() { s.recheck(c) })
		}
	}
}

// recheckSince rechecks a client if the rules changed since an epoch.
func (s *Server) recheckSince(c *Client, epoch uint64) {
	if !c.inline && s.accessEpoch.Load() != epoch {
		s.recheck(c)
	}
}

// recheck asks again whether a connected client may stay, and what may be
// delivered to it.
func (s *Server) recheck(c *Client) {
	set := s.hooks.load()
	for _, ask := range set.onReadmit {
		if err := ask(c); err != nil {
			s.log.Info("client no longer admitted", "client_id", c.clientID, "remote", c.RemoteAddr(), "err", err)
			c.stop(withCode(err))
			return
		}
	}
	s.recheckDeliveries(set, c)
}

// recheckDeliveries asks again what may be delivered to a client's session, and
// drops what waits in its queue and may not.
func (s *Server) recheckDeliveries(set *hookSet, c *Client) {
	sess := c.session.Load()
	if len(set.deliveryCheckers) == 0 || sess == nil {
		return
	}
	var subs []*subscription
	sess.mu.Lock()
	sess.subscriptions.all(func(sub *subscription) { subs = append(subs, sub) })
	sess.unlock()
	var any *deliveryCheck
	for _, sub := range subs {
		_, filter, shared := topics.SplitShare(sub.filter)
		check := set.deliveryCheck(c, filter)
		if check != nil {
			any = check
		}
		if old := sub.check.Swap(check); !shared && (old != nil || check != nil) {
			sess.outdate(sub)
		}
	}
	sess.checkStored(any)
	if any != nil {
		sess.dropDenied(*any)
	}
}

// outdate makes publishers look up their routes again, in which the answer of
// the subscription's check is remembered.
func (s *session) outdate(sub *subscription) {
	s.mu.Lock()
	defer s.unlock()
	if !s.ended && s.subscriptions.get(sub.filter) == sub {
		s.server.index.Put(sub.filter, s.key, sub)
	}
}

// dropDenied drops from the queue what may not be delivered any more; members
// of shared subscriptions leave it to others.
func (s *session) dropDenied(check deliveryCheck) {
	s.mu.Lock()
	defer s.unlock()
	denied := func(d *delivery) bool { return !check(d.msg.Topic) }
	s.queue.dropWhere(denied, func(d delivery) {
		if d.group != nil {
			s.discardLocked(d, DropSessionEnded)
			return
		}
		s.discardLocked(d, DropNotAuthorized)
	})
	if s.backlog != nil {
		s.backlog.window.dropWhere(denied, s.dropDeniedKept)
	}
}

// checkStored has what comes from the store checked, by nil no more.
func (s *session) checkStored(check *deliveryCheck) {
	if s.backlog == nil {
		return
	}
	s.mu.Lock()
	defer s.unlock()
	s.backlog.check = check
}

// dropDeniedKept drops a delivery that left the backlog's window because it may
// not be delivered. s.mu is held.
func (s *session) dropDeniedKept(d delivery) {
	if d.group != nil && !s.sentEarlier(&d) {
		s.dropKept(d, DropSessionEnded)
		return
	}
	s.dropKept(d, DropNotAuthorized)
}
