package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// client is one ClientID: it keeps what the protocol makes a client keep, over
// connections and crashes, and writes down what it does. It belongs to one
// goroutine.
type client struct {
	world   *world
	id      string
	version packets.Version
	random  *rand.Rand
	profile profile

	link     *link // nil while offline
	durable  bool  // the session outlives the connection; else it takes out along
	clean    bool  // discard the session; until a CONNACK says that it is
	ended    bool  // the session was told to end, perhaps it has
	out      []*outgoing
	request  *request         // SUBSCRIBE or UNSUBSCRIBE without answer
	held     []packets.Packet // acknowledgements that wait, in their order
	slow     bool             // keep acknowledgements back
	packetID uint16
	number   int // of the last message
	probed   bool

	unsettled atomic.Value // a string: what is unfinished, "" if nothing is; for who waits
}

// waitsFor returns unsettled.
func (c *client) waitsFor() string {
	why, _ := c.unsettled.Load().(string)
	return why
}

// outgoing is an own message of QoS 1 or 2 in flight.
type outgoing struct {
	pk       *packets.Publish
	message  Message
	released bool // PUBREC came
}

// event is one step of the message's way to the broker.
func (o *outgoing) event(k Kind, code packets.Code) Event {
	return Event{Kind: k, ID: o.pk.PacketID, Message: o.message, Topic: o.pk.Topic, QoS: o.pk.QoS, Retain: o.pk.Retain, Code: code}
}

// request is a SUBSCRIBE or UNSUBSCRIBE for one filter.
type request struct {
	id     uint16
	filter string
}

// lastPacketID is low so that identifiers are soon used again.
const lastPacketID = 100

// nextPacketID returns one that is not in use.
func (c *client) nextPacketID() uint16 {
	for {
		c.packetID = c.packetID%lastPacketID + 1
		if (c.request == nil || c.request.id != c.packetID) && c.flight(c.packetID) < 0 {
			return c.packetID
		}
	}
}

// flight returns the place of an identifier in out, -1 if it is not there.
func (c *client) flight(id uint16) int {
	return slices.IndexFunc(c.out, func(o *outgoing) bool { return o.pk.PacketID == id })
}

func (c *client) note(e Event) { c.noteOn(c.link, e) }

func (c *client) noteOn(l *link, e Event) {
	e.Client = c.id
	if l != nil {
		e.Conn = l.number
	}
	c.world.history.add(e)
}

// send writes packets. A connection that breaks is noticed by its reader.
func (c *client) send(pks ...packets.Packet) {
	if err := c.link.send(pks...); err != nil {
		_ = c.link.conn.Close() // so that the reader ends
	}
}

// connect opens a connection, which takes over from the one there may be. It
// returns false if that did not succeed.
func (c *client) connect(durable bool) bool {
	conn, err := c.world.open()
	if err != nil {
		return false
	}
	old := c.link
	l := newLink(conn, int(c.world.links.Add(1)), c.version)
	if c.version != packets.V5 { // Clean Session says both
		durable = durable && !c.clean
		c.clean = !durable
	}
	pk := c.connectPacket(durable)
	c.noteOn(l, Event{Kind: ConnectSent, Clean: pk.CleanStart, Durable: durable, Note: "MQTT " + c.version.String()})
	err = l.send(pk)
	if old != nil {
		c.hearOut(old)
	}
	c.link, c.durable, c.request, c.held = l, durable, nil, nil
	var answer packets.Packet
	if err == nil {
		answer, err = l.receive()
	}
	switch ack, ok := answer.(*packets.Connack); {
	case errors.Is(err, errSilent):
		c.note(Event{Kind: BadPacket, Note: "no CONNACK within " + patience.String()})
		c.lost()
	case err != nil:
		c.lost()
	case !ok:
		c.bad(answer)
		c.lost()
	default:
		return c.connected(ack)
	}
	// A session that is found next time may be a new one, to which what is in
	// flight means nothing.
	c.clean = c.clean || c.ended
	return false
}

func (c *client) connectPacket(durable bool) *packets.Connect {
	pk := &packets.Connect{Version: c.version, ClientID: c.id, CleanStart: c.clean}
	if c.version != packets.V5 {
		return pk
	}
	if durable {
		pk.Properties.SessionExpiryInterval = []uint32{3600, 0xFFFFFFFF}[c.random.IntN(2)]
	}
	if c.random.IntN(2) == 0 {
		pk.Properties.ReceiveMaximum = uint16(1 + c.random.IntN(20))
	}
	return pk
}

// hearOut takes what is left on a connection that another one takes over, until
// the broker ends it.
func (c *client) hearOut(old *link) {
	for {
		pk, err := old.receive()
		if errors.Is(err, errSilent) {
			c.noteOn(old, Event{Kind: BadPacket, Note: "the connection that was taken over is still open"})
		}
		if err != nil {
			break
		}
		c.handle(pk)
	}
	old.close()
	c.noteOn(old, Event{Kind: ConnectionEnded, Note: "by the broker"})
	c.forget()
}

// forget drops what ends with the connection.
func (c *client) forget() {
	if !c.durable {
		c.out = nil
	}
	c.request, c.held, c.slow = nil, nil, false
}

// connected goes on with the session, or begins a new one.
func (c *client) connected(ack *packets.Connack) bool {
	c.note(Event{Kind: ConnackReceived, Present: ack.SessionPresent, Code: ack.Code})
	if ack.Code.Failed() {
		c.lost()
		return false
	}
	c.clean, c.ended = false, false
	if !ack.SessionPresent {
		c.out = nil
		return true
	}
	c.resend()
	return true
}

// resend sends again, in their order and with their identifiers, the messages
// and PUBRELs that were not acknowledged [MQTT-4.4.0-1].
func (c *client) resend() {
	var pks []packets.Packet
	for _, o := range c.out {
		if o.released {
			pks = append(pks, c.release(o))
			continue
		}
		o.pk.Dup = true
		pks = append(pks, o.pk)
		c.notePublish(o.pk, o.message)
	}
	if len(pks) > 0 {
		c.send(pks...)
	}
}

func (c *client) release(o *outgoing) packets.Packet {
	c.note(o.event(PubrelSent, packets.CodeSuccess))
	return &packets.Pubrel{PacketID: o.pk.PacketID}
}

func (c *client) notePublish(pk *packets.Publish, m Message) {
	c.note(Event{
		Kind: PublishSent, ID: pk.PacketID, Message: m, Topic: pk.Topic, QoS: pk.QoS, Retain: pk.Retain, Dup: pk.Dup,
		Empty: len(pk.Payload) == 0,
	})
}

// lost is the end of the connection.
func (c *client) lost() {
	c.link.close()
	c.note(Event{Kind: ConnectionEnded})
	c.link = nil
	c.forget()
}

// leave ends the connection, with a DISCONNECT or without a word.
func (c *client) leave(politely bool) {
	if c.link == nil {
		return
	}
	if politely {
		c.flush()
		c.send(&packets.Disconnect{})
	}
	c.lost()
}

// endSession asks to forget the session with the connection, which the protocol
// does not confirm.
func (c *client) endSession() {
	pk := &packets.Disconnect{}
	pk.Properties.SessionExpiryInterval = 0
	pk.Properties.Set(packets.PropSessionExpiryInterval)
	c.note(Event{Kind: EndSent})
	c.send(pk)
	c.hearOut(c.link)
	c.link, c.ended = nil, true
}

// wait handles what comes for a time, or until the connection or the phase ends.
func (c *client) wait(d time.Duration) {
	_, _, changed := c.world.now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		var in <-chan packets.Packet
		if c.link != nil {
			in = c.link.in
		}
		select {
		case pk, ok := <-in:
			if !ok {
				c.lost()
				return
			}
			c.handle(pk)
		case <-timer.C:
			return
		case <-changed:
			return
		}
	}
}

func (c *client) bad(pk packets.Packet) {
	c.note(Event{Kind: BadPacket, Note: fmt.Sprintf("%s %+v", pk.Type(), pk)})
}
