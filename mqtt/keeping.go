package mqtt

import (
	"errors"
	"fmt"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// What the server as a whole keeps in its store.

// storeRefusal is the answer to what could not be stored: 0x97 if there is no
// space, else 0x80.
func storeRefusal(err error) error {
	if errors.Is(err, ErrStoreFull) {
		return protocolErrorf(packets.ErrQuotaExceeded, "the server's storage is full")
	}
	return protocolErrorf(packets.ErrUnspecified, "the server could not store it")
}

// storeUnavailable refuses a session that would have to be kept.
func storeUnavailable(err error) error {
	return protocolErrorf(packets.ErrServerUnavailable, "the server cannot store sessions now: %v", err)
}

// keepSession returns when the store has what the CONNECT made of sessions. With
// an error the client must be refused; it has no session then.
// changes has what ended already.
func (s *Server) keepSession(c *Client, a *attachment, changes *storeChanges) error {
	waits := a.session.backlog != nil || a.ended != nil && a.ended.backlog != nil
	if c.cleanStart && s.eraseAgain(changes) { // else its own may come back
		waits = true
	}
	if !waits {
		return nil
	}
	a.session.mu.Lock()
	err := a.session.openLocked()
	a.session.save(changes)
	a.session.unlock()
	if err == nil {
		err = s.await(changes, c.durability())
	}
	if err == nil {
		return nil
	}
	if a.present {
		a.session.expireAs(c, a.expiry)
	}
	if held, end := a.session.detach(c, a.will); held && (end || !a.present) {
		s.registry.remove(a.session)
		s.endSession(a.session, nil)
	}
	return storeUnavailable(err)
}

// eraseAgain removes the sessions that the store may still have though they
// ended, and reports whether there were any.
func (s *Server) eraseAgain(changes *storeChanges) bool {
	return s.mender.missed.Load() && s.eraseEnded(changes)
}

func (s *Server) eraseEnded(changes *storeChanges) bool {
	ended := s.mender.takeEnded()
	for _, number := range ended {
		s.eraseSession(number, changes)
	}
	return len(ended) > 0
}

// storeRetained has a retained message stored. The retained tree is locked.
func (s *Server) storeRetained(m *Message, changes *storeChanges) {
	if s.options.Store == nil || isOwnTopic(m.Topic) {
		return
	}
	tx, body := s.options.Store.Begin(), s.storedBody(m)
	tx.Retain(&body)
	s.commitRetained(tx, m.Topic, changes)
}

// unstoreRetained has one removed. The retained tree is locked.
func (s *Server) unstoreRetained(topic string, changes *storeChanges) {
	if s.options.Store == nil || isOwnTopic(topic) {
		return
	}
	tx := s.options.Store.Begin()
	tx.Unretain(topic)
	s.commitRetained(tx, topic, changes)
}

func (s *Server) commitRetained(tx StoreTx, topic string, changes *storeChanges) {
	tx.Commit(StoreLazy, func(err error) {
		if err != nil {
			s.mender.noteTopic(topic)
			s.storeMissed()
		}
		if changes != nil {
			changes.done(err)
		}
	})
}

// closeStore writes the last totals and closes the store.
func (s *Server) closeStore() {
	if s.options.Store == nil {
		return
	}
	s.storeTotals()
	if err := s.options.Store.Close(); err != nil {
		s.log.Error("close the store", "err", err)
	}
}

// storeTotals tells the store that the server lives, and its totals.
func (s *Server) storeTotals() {
	tx := s.options.Store.Begin()
	var totals Stats
	s.stats.fill(&totals)
	tx.PutTotals(time.Now(), &totals)
	s.commitLazily(tx)
}

// reload takes over what the store has of an earlier run, before the first
// connection. Queues are opened when they are needed.
func (s *Server) reload() error {
	if s.options.Store == nil {
		return nil
	}
	began := time.Now()
	s.options.Store.Watch(s.storeChanged)
	state, err := s.options.Store.Load()
	if err != nil {
		return fmt.Errorf("load the store: %w", err)
	}
	s.sessions.Store(max(state.NextSession, 1) - 1)
	if state.Totals != nil && s.options.Capabilities.Compatibilities.RestoreSysInfoOnRestart {
		s.stats.base = *state.Totals
	}
	sessions := s.reloadSessions(state)
	for i := range state.Retained {
		m := s.storedMessage(&state.Retained[i])
		if m.expired(s.clock.now()) {
			s.unstoreRetained(m.Topic, nil)
			s.stats.drop(DropExpired)
			continue
		}
		s.retained.put(m, func() {})
	}
	for _, sess := range sessions {
		if sess.over {
			s.sessionExpired(sess)
		}
	}
	s.log.Info("restored", "sessions", len(state.Sessions), "subscriptions", len(state.Subscriptions),
		"retained", len(state.Retained), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func (s *Server) reloadSessions(state *StoredState) map[uint64]*session {
	sessions := make(map[uint64]*session, len(state.Sessions))
	for i := range state.Sessions {
		if sess := s.reloadSession(&state.Sessions[i], state.At); sess != nil {
			sessions[state.Sessions[i].Session] = sess
		}
	}
	for i := range state.Subscriptions {
		from := &state.Subscriptions[i]
		sess := sessions[from.Session]
		if sess == nil {
			continue
		}
		sub := newSubscription(from.Subscription, from.QoS, nil)
		sub.id = from.SubscriptionID
		sess.mu.Lock()
		s.enter(sess, sub)
		sess.cursors = nil // retained messages were sent when the subscription was new
		sess.unlock()
	}
	for _, from := range state.Received {
		if sess := sessions[from.Session]; sess != nil {
			if sess.received == nil {
				sess.received = make(map[uint16]struct{})
			}
			sess.received[from.PacketID] = struct{}{}
		}
	}
	return sessions
}

// reloadSession makes an offline session of one in the store. One that had a
// connection when the server crashed has lost it when the server was last known
// to live, and may have been sent all of its queue.
func (s *Server) reloadSession(from *StoredSession, lived time.Time) *session {
	since, sent := from.DisconnectedAt, from.SentBefore
	if since.IsZero() {
		since, sent = lived, ^uint64(0)
	}
	b := newBacklog(from.Session)
	b.opened, b.sentBefore, b.disconnectedAt = false, sent, since
	return s.restoreOffline(&StoredClient{
		ClientID: from.ClientID, Username: from.Username, Version: from.Version,
		SessionExpiryInterval: from.SessionExpiryInterval, DisconnectedAt: since, Will: from.Will,
	}, b)
}

// maximumStorePending is how many bytes may be on their way to the store before
// readers wait.
const maximumStorePending = 64 << 20

// awaitStore makes a reader wait while too much is on its way to the store.
func (s *Server) awaitStore() {
	if s.options.Store == nil || s.options.Store.Pending() <= maximumStorePending {
		return
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for s.options.Store.Pending() > maximumStorePending/2 {
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
	}
}
