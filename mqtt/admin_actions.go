package mqtt

import (
	"errors"
	"fmt"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// ErrNotConnected is returned for a ClientID whose session has no connection.
var ErrNotConnected = errors.New("mqtt: the client is not connected")

// Disconnect ends the connection of a ClientID: a v5 client is told the Reason
// Code, ErrAdministrativeAction for 0, and the reason, if any. The session stays
// as long as it would after a lost connection, and so the Will is published.
// It does not wait for the end.
func (s *Server) Disconnect(clientID string, code packets.Code, reason string) error {
	sess := s.registry.find(clientID)
	if sess == nil {
		return ErrNoSession
	}
	c := sess.current()
	if c == nil {
		return ErrNotConnected
	}
	c.stop(administrative(code, reason))
	return nil
}

func administrative(code packets.Code, reason string) error {
	if code == packets.CodeSuccess {
		code = packets.ErrAdministrativeAction
	}
	if reason == "" {
		return code
	}
	return &packets.Error{Code: code, Detail: reason}
}

// DeleteSession ends the session of a ClientID for good, with its
// subscriptions, its queue and its connection, if it has one. A Will Message
// that was delayed is published, as at every end of a session.
func (s *Server) DeleteSession(clientID string) error {
	sess := s.registry.find(clientID)
	if sess == nil {
		return ErrNoSession
	}
	c := sess.current()
	if c != nil {
		c.stop(administrative(packets.ErrAdministrativeAction, "the session was deleted"))
	}
	s.registry.remove(sess)
	s.endSession(sess, nil)
	if c == nil { // else OnDisconnect tells
		for _, tell := range s.hooks.load().onClientExpired {
			tell(sess.offlineClient())
		}
	}
	return nil
}

// SubscribeClient makes subscriptions on behalf of a client, connected or not,
// and returns what each was granted. Access rules apply as if the client had
// asked, and hooks are told. The client is not told; it gets the messages.
// id is the Subscription Identifier of all of them, 0 for none.
func (s *Server) SubscribeClient(clientID string, subs []packets.Subscription, id uint32) ([]packets.Code, error) {
	pk := &packets.Subscribe{PacketID: 1, Subscriptions: subs}
	if id != 0 {
		pk.Properties.SubscriptionIDs = []uint32{id}
	}
	if _, err := pk.Append(nil, packets.V5); err != nil {
		return nil, fmt.Errorf("subscribe client %q: %w", clientID, err)
	}
	in, err := s.actFor(clientID)
	if err != nil {
		return nil, err
	}
	defer in.client.flush()
	defer in.flush()
	answer, err := in.carryOutSubscribe(pk)
	if err != nil {
		return nil, fmt.Errorf("subscribe client %q: %w", clientID, err)
	}
	in.client.resume()
	return answer.Codes, nil
}

// UnsubscribeClient ends subscriptions on behalf of a client and returns for
// each filter whether there was one. The client is not told.
func (s *Server) UnsubscribeClient(clientID string, filters []string) ([]packets.Code, error) {
	pk := &packets.Unsubscribe{PacketID: 1, Filters: filters}
	if _, err := pk.Append(nil, packets.V5); err != nil {
		return nil, fmt.Errorf("unsubscribe client %q: %w", clientID, err)
	}
	in, err := s.actFor(clientID)
	if err != nil {
		return nil, err
	}
	defer in.flush()
	return in.carryOutUnsubscribe(pk).Codes, nil
}

// actFor makes what carries out packets on behalf of a session's client, from
// another goroutine than the client's own.
func (s *Server) actFor(clientID string) (*inbound, error) {
	if s.isClosed() {
		return nil, ErrServerClosed
	}
	sess := s.registry.find(clientID)
	if sess == nil {
		return nil, ErrNoSession
	}
	sess.mu.Lock()
	c := sess.observedClient()
	sess.mu.Unlock()
	if c.session.Load() == nil {
		return nil, ErrNotConnected // its CONNECT is just being answered
	}
	return &inbound{router: router{server: s, self: sess}, client: c}, nil
}

// MayPublish asks the access rules whether a client with a session may publish
// to a topic. Hooks may be asked about it again and again.
func (s *Server) MayPublish(clientID, topic string) (bool, error) {
	if err := topics.ValidName(topic); err != nil {
		return false, fmt.Errorf("topic %q: %w", topic, err)
	}
	in, err := s.actFor(clientID)
	if err != nil {
		return false, err
	}
	return in.authorize(s.hooks.load(), topic) == nil, nil
}
