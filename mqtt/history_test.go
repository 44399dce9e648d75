package mqtt_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Random histories against the model: connections of all versions that come,
// take over and break, sessions that live and expire, subscriptions, messages
// of every QoS and acknowledgements that come late or never.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	const seeds = 200
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newHistory(t, seed).run() })
		})
	}
}

type history struct {
	t       *testing.T
	random  *rand.Rand
	server  *mqtttest.Server
	model   *model
	clients []*historian
	number  int // of the last message
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{t: t, random: rand.New(rand.NewPCG(seed, 1)), server: newServer(t), model: newModel()}
	for i := range 6 {
		v := []packets.Version{packets.V31, packets.V311, packets.V5, packets.V5}[h.random.IntN(4)]
		h.clients = append(h.clients, &historian{h: h, id: fmt.Sprint("c", i), version: v})
	}
	return h
}

func (h *history) run() {
	for range 120 {
		h.step()
		h.settle()
		h.model.settled()
		h.checkGauges()
		if len(h.model.faults) > 0 {
			break
		}
	}
	if len(h.model.faults) == 0 {
		h.end()
	}
	for _, fault := range h.model.faults {
		h.t.Error(fault)
	}
}

func (h *history) step() {
	c := h.clients[h.random.IntN(len(h.clients))]
	if h.random.IntN(12) == 0 {
		advance(time.Duration(1+h.random.IntN(50)) * time.Second)
		synctest.Wait()
		h.model.expire()
		return
	}
	if c.line == nil {
		c.connect(h.random.IntN(4) == 0)
		return
	}
	switch n := h.random.IntN(20); {
	case n < 4:
		c.subscribe()
	case n < 5:
		c.unsubscribe()
	case n < 13:
		c.publish(false)
	case n < 14:
		c.publish(true)
	case n < 16:
		c.acknowledge()
	case n < 17:
		c.leave(true)
	case n < 18:
		c.leave(false)
	case n < 19:
		c.connect(h.random.IntN(4) == 0)
	}
}

// settle lets the server work and the clients answer until all is quiet.
func (h *history) settle() {
	for busy := true; busy; {
		synctest.Wait()
		busy = false
		for _, c := range h.clients {
			for _, pk := range c.line.take() {
				c.handle(pk)
				busy = true
			}
		}
	}
}

func (h *history) checkGauges() {
	st := h.server.Stats()
	for name, n := range map[string]int64{
		"connected": st.ClientsConnected, "disconnected": st.ClientsDisconnected, "inflight": st.Inflight,
		"queued": st.Queued, "queued bytes": st.QueuedBytes, "subscriptions": st.Subscriptions, "retained": st.Retained,
	} {
		if n < 0 {
			h.model.fault("%s: %d", name, n)
		}
	}
	online := int64(0)
	for _, c := range h.clients {
		if c.line != nil {
			online++
		}
	}
	if st.ClientsConnected != online || st.ClientsTotal != int64(len(h.model.sessions)) || st.Retained != int64(len(h.model.retained)) {
		h.model.fault("%d connected, %d sessions, %d retained; want %d, %d, %d", st.ClientsConnected, st.ClientsTotal, st.Retained,
			online, len(h.model.sessions), len(h.model.retained))
	}
}

// end hears every session to its end, and looks at what is left.
func (h *history) end() {
	h.model.expire()
	for _, c := range h.clients {
		c.diligent = true
		if c.line == nil && h.model.sessions[c.id] != nil {
			c.connect(false)
		}
		if c.line != nil {
			c.acknowledge()
		}
		h.settle()
	}
	h.model.finish()
	h.checkRetained()
	for _, c := range h.clients {
		c.connect(true)
		h.settle()
		c.leave(true)
		h.settle()
	}
	advance(time.Hour)
	synctest.Wait()
	st := h.server.Stats()
	if st.ClientsConnected+st.ClientsDisconnected > 0 {
		h.model.fault("%d connected and %d offline sessions are left", st.ClientsConnected, st.ClientsDisconnected)
	}
	if st.Inflight != 0 || st.Queued != 0 || st.QueuedBytes != 0 || st.Subscriptions != 0 {
		h.model.fault("in flight %d, queued %d of %d bytes, subscriptions %d; want none", st.Inflight, st.Queued, st.QueuedBytes, st.Subscriptions)
	}
}

// checkRetained compares all retained messages with the model's.
func (h *history) checkRetained() {
	c := mqtttest.Dial(h.t, h.server, mqtttest.Connect("reader"))
	c.Subscribe("#", 0)
	got := make(map[string]string)
	c.Send(&packets.Pingreq{})
	for {
		pk, ok := c.Receive().(*packets.Publish)
		if !ok {
			break
		}
		got[pk.Topic] = string(pk.Payload)
	}
	if !maps.Equal(got, h.model.retained) {
		h.model.fault("retained messages %v, want %v", got, h.model.retained)
	}
	c.Disconnect(0)
}

// line is a connection whose packets are collected as they come.
type line struct {
	conn net.Conn
	mu   sync.Mutex
	in   []packets.Packet
}

func (l *line) take() (pks []packets.Packet) {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	pks, l.in = l.in, nil
	return pks
}

func (l *line) read(v packets.Version) {
	r := packets.NewReader(l.conn, 0)
	r.SetVersion(v)
	for {
		pk, err := r.ReadPacket()
		if err != nil {
			_ = l.conn.Close()
			return
		}
		l.mu.Lock()
		l.in = append(l.in, pk)
		l.mu.Unlock()
	}
}

// historian is a client that keeps what the protocol makes it keep, and answers
// when it likes.
type historian struct {
	h       *history
	id      string
	version packets.Version
	line    *line
	session *modelSession

	nextID         uint16
	unfinished     map[uint16]*packets.Publish // own QoS 2 messages without PUBREC
	received       map[uint16]bool             // QoS 2 identifiers without PUBREL
	held           []packets.Packet            // acknowledgements not sent yet
	unacked        map[uint16]bool             // what the server has in flight on this connection
	receiveMaximum int
	diligent       bool
}

func (c *historian) send(pk packets.Packet) {
	b, err := pk.Append(nil, c.version)
	if err != nil {
		c.h.t.Fatal(err)
	}
	if _, err := c.line.conn.Write(b); err != nil {
		c.h.model.fault("%s cannot write: %v", c.id, err)
	}
}

func (c *historian) connect(clean bool) {
	expiry := []uint32{0, 60, 3600, 0xFFFFFFFF}[c.h.random.IntN(4)]
	if clean && (c.diligent || c.version != packets.V5) {
		expiry = 0
	} else if c.version != packets.V5 {
		expiry = 0xFFFFFFFF
	}
	lifetime := time.Duration(expiry) * time.Second
	if expiry == 0xFFFFFFFF {
		lifetime = -1
	}
	pk := &packets.Connect{Version: c.version, ClientID: c.id, CleanStart: clean}
	c.receiveMaximum = 65535
	if c.version == packets.V5 {
		pk.Properties.SessionExpiryInterval = expiry
		if c.h.random.IntN(2) == 0 {
			c.receiveMaximum = 1 + c.h.random.IntN(4)
			pk.Properties.ReceiveMaximum = uint16(c.receiveMaximum)
		}
	}
	old := c.line
	c.line = &line{conn: c.h.server.Conn(c.h.t)}
	go c.line.read(c.version)
	c.held, c.unacked = nil, make(map[uint16]bool)
	session, present := c.h.model.connect(c.id, clean, lifetime)
	c.session = session
	if !present {
		c.unfinished, c.received = make(map[uint16]*packets.Publish), make(map[uint16]bool)
	}
	c.send(pk)
	synctest.Wait()
	if old != nil {
		_ = old.conn.Close() // the server may have closed it first
	}
	c.expectConnack(present)
	for id, p := range c.unfinished {
		p.Dup = true
		c.send(p)
		delete(c.unfinished, id)
	}
}

func (c *historian) expectConnack(present bool) {
	pks := c.line.take()
	if len(pks) == 0 {
		c.h.model.fault("%s got no CONNACK", c.id)
		return
	}
	ack, ok := pks[0].(*packets.Connack)
	if !ok || ack.Code.Failed() || ack.SessionPresent != (present && c.version != packets.V31) {
		c.h.model.fault("%s got %s %+v, want session present: %t", c.id, pks[0].Type(), pks[0], present)
	}
	for _, pk := range pks[1:] {
		c.handle(pk)
	}
}

// leave ends the connection, by DISCONNECT or by cutting it.
func (c *historian) leave(politely bool) {
	if politely {
		c.send(&packets.Disconnect{})
		synctest.Wait()
	}
	_ = c.line.conn.Close() // the server may have closed it first
	c.line = nil
	c.h.model.disconnect(c.session)
}

func (c *historian) packetID() uint16 {
	c.nextID++
	return c.nextID
}

var historyFilters = []string{"a/x", "a/+", "a/#", "+/x", "b/#", "b/y/z", shareFilter}

func (c *historian) subscribe() {
	filter := historyFilters[c.h.random.IntN(len(historyFilters))]
	qos := byte(c.h.random.IntN(3))
	if filter == shareFilter {
		qos, c.session.shares = 2, true
	}
	c.session.subs[filter] = qos
	c.send(&packets.Subscribe{PacketID: c.packetID(), Subscriptions: []packets.Subscription{{Filter: filter, QoS: qos}}})
}

func (c *historian) unsubscribe() {
	filter := historyFilters[c.h.random.IntN(len(historyFilters))]
	c.h.model.unsubscribe(c.session, filter)
	c.send(&packets.Unsubscribe{PacketID: c.packetID(), Filters: []string{filter}})
}

// publish publishes one message; if it breaks, the connection is cut before the
// answer to a QoS 2 message is read.
func (c *historian) publish(breaks bool) {
	h := c.h
	h.number++
	topic := []string{"a/x", "a/y", "b/x", "b/y/z", "s/1", "s/2"}[h.random.IntN(6)]
	p := &packets.Publish{Topic: topic, QoS: byte(h.random.IntN(3)), Retain: h.random.IntN(6) == 0, Payload: []byte(c.id + " " + strconv.Itoa(h.number))}
	if breaks {
		p.QoS = 2
	}
	if p.Retain && h.random.IntN(3) == 0 {
		p.QoS, p.Payload = 0, nil // clears; nobody counts it
		delete(h.model.retained, topic)
		c.send(p)
		return
	}
	if p.QoS > 0 {
		p.PacketID = c.packetID()
	}
	h.model.publish(h.number, topic, p.QoS, p.Retain, string(p.Payload))
	c.send(p)
	if breaks {
		c.unfinished[p.PacketID] = p
		synctest.Wait()
		c.leave(false)
	}
}

// acknowledge sends what was held back.
func (c *historian) acknowledge() {
	for _, pk := range c.held {
		c.answer(pk)
	}
	c.held = nil
}

func (c *historian) answer(pk packets.Packet) {
	switch pk := pk.(type) {
	case *packets.Puback:
		delete(c.unacked, pk.PacketID)
	case *packets.Pubcomp:
		delete(c.unacked, pk.PacketID)
	}
	c.send(pk)
}

func (c *historian) reply(pk packets.Packet) {
	if !c.diligent && c.h.random.IntN(4) == 0 {
		c.held = append(c.held, pk)
		return
	}
	c.answer(pk)
}

func (c *historian) handle(pk packets.Packet) {
	switch pk := pk.(type) {
	case *packets.Publish:
		c.handlePublish(pk)
	case *packets.Pubrel:
		delete(c.received, pk.PacketID)
		c.unacked[pk.PacketID] = true
		c.reply(&packets.Pubcomp{PacketID: pk.PacketID})
	case *packets.Pubrec:
		c.send(&packets.Pubrel{PacketID: pk.PacketID})
	case *packets.Puback, *packets.Pubcomp, *packets.Suback, *packets.Unsuback:
	default:
		c.h.model.fault("%s got %s %+v", c.id, pk.Type(), pk)
	}
}

func (c *historian) handlePublish(p *packets.Publish) {
	if p.QoS > 0 {
		c.unacked[p.PacketID] = true
		if len(c.unacked) > c.receiveMaximum {
			c.h.model.fault("%s has %d messages unacknowledged, its Receive Maximum is %d", c.id, len(c.unacked), c.receiveMaximum)
		}
	}
	if p.QoS < 2 || !c.received[p.PacketID] {
		publisher, number, _ := strings.Cut(string(p.Payload), " ")
		if n, err := strconv.Atoi(number); err == nil {
			c.h.model.received(c.session, p, publisher, n)
		}
	}
	switch p.QoS {
	case 1:
		c.reply(&packets.Puback{PacketID: p.PacketID})
	case 2:
		c.received[p.PacketID] = true
		c.reply(&packets.Pubrec{PacketID: p.PacketID})
	}
}
