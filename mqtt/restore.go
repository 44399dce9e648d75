package mqtt

import (
	"fmt"
	"time"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// StoredClient is the session of a client as a hook kept it.
type StoredClient struct {
	ClientID string
	Username string
	// Version is the protocol version of the last connection; 0 means 3.1.1.
	Version packets.Version
	// SessionExpiryInterval is in seconds. A session with 0 has ended with its
	// connection and is not restored, only its Will is published.
	SessionExpiryInterval uint32
	// DisconnectedAt is when the session lost its connection; the time since
	// counts against its expiry. Zero or a time to come means now.
	DisconnectedAt time.Time
	// Will, if not nil, is published when its Will Delay Interval has passed
	// since DisconnectedAt, or when the session ends.
	Will *packets.Will
	// Received are the packet identifiers of the client's QoS 2 messages for
	// which PUBREC was sent and PUBREL did not come.
	Received []uint16
}

// StoredSubscription is a subscription as it was granted.
type StoredSubscription struct {
	ClientID string
	// Session is the number of the session in a Store; hooks leave it 0 and
	// name the ClientID.
	Session uint64
	// Subscription has the full filter, with $share, and the QoS granted.
	packets.Subscription
	// SubscriptionID is the Subscription Identifier, 0 if it has none.
	SubscriptionID uint32
}

// StoredMessage is a retained message, or one that a session has not
// acknowledged.
type StoredMessage struct {
	// ClientID is the receiver's; retained messages have none.
	ClientID string
	Topic    string
	Payload  []byte
	// QoS is the one granted to the receiver, or that of a retained message.
	QoS    byte
	Retain bool
	// Properties are those of the PUBLISH to the receiver. Message Expiry
	// Interval and Topic Alias do not count.
	Properties packets.Properties
	// Origin is the ClientID of the publisher.
	Origin string
	// ExpiresAt is when the message ends; zero: never.
	ExpiresAt time.Time
	// PacketID is the identifier under which the message was sent; 0 if it was
	// not sent yet and waits in the queue.
	PacketID uint16
	// Released tells that PUBREC came for it, so that PUBREL is sent and not
	// the message.
	Released bool
}

// stored is everything hooks bring back from an earlier run.
type stored struct {
	clients       []StoredClient
	subscriptions []StoredSubscription
	inflight      []StoredMessage
	retained      []StoredMessage
	sysInfo       *Stats
}

// restore takes over what an earlier run left, before the first connection. All
// hooks are asked before anything is changed, so that an error changes nothing.
func (s *Server) restore() error {
	set := s.hooks.load()
	var all stored
	var err error
	if all.clients, err = firstStored("StoredClients", set.storedClients); err != nil {
		return err
	}
	if all.subscriptions, err = firstStored("StoredSubscriptions", set.storedSubscriptions); err != nil {
		return err
	}
	if all.inflight, err = firstStored("StoredInflightMessages", set.storedInflight); err != nil {
		return err
	}
	if all.retained, err = firstStored("StoredRetainedMessages", set.storedRetained); err != nil {
		return err
	}
	for _, ask := range set.storedSysInfo {
		if all.sysInfo, err = ask(); err != nil {
			return fmt.Errorf("restore: StoredSysInfo: %w", err)
		}
		if all.sysInfo != nil {
			break
		}
	}
	s.restoreAll(&all)
	return nil
}

// firstStored asks hooks in order; the first that has anything wins.
func firstStored[T any](event string, hooks []func() ([]T, error)) ([]T, error) {
	for _, ask := range hooks {
		list, err := ask()
		if err != nil {
			return nil, fmt.Errorf("restore: %s: %w", event, err)
		}
		if len(list) > 0 {
			return list, nil
		}
	}
	return nil, nil
}

func (s *Server) restoreAll(all *stored) {
	if all.sysInfo != nil && s.options.Capabilities.Compatibilities.RestoreSysInfoOnRestart {
		s.stats.base = *all.sysInfo
	}
	lost := 0
	var over []*session
	for i := range all.clients {
		sess := s.restoreClient(&all.clients[i])
		if sess == nil {
			lost++
		} else if sess.over {
			over = append(over, sess)
		}
	}
	for i := range all.subscriptions {
		if !s.restoreSubscription(&all.subscriptions[i]) {
			lost++
		}
	}
	for i := range all.retained {
		if !s.restoreRetained(&all.retained[i]) {
			lost++
		}
	}
	for i := range all.inflight {
		if !s.restoreInflight(&all.inflight[i]) {
			lost++
		}
	}
	for _, sess := range over {
		s.sessionExpired(sess)
	}
	if lost > 0 {
		s.log.Warn("some stored records do not fit together and were left out", "records", lost)
	}
}

// restoreClient makes an offline session. One whose time ran out while the
// server was down is marked as over; it ends when everything is restored.
func (s *Server) restoreClient(from *StoredClient) *session {
	if from.ClientID == "" {
		return nil
	}
	return s.restoreOffline(from, nil)
}

// restoreOffline is restoreClient for a session with its backlog, nil if it has
// none.
func (s *Server) restoreOffline(from *StoredClient, b *backlog) *session {
	sess := s.newSession(from.ClientID, from.Username)
	sess.backlog = b
	sess.version, sess.expiry = from.Version, from.SessionExpiryInterval
	if sess.version == 0 {
		sess.version = packets.V311
	}
	for _, id := range from.Received {
		if sess.received == nil {
			sess.received = make(map[uint16]struct{})
		}
		sess.received[id] = struct{}{}
	}
	if !s.registry.add(sess) {
		return nil
	}
	since := s.clock.now()
	if !from.DisconnectedAt.IsZero() {
		since = min(since, s.clock.at(from.DisconnectedAt))
	}
	sess.leftAt = since
	if from.Will != nil {
		delay := time.Duration(from.Will.Properties.WillDelayInterval) * time.Second
		sess.will = &delayedWill{client: sess.offlineClient(), will: from.Will, due: max(1, since+instant(delay))}
	}
	s.stats.offline.Add(1)
	sess.offlineCounted = true
	if sess.expiry != expiryNever {
		sess.endsAt = max(1, since+instant(sess.expiry)*instant(time.Second))
		sess.over = sess.endsAt <= s.clock.now()
	}
	if !sess.over {
		sess.scheduleLocked() // nobody else knows the session yet
	}
	return sess
}

func (s *Server) restoreSubscription(from *StoredSubscription) bool {
	sess := s.registry.find(from.ClientID)
	if sess == nil || from.QoS > 2 || topics.ValidFilter(from.Filter) != nil {
		return false
	}
	sub := newSubscription(from.Subscription, from.QoS, nil)
	sub.id = from.SubscriptionID
	sess.mu.Lock()
	defer sess.unlock()
	s.enter(sess, sub)
	sess.cursors = nil // retained messages were sent when the subscription was new
	return true
}

func (s *Server) restoreRetained(from *StoredMessage) bool {
	m, ok := s.restoreMessage(from)
	if !ok || len(m.Payload) == 0 {
		return false
	}
	if m.expired(s.clock.now()) {
		s.stats.drop(DropExpired)
		return true
	}
	m.Retain = true
	s.retained.put(m, func() {})
	return true
}

// restoreInflight puts a message back into its receiver's window or queue.
func (s *Server) restoreInflight(from *StoredMessage) bool {
	sess := s.registry.find(from.ClientID)
	m, ok := s.restoreMessage(from)
	if sess == nil || !ok {
		return false
	}
	d := delivery{msg: m, ids: from.Properties.SubscriptionIDs, qos: from.QoS, retain: from.Retain}
	sess.mu.Lock()
	defer sess.unlock()
	switch {
	case from.PacketID != 0 && from.QoS > 0:
		if sess.window.find(from.PacketID) != nil || from.Released && from.QoS != 2 {
			return false
		}
		d.state, d.sent = awaitAck, 1 // it was sent, at a time that is not known
		if from.Released {
			d.state = awaitRel
		}
		sess.window.restore(d, from.PacketID)
		sess.countInflight(1, d)
	case m.expired(s.clock.now()):
		s.stats.drop(DropExpired)
	default:
		sess.enqueueLocked(d)
	}
	return true
}

func (s *Server) restoreMessage(from *StoredMessage) (*Message, bool) {
	if topics.ValidName(from.Topic) != nil || from.QoS > 2 {
		return nil, false
	}
	properties, err := appendForwarded(nil, from.Properties, packets.TypePublish)
	if err != nil {
		return nil, false
	}
	m := &Message{
		Topic: from.Topic, Payload: from.Payload, QoS: from.QoS, Retain: from.Retain,
		Origin: from.Origin, properties: properties,
	}
	if !from.ExpiresAt.IsZero() {
		m.expires = max(1, s.clock.at(from.ExpiresAt))
	}
	return m, true
}
