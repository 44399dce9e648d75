package mqtt

// A session that ends with its connection sends nothing again: no later
// connection resumes it. So what it sends at once needs no copy, only its place
// in the window until it is acknowledged.

// passed stands in the window for the message of such a session. Hooks do not
// get to see it.
var passed = &Message{}

// pass sends a QoS 1 or 2 publication without keeping it, where nobody will
// ask for it again; ok is false if it must be delivered as a Message.
func (s *session) pass(r *router, t *target, p *publication, qos byte, retain bool) (ok bool) {
	if s.server.options.RetryInterval != 0 || s.server.hooks.load().wantsMessages() {
		return false
	}
	out := p.outgoing(t.ids, retain, s.server.clock)
	out.qos = qos
	s.mu.Lock()
	c := s.online.Load()
	if c == nil || s.backlog != nil || s.durable() || s.over || s.ended || s.calling || len(s.after) > 0 ||
		s.queue.len > 0 || len(s.resend) > 0 || !s.hasRoom(c) ||
		c.maximumPacketSize > 0 && out.size(c.version) > int(c.maximumPacketSize) {
		s.unlock()
		return false
	}
	slot := s.window.add(delivery{msg: passed, ids: t.ids, qos: qos, retain: retain, state: awaitAck, sent: 1})
	if slot != nil {
		s.countInflight(1, *slot)
		s.outstanding++
		out.packetID = slot.packetID
		c.appendPublish(&out, r)
	}
	s.unlock()
	return slot != nil
}

// wantsMessages tells whether hooks may want to see a message on its way to a
// client after it was sent, or as it is sent.
func (h *hookSet) wantsMessages() bool {
	return h.wantsSent() || h.onQosPublish != nil || h.onQosComplete != nil || h.onQosDropped != nil || h.onPublishDropped != nil
}
