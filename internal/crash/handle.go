package crash

import (
	"slices"
	"strings"

	"github.com/linnetmq/linnet/packets"
)

// handle takes one packet from the broker.
func (c *client) handle(pk packets.Packet) {
	switch pk := pk.(type) {
	case *packets.Publish:
		c.handlePublish(pk)
	case *packets.Pubrel:
		c.note(Event{Kind: PubrelReceived, ID: pk.PacketID})
		c.answer(&packets.Pubcomp{PacketID: pk.PacketID})
	case *packets.Puback:
		c.handlePuback(pk)
	case *packets.Pubrec:
		c.handlePubrec(pk)
	case *packets.Pubcomp:
		c.handlePubcomp(pk)
	case *packets.Suback:
		c.handleAnswer(SubackReceived, pk.PacketID, pk.Codes, pk)
	case *packets.Unsuback:
		c.handleAnswer(UnsubackReceived, pk.PacketID, pk.Codes, pk)
	case *packets.Disconnect:
		if !c.mayEnd(pk.Code) {
			c.bad(pk)
		}
	default:
		c.bad(pk)
	}
}

// mayEnd tells whether a broker may end a connection with the code.
func (c *client) mayEnd(code packets.Code) bool {
	switch code {
	case packets.ErrSessionTakenOver, packets.ErrServerShuttingDown:
		return true
	case packets.ErrUnspecified, packets.ErrQuotaExceeded, packets.ErrServerUnavailable:
		return c.world.refusals
	default:
		return false
	}
}

func (c *client) handlePublish(pk *packets.Publish) {
	c.note(publishReceived(MessageReceived, pk))
	switch pk.QoS {
	case 1:
		c.answer(&packets.Puback{PacketID: pk.PacketID})
	case 2:
		c.answer(&packets.Pubrec{PacketID: pk.PacketID})
	}
}

// publishReceived is the event of a PUBLISH from the broker.
func publishReceived(k Kind, pk *packets.Publish) Event {
	e := Event{
		Kind: k, ID: pk.PacketID, Topic: strings.Clone(pk.Topic), QoS: pk.QoS, Retain: pk.Retain, Dup: pk.Dup,
		Empty: len(pk.Payload) == 0,
	}
	if e.Empty {
		return e
	}
	var ok bool
	if e.Message, ok = readPayload(pk.Payload); !ok {
		e.Note = "altered payload"
	}
	return e
}

// answer sends an acknowledgement, or keeps it back: those that follow wait
// behind it, for their order matters [MQTT-4.6.0-2].
func (c *client) answer(pk packets.Packet) {
	if c.slow || len(c.held) > 0 {
		c.held = append(c.held, pk)
		return
	}
	c.acknowledge(pk)
}

func (c *client) acknowledge(pks ...packets.Packet) {
	for _, pk := range pks {
		switch pk := pk.(type) {
		case *packets.Puback:
			c.note(Event{Kind: PubackSent, ID: pk.PacketID})
		case *packets.Pubrec:
			c.note(Event{Kind: PubrecSent, ID: pk.PacketID})
		case *packets.Pubcomp:
			c.note(Event{Kind: PubcompSent, ID: pk.PacketID})
		}
	}
	c.send(pks...)
}

// flush sends what was kept back.
func (c *client) flush() {
	if len(c.held) > 0 {
		c.acknowledge(c.held...)
	}
	c.held, c.slow = nil, false
}

func (c *client) handlePuback(pk *packets.Puback) {
	i := c.flight(pk.PacketID)
	if i < 0 || c.out[i].pk.QoS != 1 {
		c.bad(pk)
		return
	}
	c.note(c.out[i].event(PubackReceived, pk.Code))
	c.out = slices.Delete(c.out, i, i+1)
}

func (c *client) handlePubrec(pk *packets.Pubrec) {
	i := c.flight(pk.PacketID)
	if i < 0 || c.out[i].pk.QoS != 2 {
		c.bad(pk)
		return
	}
	o := c.out[i]
	c.note(o.event(PubrecReceived, pk.Code))
	if pk.Code.Failed() {
		c.out = slices.Delete(c.out, i, i+1)
		return
	}
	o.released = true
	c.send(c.release(o))
}

func (c *client) handlePubcomp(pk *packets.Pubcomp) {
	i := c.flight(pk.PacketID)
	if i < 0 || !c.out[i].released {
		c.bad(pk)
		return
	}
	c.note(c.out[i].event(PubcompReceived, pk.Code))
	c.out = slices.Delete(c.out, i, i+1)
}

// handleAnswer takes SUBACK and UNSUBACK.
func (c *client) handleAnswer(k Kind, id uint16, codes []packets.Code, pk packets.Packet) {
	if c.request == nil || c.request.id != id || len(codes) > 1 {
		c.bad(pk)
		return
	}
	e := Event{Kind: k, ID: id, Topic: c.request.filter}
	if len(codes) == 1 { // MQTT 3.1.1 sends none with UNSUBACK
		e.Code = codes[0]
	}
	c.note(e)
	c.request = nil
}
