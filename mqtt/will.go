package mqtt

import (
	"time"

	"github.com/linnetmq/linnet/packets"
)

// delayedWill is a Will Message on its way: its publisher's connection is gone.
type delayedWill struct {
	client *Client // whose will it is
	will   *packets.Will
	due    instant
}

// takeWill returns the Will Message of a connection that ends without a
// DISCONNECT that removes it, nil if it has none [MQTT-3.1.2-8] [MQTT-3.1.2-10].
func (c *Client) takeWill() *delayedWill {
	w := c.will
	c.will = nil
	if w == nil {
		return nil
	}
	delay := time.Duration(w.Properties.WillDelayInterval) * time.Second
	return &delayedWill{client: c, will: w, due: c.server.clock.after(delay)}
}

// publishWill publishes a Will Message as if its client had sent it: access
// rules and hooks apply. A hook that panics stops the Will and nothing else,
// since it may be another client's connection on whose goroutine it runs.
func (s *Server) publishWill(w *delayedWill) {
	s.guard(func() { s.carryOutWill(w) })
}

func (s *Server) carryOutWill(w *delayedWill) {
	c, will := w.client, w.will
	set := s.hooks.load()
	for _, change := range set.onWill {
		changed, err := change(c, will)
		if err != nil {
			s.stats.drop(DropByHook)
			return
		}
		if changed != nil {
			will = changed
		}
	}
	pk := &packets.Publish{Topic: will.Topic, Payload: will.Payload, QoS: will.QoS, Retain: will.Retain, Properties: will.Properties}
	pk.Properties.Unset(packets.PropWillDelayInterval)
	if _, err := s.publishFor(c, pk); err != nil {
		s.log.Info("will refused", "client_id", c.clientID, "topic", pk.Topic, "err", err)
		return
	}
	for _, tell := range set.onWillSent {
		tell(c, pk)
	}
}
