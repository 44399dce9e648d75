package mqtt

import "github.com/linnetmq/linnet/packets"

// flowStep is a successful PUBACK, PUBREC, PUBREL or PUBCOMP from the client in
// its short form. Those that come in a row are handled together.
type flowStep struct {
	packet packets.Type
	known  bool // of a PUBREL: its packet identifier was in use
	id     uint16
}

// maximumSteps bounds the steps that one lock is held for.
const maximumSteps = 256

// step takes a packet that is nothing but an acknowledgement, and reports
// whether it was one.
func (in *inbound) step(first byte, body []byte) bool {
	if len(body) != 2 {
		return false
	}
	switch first {
	case 0x40, 0x50, 0x62, 0x70: // exactly the flags of 3.1.1 and 5.0
	default:
		return false
	}
	id := uint16(body[0])<<8 | uint16(body[1])
	if id == 0 {
		return false
	}
	in.steps = append(in.steps, flowStep{packet: packets.Type(first >> 4), id: id})
	if len(in.steps) == maximumSteps {
		in.settle()
	}
	return true
}

// settle handles the steps gathered, under one lock, and answers PUBRELs.
func (in *inbound) settle() {
	if len(in.steps) == 0 {
		return
	}
	current := in.session().advanceAll(in.client, in.steps)
	for _, step := range in.steps {
		if step.packet == packets.TypePubrel && current { // else it is sent again, and answered, on the new connection
			in.unreceive(step.id, step.known)
			in.pubcomplete(step.id, step.known)
		}
	}
	in.commitReleases()
	in.steps = in.steps[:0]
}

// pubcomplete answers a PUBREL [MQTT-4.3.3-11].
func (in *inbound) pubcomplete(id uint16, known bool) {
	code := packets.CodeSuccess
	if !known {
		code = packets.ErrPacketIDNotFound
	}
	if in.stores() && in.client.durability() != DurabilityNone {
		in.deferAck(packets.TypePubcomp, id, code)
		in.completions++
		return
	}
	in.acknowledge(packets.TypePubcomp, id, code)
}

// unreceive removes a packet identifier from the store: PUBCOMP waits for that,
// else a message that uses it again could be swallowed after a crash.
func (in *inbound) unreceive(id uint16, known bool) {
	if b := in.session().backlog; known && b != nil {
		in.begin().tx.DeleteReceived(b.number, id)
	}
}

// commitReleases commits the removals of the PUBRELs just handled.
func (in *inbound) commitReleases() {
	if !in.stores() {
		return
	}
	n := in.completions
	in.completions = 0
	in.commit(in.client.durability().level(), in.acks, n)
	in.awaitRoom()
}

// advanceAll moves the flows of the steps on and sends what that makes room for.
// It returns false, and does nothing, if c was replaced.
func (s *session) advanceAll(c *Client, steps []flowStep) (current bool) {
	s.mu.Lock()
	if s.client != c { // a connection that was replaced has no say any more
		s.unlock()
		return false
	}
	for i := range steps {
		step := &steps[i]
		switch step.packet {
		case packets.TypePubrel:
			_, step.known = s.received[step.id]
			delete(s.received, step.id)
		default:
			known := s.advanceLocked(c, step.packet, step.id, packets.CodeSuccess)
			if !known && step.packet == packets.TypePubrec {
				s.appendPubrel(c, step.id, packets.ErrPacketIDNotFound)
			}
		}
	}
	more := s.pumpLocked(c)
	s.unlock()
	if more {
		s.pump(c)
	}
	return true
}
