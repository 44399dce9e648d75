package mqtt

import (
	"time"

	"github.com/linnetmq/linnet/packets"
)

// runRetries sends unacknowledged packets again to connected 3.x clients, where
// the option asks for it. It is started by Serve and ends with the server.
func (s *Server) runRetries() {
	ticker := time.NewTicker(max(s.options.RetryInterval/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
		s.registry.each(func(sess *session) bool {
			if c := sess.online.Load(); c != nil && c.version != packets.V5 {
				sess.retry(c, s.clock.now()-instant(s.options.RetryInterval))
				c.flush()
			}
			return true
		})
	}
}

// retry sends again what was last sent before a moment and not acknowledged.
func (s *session) retry(c *Client, before instant) {
	s.mu.Lock()
	defer s.unlock()
	if s.client != c {
		return
	}
	for _, d := range s.window.ordered() {
		if d.sent > before || !c.hasRoom() {
			continue
		}
		switch d.state {
		case awaitAck:
			d.resends++
			s.transmit(c, d, true, nil)
		case awaitCmp:
			d.sent = s.server.clock.now()
			s.appendPubrel(c, d.packetID, packets.CodeSuccess)
		case unused, unsent, awaitRel, awaitStore: // not sent on this connection
		}
	}
}
