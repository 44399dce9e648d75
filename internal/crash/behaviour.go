package crash

import (
	"fmt"
	"strconv"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// profile is what a client likes to do: the odds of every step it may take.
type profile struct {
	publish, subscribe, unsubscribe int
	leave, takeOver                 int // come and go, be replaced
	discard, endSession             int // clean start; DISCONNECT with expiry 0
	expireNow                       int // resume the session for this connection only
	slow, rest                      int
	volatile                        bool // the session ends with every connection
}

var (
	publisherProfile = profile{publish: 70, leave: 6, takeOver: 3, rest: 20}
	restlessProfile  = profile{publish: 60, subscribe: 8, unsubscribe: 3, leave: 8, takeOver: 4, discard: 2, slow: 4, rest: 12}
	volatileProfile  = profile{publish: 70, leave: 10, rest: 20, volatile: true}
	stayingProfile   = profile{subscribe: 10, leave: 10, takeOver: 5, slow: 10, rest: 65}
	movingProfile    = profile{subscribe: 25, unsubscribe: 15, leave: 10, takeOver: 5, slow: 10, rest: 35}
	forgetfulProfile = profile{subscribe: 30, unsubscribe: 5, leave: 10, takeOver: 5, discard: 4, endSession: 2, expireNow: 2, slow: 5, rest: 35}
)

// The topics without retained messages, and the filters. Retained ones are
// below r/, with the ClientID of their only publisher.
var (
	liveTopics  = []string{"a/x", "a/y", "b/x", "b/y/z"}
	someFilters = []string{"a/x", "a/+", "a/#", "+/x", "b/#", "b/y/z", "r/+/0", "r/#"}
)

const allRetained = "r/#"

// main is the client's goroutine; it ends when the run is over.
func (c *client) main() {
	for {
		switch p, _, _ := c.world.now(); p {
		case over:
			c.leave(true)
			return
		case settling:
			c.settle()
		default:
			c.unsettled.Store("it has not heard that it shall settle")
			c.probed = false
			c.step()
		}
	}
}

// step takes one random step.
func (c *client) step() {
	if c.link == nil {
		c.comeBack(!c.profile.volatile && c.random.IntN(100) >= c.profile.expireNow)
		return
	}
	p := &c.profile
	odds := []struct {
		odds int
		do   func()
	}{
		{p.publish, func() { c.publishSome(1 + c.random.IntN(8)) }},
		{p.subscribe, c.subscribe},
		{p.unsubscribe, c.unsubscribe},
		{p.leave, c.goAway},
		{p.takeOver, func() { c.connect(!p.volatile) }},
		{p.discard, func() { c.clean = true; c.connect(true) }},
		{p.endSession, c.tryEndSession},
		{p.slow, func() { c.flush(); c.slow = c.random.IntN(2) == 0 }},
		{p.rest, func() {}},
	}
	sum := 0
	for i := range odds {
		sum += odds[i].odds
	}
	pick := c.random.IntN(sum)
	for i := range odds {
		if pick -= odds[i].odds; pick < 0 {
			odds[i].do()
			break
		}
	}
	c.wait(time.Duration(c.random.IntN(3000)) * time.Microsecond)
}

// comeBack connects, or waits a little for a broker that can be reached.
func (c *client) comeBack(durable bool) {
	if !c.connect(durable) {
		c.wait(2 * time.Millisecond)
	}
}

// goAway leaves for a while.
func (c *client) goAway() {
	c.leave(c.random.IntN(2) == 0)
	c.wait(time.Duration(c.random.IntN(60)) * time.Millisecond)
}

func (c *client) tryEndSession() {
	if c.version == packets.V5 {
		c.endSession()
	}
}

// settle comes back, finishes what is unfinished, and waits for messages.
func (c *client) settle() {
	if c.link == nil {
		c.unsettled.Store("it is offline")
		c.comeBack(!c.profile.volatile)
		return
	}
	c.flush()
	if !c.probed && c.profile.publish > 0 {
		c.probed = true
		c.probe()
	}
	c.wait(2 * time.Millisecond)
	c.unsettled.Store(c.unfinished())
}

// unfinished says what the client waits for, "" if for nothing.
func (c *client) unfinished() string {
	switch {
	case c.link == nil:
		return "it is offline"
	case len(c.out) > 0:
		return fmt.Sprintf("no answer to %d of its messages, first %s", len(c.out), c.out[0].message)
	case c.request != nil:
		return fmt.Sprintf("no answer to its request for %q", c.request.filter)
	}
	return ""
}

// maxInflight bounds the unacknowledged messages of a client.
const maxInflight = 16

// publishSome publishes up to n random messages in one write.
func (c *client) publishSome(n int) {
	pks := make([]packets.Packet, 0, n)
	for range n {
		if len(c.out) == maxInflight {
			break
		}
		pks = append(pks, c.randomMessage())
	}
	if len(pks) > 0 {
		c.send(pks...)
	}
}

// probe publishes to every topic, so that every subscription must show itself.
func (c *client) probe() {
	var pks []packets.Packet
	for _, topic := range liveTopics {
		pks = append(pks, c.message(&packets.Publish{Topic: topic, QoS: byte(1 + c.random.IntN(2))}, 20))
	}
	c.send(pks...)
}

func (c *client) randomMessage() packets.Packet {
	size := []int{20, 200, 900, 9000}[min(c.random.IntN(6), c.random.IntN(4))]
	if c.random.IntN(5) == 0 {
		return c.retainedMessage(size)
	}
	qos := []byte{0, 1, 1, 1, 1, 2, 2, 2, 2, 2}[c.random.IntN(10)]
	return c.message(&packets.Publish{Topic: liveTopics[c.random.IntN(len(liveTopics))], QoS: qos}, size)
}

// retainedMessage is for a topic of this client alone, which has one QoS: so it
// is clear which message is the last.
func (c *client) retainedMessage(size int) packets.Packet {
	k := c.random.IntN(3)
	pk := &packets.Publish{Topic: "r/" + c.id + "/" + strconv.Itoa(k), QoS: byte(1 + k%2), Retain: true}
	if c.random.IntN(6) == 0 {
		size = 0
	}
	return c.message(pk, size)
}

// message makes pk the client's next message. The caller sends it.
func (c *client) message(pk *packets.Publish, size int) packets.Packet {
	c.number++
	m := Message{c.id, c.number}
	if size > 0 {
		pk.Payload = m.payload(size)
	}
	if pk.QoS > 0 {
		pk.PacketID = c.nextPacketID()
		c.out = append(c.out, &outgoing{pk: pk, message: m})
	}
	c.notePublish(pk, m)
	return pk
}

func (c *client) randomFilter() string { return someFilters[c.random.IntN(len(someFilters))] }

func (c *client) subscribe() {
	if c.request != nil {
		return
	}
	qos := []byte{0, 1, 1, 1, 2, 2, 2, 2}[c.random.IntN(8)]
	r := &request{c.nextPacketID(), c.randomFilter()}
	c.request = r
	c.note(Event{Kind: SubscribeSent, ID: r.id, Topic: r.filter, QoS: qos})
	c.send(&packets.Subscribe{PacketID: r.id, Subscriptions: []packets.Subscription{{Filter: r.filter, QoS: qos}}})
}

func (c *client) unsubscribe() {
	if c.request != nil {
		return
	}
	r := &request{c.nextPacketID(), c.randomFilter()}
	c.request = r
	c.note(Event{Kind: UnsubscribeSent, ID: r.id, Topic: r.filter})
	c.send(&packets.Unsubscribe{PacketID: r.id, Filters: []string{r.filter}})
}
