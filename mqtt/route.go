package mqtt

import (
	"slices"
	"unsafe"

	"github.com/linnetmq/linnet/packets"
)

// publication is one PUBLISH on its way through the router. Its byte slices
// are views into the packet; message makes the copy that may be kept.
type publication struct {
	topic      string // may be kept
	payload    []byte
	properties []byte // forwarded, encoded
	originID   string
	expires    instant
	qos        byte
	retain     bool
	message    *Message
	durability Durability

	// frame is the packet's own encoding where a QoS 0 receiver of frameOf
	// gets the very same bytes; nil else.
	frame   []byte
	frameOf packets.Version
}

// keep returns the publication as a Message, made once.
func (p *publication) keep() *Message {
	if p.message != nil {
		return p.message
	}
	m, b := newMessage(len(p.payload) + len(p.properties))
	b = append(append(b, p.payload...), p.properties...)
	n := len(p.payload)
	*m = Message{
		Topic: p.topic, Payload: b[:n:n], QoS: p.qos, Retain: p.retain, Origin: p.originID,
		properties: b[n:], expires: p.expires,
	}
	p.message = m
	return m
}

// target is one receiver of a topic's messages: all of a session's matching
// subscriptions in one [MQTT-3.3.4-2].
type target struct {
	session *session
	inline  *inlineSubscription
	group   *shareGroup // a shared subscription; with session, of which that is the member
	ids     []uint32
	qos     byte
	rap     bool   // Retain As Published
	newest  uint64 // the latest of its subscriptions'
}

// route is the remembered answer of the topic index for one topic and publisher.
type route struct {
	topic      string
	generation uint64
	targets    []target
}

// router carries publications from one goroutine to their receivers. It keeps
// the routes of the topics it saw, and whom it touched since the last flush.
type router struct {
	server  *Server
	self    *session // the publisher, for No Local; nil if none
	touched []*Client
	last    *route
	routes  map[string]*route
	held    int // bytes of routes
	matched []*subscription
	traffic traffic
	shard   uint32   // of the counters
	storing *storing // what the publication in hand changes in the store
}

// maximumRoutes and maximumRouteBytes bound the routes a connection remembers.
const (
	maximumRoutes     = 1024
	maximumRouteBytes = 1 << 20
)

// size is about what remembering the route costs, in bytes.
func (rt *route) size() int {
	return len(rt.topic) + len(rt.targets)*int(unsafe.Sizeof(target{})) + int(unsafe.Sizeof(*rt))
}

// lookup returns the receivers of a topic. The topic string of a cached route
// may be kept; a topic not seen before is copied.
func (r *router) lookup(topic string) *route {
	rt := r.last
	if rt == nil || rt.topic != topic {
		rt = r.routes[topic]
	}
	if rt == nil {
		return r.find(cloneString(topic))
	}
	if rt.generation != r.server.index.Generation(rt.topic) {
		return r.find(rt.topic)
	}
	r.last = rt
	return rt
}

// find asks the index. The generation is read first: if it changes while the
// index is read, the route is found stale the next time.
func (r *router) find(topic string) *route {
	rt := &route{topic: topic, generation: r.server.index.Generation(topic)}
	r.matched = r.server.index.Match(topic, r.matched[:0])
	rt.targets = merge(r.matched, r.self, topic)
	clear(r.matched)
	r.remember(rt)
	return rt
}

// remember keeps a route, in the place of an older one for its topic.
func (r *router) remember(rt *route) {
	r.last = rt
	if old := r.routes[rt.topic]; old != nil {
		r.held -= old.size()
		delete(r.routes, rt.topic)
	}
	size := rt.size()
	if r.routes == nil || len(r.routes) >= maximumRoutes || r.held+size > maximumRouteBytes {
		r.routes, r.held = make(map[string]*route), 0
	}
	r.routes[rt.topic] = rt
	r.held += size
}

// merge joins the matching subscriptions of each session into one target with
// the highest QoS [MQTT-3.3.4-2], all Subscription Identifiers [MQTT-3.3.4-3]
// [MQTT-3.3.4-4] and without those that do not want their own messages
// [MQTT-3.8.3-3] or may not have the topic's. Members of shared subscriptions
// are asked for when one is picked.
func merge(subs []*subscription, self *session, topic string) []target {
	targets := make([]target, 0, len(subs))
	var places map[*session]int
	if len(subs) > 16 {
		places = make(map[*session]int, len(subs))
	}
	for _, sub := range subs {
		if sub.session != nil && (sub.session == self && sub.noLocal || !sub.delivers(topic)) {
			continue
		}
		at := -1
		switch {
		case sub.session == nil:
		case places != nil:
			if i, ok := places[sub.session]; ok {
				at = i
			}
		default:
			for i := range targets {
				if targets[i].session == sub.session {
					at = i
				}
			}
		}
		if at < 0 {
			if places != nil && sub.session != nil {
				places[sub.session] = len(targets)
			}
			targets = append(targets, target{session: sub.session, inline: sub.inline, group: sub.group})
			at = len(targets) - 1
		}
		t := &targets[at]
		t.qos = max(t.qos, sub.qos)
		t.rap = t.rap || sub.retainAsPublished
		t.newest = max(t.newest, sub.newest)
		if sub.id != 0 {
			t.ids = append(t.ids, sub.id)
		}
	}
	return targets
}

// receivers is lookup for a message that has just been stored as the retained
// one with the place seq in time: without the subscriptions made since, which
// get it as a retained message.
func (r *router) receivers(topic string, seq uint64) *route {
	rt := r.lookup(topic)
	if !slices.ContainsFunc(rt.targets, func(t target) bool { return t.newest >= seq }) || seq == 0 {
		return rt
	}
	older := slices.DeleteFunc(r.server.index.Match(topic, nil), func(sub *subscription) bool { return sub.newest >= seq })
	return &route{topic: rt.topic, targets: merge(older, r.self, topic)}
}

// route sends a publication to everyone who subscribes to its topic and
// returns how many that were. The caller flushes.
func (r *router) route(rt *route, p *publication) int {
	n := 0
	for i := range rt.targets {
		t := &rt.targets[i]
		switch {
		case t.session != nil:
			r.deliver(t, p)
			n++
		case t.group != nil:
			if r.deliverShared(t.group, p, nil) {
				n++
			}
		default:
			t.inline.deliver(p)
			n++
		}
	}
	if r.storing != nil && len(r.storing.refs) > 0 {
		r.storing.enqueue(r.server, p.keep())
	}
	return n
}

// deliver sends a publication to one session.
func (r *router) deliver(t *target, p *publication) {
	qos := min(p.qos, t.qos) // [MQTT-3.8.4-8]
	retain := p.retain && t.rap
	if qos > 0 {
		if t.group == nil && t.session.pass(r, t, p, qos, retain) {
			return
		}
		t.session.deliver(r, delivery{msg: p.keep(), ids: t.ids, qos: qos, retain: retain, group: t.group, waits: p.waits(qos)})
		return
	}
	c := t.session.online.Load()
	if c != nil && !t.session.qos0Waits.Load() {
		r.sendQoS0(c, t, p, retain)
		return
	}
	if c != nil || r.server.options.Capabilities.QueueQoS0Messages { // [MQTT-4.6.0-5]
		t.session.deliver(r, delivery{msg: p.keep(), ids: t.ids, retain: retain})
	}
}

// deliverShared gives a publication to one member of a shared subscription.
func (r *router) deliverShared(g *shareGroup, p *publication, except *session) bool {
	m := g.pick(r.server, p.originID, p.topic, p.qos, except)
	if m == nil {
		r.server.stats.drop(DropNoMember)
		return false
	}
	r.deliver(&target{session: m.session, group: g, qos: m.qos, rap: m.retainAsPublished, ids: m.ids()}, p)
	return true
}

// redispatch gives a message that a member of a shared subscription could not
// complete to another member [MQTT-4.8.2-6].
func (s *Server) redispatch(g *shareGroup, d delivery, from *session) {
	r := router{server: s}
	if !r.redispatch(g, d, from) {
		s.stats.drop(DropNoMember)
	}
	r.commitMoved(nil, 0)
	r.flush()
}

// handOver is redispatch for a member that keeps its session, and the message
// if nobody else can take it. stored tells that the store has it.
func (s *Server) handOver(from *session, d delivery, stored bool) {
	r := router{server: s}
	taken := r.redispatch(d.group, d, from)
	switch {
	case !taken && stored && from.takeBack(d.seq):
		return
	case !taken:
		s.stats.drop(DropNoMember)
	}
	if stored {
		r.begin().tx.Dequeue(from.backlog.number, d.seq)
	}
	r.commitMoved(from, d.seq)
	r.flush()
}

func (r *router) redispatch(g *shareGroup, d delivery, from *session) (taken bool) {
	s := r.server
	m := g.pick(s, d.msg.Origin, d.msg.Topic, d.msg.QoS, from)
	if m == nil || d.msg.expired(s.clock.now()) {
		return false
	}
	qos := min(d.msg.QoS, m.qos)
	waits := qos == 2 && s.options.Durability != DurabilityNone
	m.session.deliver(r, delivery{msg: d.msg, ids: m.ids(), qos: qos, retain: d.msg.Retain && m.retainAsPublished, group: g, waits: waits})
	if r.storing != nil && len(r.storing.refs) > 0 {
		r.storing.enqueue(s, d.msg)
	}
	return true
}

// waits tells that a delivery of this QoS must be stored before it is sent.
func (p *publication) waits(qos byte) bool { return qos == 2 && p.durability != DurabilityNone }

// sendQoS0 appends a QoS 0 message to a connection's outbound queue, or drops
// it if the connection does not read fast enough.
func (r *router) sendQoS0(c *Client, t *target, p *publication, retain bool) {
	if set := r.server.hooks.load(); set.wantsSent() || set.onPublishDropped != nil {
		r.sendQoS0Observed(c, t, p, retain)
		return
	}
	o := &c.out
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return
	}
	if o.pending > r.server.mayPend() {
		o.mu.Unlock()
		r.server.stats.drop(DropSlowConnection)
		return
	}
	if p.frame != nil && p.frameOf == c.frameVersion && !retain && len(t.ids) == 0 &&
		o.aliases.maximum == 0 && (c.maximumPacketSize == 0 || len(p.frame) <= int(c.maximumPacketSize)) {
		o.commitLocked(append(o.roomLocked(len(p.frame)), p.frame...))
		o.messages++
		r.traffic.bytesOut += int64(len(p.frame))
		r.traffic.out[packets.TypePublish]++
		r.noteLocked(c)
		return
	}
	o.mu.Unlock()
	out := p.outgoing(t.ids, retain, r.server.clock)
	if c.maximumPacketSize > 0 && out.size(c.version) > int(c.maximumPacketSize) {
		r.server.stats.drop(DropTooLarge)
		return
	}
	c.appendPublish(&out, r)
	r.relieve(c)
}

// noteLocked notes a receiver for the flush and unlocks its queue; one that
// has gathered much is flushed at once.
func (r *router) noteLocked(c *Client) {
	o := &c.out
	if o.lastRouter != r {
		o.lastRouter = r
		r.touched = append(r.touched, c)
	}
	much := len(o.buf) >= r.server.options.ClientNetWriteBufferSize-smallBuffer && !o.writing
	o.mu.Unlock()
	if much {
		c.flush()
	}
}

// relieve flushes a receiver that has gathered much.
func (r *router) relieve(c *Client) {
	c.out.mu.Lock()
	r.noteLocked(c)
}

// sendQoS0Observed is sendQoS0 with hooks that see packets leave.
func (r *router) sendQoS0Observed(c *Client, t *target, p *publication, retain bool) {
	set := r.server.hooks.load()
	out := p.outgoing(t.ids, retain, r.server.clock)
	if reason, dropped := c.wouldDrop(&out); dropped {
		r.server.stats.drop(reason)
		c.tellDropped(set, out.packet(), reason)
		return
	}
	if set.wantsSent() {
		_ = c.appendPacket(out.packet()) // a closed queue takes nothing any more
	} else {
		c.appendPublish(&out, nil)
	}
	r.relieve(c)
}

func (c *Client) tellDropped(set *hookSet, pk *packets.Publish, reason DropReason) {
	var err error
	defer c.closeOnPanic(&err)
	for _, tell := range set.onPublishDropped {
		tell(c, pk, reason)
	}
}

func (c *Client) wouldDrop(out *outgoing) (DropReason, bool) {
	c.out.mu.Lock()
	pending := c.out.pending
	c.out.mu.Unlock()
	switch {
	case pending > c.server.mayPend():
		return DropSlowConnection, true
	case c.maximumPacketSize > 0 && out.size(c.version) > int(c.maximumPacketSize):
		return DropTooLarge, true
	}
	return 0, false
}

func (p *publication) outgoing(ids []uint32, retain bool, clock clock) outgoing {
	out := outgoing{topic: p.topic, payload: p.payload, properties: p.properties, ids: ids, retain: retain}
	if p.expires != 0 {
		out.hasExpiry, out.expiry = true, secondsLeft(p.expires, clock.now())
	}
	return out
}

// flush writes what the touched receivers have queued, without blocking, and
// spends the counters.
func (r *router) flush() {
	if len(r.touched) >= jointReceivers {
		r.server.joint.flush(r.server, r.touched)
	} else {
		for _, c := range r.touched {
			c.flush()
		}
	}
	clear(r.touched)
	r.touched = r.touched[:0]
	r.server.stats.add(r.shard, &r.traffic)
}

func cloneString(s string) string { return string([]byte(s)) }
