package mqtt

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// inbound reads one connection: it cuts the bytes into control packets and
// handles them. It belongs to the connection's goroutine.
type inbound struct {
	router
	client  *Client
	buf     []byte // what was read and not yet handled
	maximum int    // packet size in bytes
	handle  func(*inbound, byte, []byte, []byte) error

	aliases inboundAliases
	publish packets.Publish // reused for every PUBLISH
	steps   []flowStep      // acknowledgements in a row, not yet handled
	answers []byte          // acknowledgements to the client, not yet queued
	forward []byte          // encoded properties of the PUBLISH in hand
	noted   uint16          // packet identifier of the QoS 2 PUBLISH in hand, until it is routed
	// completions are the PUBCOMPs in acks that wait for the next commit.
	completions int
	acks        *ackQueue // acknowledgements that wait for the store, nil if there never were any
	auth        *authExchange
	epoch       uint64  // of access when the CONNECT came
	resume      instant // when it may read again, after a hook asked for a pause; 0 now
}

func (in *inbound) session() *session { return in.client.session.Load() }

// establish serves one connection until it is over. It is called by the
// listener on the connection's own goroutine.
func (s *Server) establish(listener string, conn net.Conn) error {
	if !s.admits(conn) {
		return conn.Close()
	}
	c := s.newClient(conn, listener)
	if err := s.track(c); err != nil {
		_ = conn.Close() // the server stops; nothing was said yet
		return err
	}
	if c.parkable {
		s.parker.Load().note(c)
	}
	in := &inbound{router: router{server: s, shard: c.shard}, client: c}
	in.maximum = int(s.options.MaximumConnectPacketSize)
	in.handle = (*inbound).first
	s.deadlines.set(&c.deadline, s.clock.after(s.options.ConnectTimeout))
	in.serve()
	return nil
}

// serve reads until the connection is over, or parked: then another goroutine
// goes on with it.
func (in *inbound) serve() {
	c, s := in.client, in.server
	err := in.run()
	if errors.Is(err, errParked) {
		return
	}
	in.flush() // after a panic in the middle of a batch, others wait for what it has
	s.guard(func() { in.finish(err) })
	if c.parkable {
		s.parker.Load().vacate(c)
	}
	_ = c.conn.Close() // whatever was to be said has been said
	s.untrack(c)
}

// admits asks the OnAccept hooks, in order.
func (s *Server) admits(conn net.Conn) (yes bool) {
	s.guard(func() {
		for _, accept := range s.hooks.load().onAccept {
			if !accept(conn) {
				return
			}
		}
		yes = true
	})
	return yes
}

// run reads until the connection ends and returns why; nil after DISCONNECT.
func (in *inbound) run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			in.server.panicked(p)
			in.commitRest()
			if in.noted != 0 {
				in.session().released(in.noted) // the message went nowhere, so it may come again
			}
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	for {
		in.server.slowDown()
		in.rest()
		err := in.read()
		if reason := in.client.endingReason(); reason != nil {
			return reason
		}
		if isTimeout(err) {
			if err = in.idle(); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
	}
}

// acknowledge answers a PUBLISH or PUBREL. What answers one batch is queued in
// one piece, in order.
func (in *inbound) acknowledge(t packets.Type, id uint16, code packets.Code) {
	c := in.client
	if in.deferred(pendingAck{t: t, id: id, code: code}) {
		return
	}
	if in.server.hooks.load().wantsSent() {
		in.answer() // if the hook was added in the middle of a batch
		c.appendAck(t, id, code)
		return
	}
	before := len(in.answers)
	in.answers = appendAck(in.answers, t, c.version, id, code)
	in.traffic.out[t]++
	in.traffic.bytesOut += int64(len(in.answers) - before)
	if len(in.answers) >= smallBuffer {
		in.answer()
	}
}

// answer queues the acknowledgements gathered.
func (in *inbound) answer() {
	if len(in.answers) == 0 {
		return
	}
	o := &in.client.out
	o.mu.Lock()
	if !o.closed {
		o.commitLocked(append(o.roomLocked(len(in.answers)), in.answers...))
	}
	o.mu.Unlock()
	in.answers = in.answers[:0]
}

// idle parks a silent connection if it can be. It was woken by a read deadline,
// which is lifted; stop sets it again after it has set its reason.
func (in *inbound) idle() error {
	c := in.client
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if reason := c.endingReason(); reason != nil {
		return reason
	}
	if in.park() {
		return errParked
	}
	return nil
}

// read reads once and handles every packet that is complete.
func (in *inbound) read() error {
	held := len(in.buf)
	buf, err := in.client.transport.read(in.buf)
	in.buf = buf
	if len(buf) > held {
		err = in.feed(len(buf) - held)
	}
	return err
}

// feed handles the complete packets in in.buf and keeps the rest. Every
// receiver they touched is flushed at the end, and so is the client itself.
func (in *inbound) feed(fresh int) error {
	c := in.client
	c.heard.Store(int64(in.server.clock.now()))
	in.traffic.bytesIn += int64(fresh)
	if in.session() == nil {
		in.buf = shrink(in.buf) // authentication may wait for long
	}
	b := in.buf
	used, err := in.batch(b)
	publishes := int(in.traffic.in[packets.TypePublish])
	in.flush()
	c.flush()
	if err == nil {
		err = c.readsAnswers()
	}
	if set := in.server.hooks.load(); set.onRead != nil && err == nil {
		in.pace(set, publishes, fresh)
	}
	if len(b) == used {
		in.buf = b[:0]
		if cap(b) != largeBuffer {
			giveBack(b)
			in.buf = nil
		}
	} else if used > 0 {
		in.buf = b[:copy(b, b[used:])]
	}
	return err
}

// batch handles the complete packets in b, unless another connection has taken
// over: that one waits for the end of this batch, see Client.outlast.
func (in *inbound) batch(b []byte) (used int, err error) {
	c := in.client
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.isEnding() {
		return len(b), nil
	}
	used, err = in.packets(b)
	in.settle()
	in.answer()
	c.received.add(&in.traffic)
	return used, err
}

// packets handles the complete packets at the start of b and returns how many
// bytes they had.
func (in *inbound) packets(b []byte) (used int, err error) {
	for used < len(b) {
		first, n, size, err := packets.ScanHeader(b[used:])
		if err != nil {
			return used, err
		}
		if n == 0 {
			return used, nil
		}
		if err := packets.CheckFlags(first); err != nil { // [MQTT-2.1.3-1]
			return used, err
		}
		if n+size > in.maximum {
			return used, protocolErrorf(packets.ErrPacketTooLarge, "a packet of %d bytes; at most %d are allowed", n+size, in.maximum)
		}
		if used+n+size > len(b) {
			return used, in.server.admitPartial(n + size)
		}
		frame := b[used : used+n+size]
		used += n + size
		in.traffic.in[first>>4]++
		if err := in.handle(in, first, frame[n:], frame); err != nil {
			return used, withCode(err)
		}
		if in.client.isEnding() {
			return used, nil
		}
	}
	return used, nil
}

func (c *Client) isEnding() bool { return c.over.Load() }

// finish ends the connection: its session is detached, its Will Message sent,
// the client told, the hooks told.
func (in *inbound) finish(err error) {
	c, s := in.client, in.server
	reason := err
	if ending := c.endingReason(); ending != nil {
		reason = ending
	}
	first := c.setEnding(reason)
	s.deadlines.retire(&c.deadline)
	giveBack(in.buf)
	in.buf = nil
	connected := c.session.Load() != nil
	if connected && first && c.version == packets.V5 && tellsCode(reason) {
		c.sendDisconnect(reason)
	}
	c.logEnd(reason, connected)
	if connected {
		s.disconnected(c, reason)
	}
	in.close(reason)
}

// tellsCode tells whether the reason is for the client to know: it has a
// Reason Code. Reasons given to stop were told there.
func tellsCode(reason error) bool {
	var code packets.Code
	return errors.As(reason, &code)
}

// close closes the connection so that the last packet arrives.
func (in *inbound) close(reason error) {
	c := in.client
	if errors.Is(reason, net.ErrClosed) {
		c.waitDrained(0)
		return
	}
	if errors.Is(reason, io.EOF) { // the peer may have closed one side only, and wait for answers
		_ = c.conn.SetWriteDeadline(time.Now().Add(lingerTime)) // an error shows at the next write
		c.waitDrained(lingerTime)
		return
	}
	if errors.Is(reason, packets.ErrServerShuttingDown) {
		c.waitDrained(forever) // Shutdown cuts the connection when its patience ends
	} else {
		_ = c.conn.SetWriteDeadline(time.Now().Add(lingerTime)) // an error shows at the next write
		c.waitDrained(lingerTime)
	}
	if t, layered := c.transport.(interface{ block() }); layered {
		t.block()
	}
	if !errors.Is(reason, errDisconnected) {
		linger(c.conn, c.server.options.Capabilities.Compatibilities.PassiveClientDisconnect && c.version == packets.V5)
	}
}

// logEnd tells the operator about connections that ended for a bad reason;
// ordinary ends are for debugging.
func (c *Client) logEnd(reason error, connected bool) {
	code, bad := errors.AsType[packets.Code](reason)
	bad = bad && code != packets.ErrSessionTakenOver && code != packets.ErrServerShuttingDown && code != packets.ErrAdministrativeAction
	if bad {
		c.server.stats.refuse(code)
	}
	args := []any{"client_id", c.clientID, "remote", c.RemoteAddr(), "listener", c.listener, "err", reason}
	if !bad && (connected || isEnd(reason)) {
		c.server.log.Debug("connection ended", args...)
	} else if c.server.limited.allows() {
		c.server.log.Info("connection refused or ended for its fault", args...)
	}
}

// isEnd tells the ordinary end of a connection by its peer.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// connected handles every packet after the CONNECT was accepted.
func (in *inbound) connected(first byte, body, frame []byte) error {
	t := packets.Type(first >> 4)
	set := in.server.hooks.load()
	if set.onPacketRead != nil || set.onPacketProcessed != nil {
		return in.observed(set, first, body)
	}
	if in.step(first, body) {
		return nil
	}
	in.settle()
	c := in.client
	if t == packets.TypePublish {
		if err := in.publish.Decode(first&15, body, c.version); err != nil {
			return err
		}
		return in.published(&in.publish, frame)
	}
	if t != packets.TypePubrel {
		in.answer() // answers leave in the order of what they answer
	}
	pk, err := packets.Decode(first, body, c.version)
	if err != nil {
		return err
	}
	return in.dispatch(pk)
}

// observed handles a packet that hooks want to see.
func (in *inbound) observed(set *hookSet, first byte, body []byte) error {
	pk, err := packets.Decode(first, body, in.client.version)
	if err != nil {
		return err
	}
	pk, err = set.readPacket(in.client, pk)
	if errors.Is(err, ErrRejectPacket) {
		return nil
	}
	if err == nil {
		err = in.dispatch(pk)
	}
	for _, tell := range set.onPacketProcessed {
		tell(in.client, pk, err)
	}
	return err
}

// dispatch handles one decoded packet.
func (in *inbound) dispatch(pk packets.Packet) error {
	switch pk := pk.(type) {
	case *packets.Publish:
		return in.published(pk, nil)
	case *packets.Puback:
		return in.puback(pk.PacketID, pk.Code)
	case *packets.Pubrec:
		return in.pubrec(pk)
	case *packets.Pubrel:
		return in.pubrel(pk)
	case *packets.Pubcomp:
		return in.pubcomp(pk)
	case *packets.Subscribe:
		return in.subscribe(pk)
	case *packets.Unsubscribe:
		return in.unsubscribe(pk)
	case *packets.Pingreq:
		return in.client.appendPacket(&packets.Pingresp{}) // [MQTT-3.12.4-1]
	case *packets.Disconnect:
		return in.disconnect(pk)
	case *packets.Auth:
		return in.reauthenticate(pk)
	case *packets.Connect: // [MQTT-3.1.0-2]
		return protocolErrorf(packets.ErrProtocolError, "a second CONNECT")
	}
	return protocolErrorf(packets.ErrProtocolError, "%s is not for servers", pk.Type())
}

// disconnect handles DISCONNECT: the Will Message is discarded unless the
// client asks for it [MQTT-3.14.4-3].
func (in *inbound) disconnect(pk *packets.Disconnect) error {
	c := in.client
	if pk.Properties.Has(packets.PropSessionExpiryInterval) {
		wanted := pk.Properties.SessionExpiryInterval
		if c.sessionExpiry == 0 && wanted != 0 {
			return protocolErrorf(packets.ErrProtocolError, "a Session Expiry Interval at DISCONNECT, after 0 at CONNECT")
		}
		in.session().setExpiry(c, min(wanted, in.server.options.Capabilities.MaximumSessionExpiryInterval))
	}
	if pk.Code == packets.CodeSuccess {
		c.will = nil
	}
	c.stop(errDisconnected)
	return nil
}

func (s *session) setExpiry(c *Client, seconds uint32) {
	s.mu.Lock()
	defer s.unlock()
	if s.client == c {
		s.expiry = seconds
	}
}
