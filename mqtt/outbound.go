package mqtt

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// outbound is what waits to be written to one Network Connection. Anybody may
// append under its lock; whoever holds writing writes, without the lock, and
// nobody else does. Bytes leave in the order in which they were appended.
type outbound struct {
	mu      sync.Mutex
	buf     []byte // appended, not yet handed to the transport
	pending int    // bytes of buf and of the write under way
	// pendingHint mirrors pending for readers without the lock.
	pendingHint atomic.Int64
	writing     bool
	closed      bool // nothing is accepted any more: DISCONNECT or the end
	starved     bool // the session waits for room
	owes        bool // the transport has bytes of its own to write
	drained     chan struct{}

	// lastRouter appended last: it will flush, so it need not note this
	// receiver again.
	lastRouter *router
	listed     bool // for the next joint flush

	aliases aliasTable

	bytes    int64 // appended since the connection began
	messages int64 // PUBLISH packets among them
}

var errOutboundClosed = errors.New("the connection is closing")

// maximumRounds bounds how long a flush by one publisher writes for others
// that keep appending; then a writer goroutine takes over.
const maximumRounds = 4

// roomLocked returns the buffer with room for n bytes. o.mu is held.
func (o *outbound) roomLocked(n int) []byte {
	if o.buf == nil {
		o.buf = borrow(max(n, 1))
	}
	return withRoom(o.buf, n)
}

// commitLocked stores the buffer after packets were appended. o.mu is held.
func (o *outbound) commitLocked(buf []byte) {
	o.pending += len(buf) - len(o.buf)
	o.bytes += int64(len(buf) - len(o.buf))
	o.pendingHint.Store(int64(o.pending))
	o.buf = buf
}

// appendPacket queues one control packet, which the next flush sends. It is
// for packets that are not on the hot path, and must not be called under a lock.
func (c *Client) appendPacket(pk packets.Packet) (err error) {
	set := c.server.hooks.load()
	if set.wantsSent() {
		defer c.closeOnPanic(&err)
	}
	if set.onPacketEncode != nil {
		pk = set.encodePacket(c, pk)
	}
	scratch := borrow(smallBuffer)
	b, err := c.encode(scratch, pk)
	if err == nil {
		err = c.appendBytes(pk.Type(), b)
	}
	if err == nil {
		set.packetSent(c, pk, b)
	}
	if cap(b) != cap(scratch) {
		giveBack(b)
	}
	giveBack(scratch)
	return err
}

// closeOnPanic, deferred around hooks that are called for this client on
// somebody else's goroutine, ends this client's connection and no other.
func (c *Client) closeOnPanic(err *error) {
	if p := recover(); p != nil {
		c.server.panicked(p)
		*err = fmt.Errorf("panic: %v", p)
		c.kill(*err)
	}
}

// appendBytes queues one encoded packet.
func (c *Client) appendBytes(t packets.Type, b []byte) error {
	if c.exceeds(b) {
		return packets.ErrPacketTooLarge // [MQTT-3.1.2-24]
	}
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errOutboundClosed
	}
	o.commitLocked(append(o.roomLocked(len(b)), b...))
	if t == packets.TypePublish {
		o.messages++
	}
	o.closed = t == packets.TypeDisconnect // nothing follows it [MQTT-3.14.4-1]
	c.server.stats.sent(t, len(b))
	return nil
}

// send queues a packet and flushes.
func (c *Client) send(pk packets.Packet) error {
	if err := c.appendPacket(pk); err != nil {
		return err
	}
	c.flush()
	return nil
}

// appendAck queues a PUBACK, PUBREC, PUBREL or PUBCOMP, which the next flush sends.
func (c *Client) appendAck(t packets.Type, packetID uint16, code packets.Code) {
	set := c.server.hooks.load()
	if set.wantsSent() {
		_ = c.appendPacket(ackPacket(t, packetID, code)) // a closed queue needs no acknowledgement
		return
	}
	o := &c.out
	o.mu.Lock()
	if !o.closed {
		buf := appendAck(o.roomLocked(8), t, c.version, packetID, code)
		c.server.stats.sent(t, len(buf)-len(o.buf))
		o.commitLocked(buf)
	}
	o.mu.Unlock()
}

func appendAck(dst []byte, t packets.Type, v packets.Version, packetID uint16, code packets.Code) []byte {
	switch t {
	case packets.TypePuback:
		return packets.AppendPuback(dst, v, packetID, code)
	case packets.TypePubrec:
		return packets.AppendPubrec(dst, v, packetID, code)
	case packets.TypePubrel:
		return packets.AppendPubrel(dst, v, packetID, code)
	default:
		return packets.AppendPubcomp(dst, v, packetID, code)
	}
}

// refuseAck queues a PUBACK or PUBREC that says why a PUBLISH is refused.
func (c *Client) refuseAck(t packets.Type, packetID uint16, err error) {
	code := codeFor(err)
	pk := ackPacket(t, packetID, code)
	if c.problemInformation {
		switch pk := pk.(type) {
		case *packets.Puback:
			pk.Properties.ReasonString = reasonString(err)
		case *packets.Pubrec:
			pk.Properties.ReasonString = reasonString(err)
		}
	}
	_ = c.appendPacket(pk) // a closed queue needs no acknowledgement
}

func ackPacket(t packets.Type, packetID uint16, code packets.Code) packets.Packet {
	switch t {
	case packets.TypePuback:
		return &packets.Puback{PacketID: packetID, Code: code}
	case packets.TypePubrec:
		return &packets.Pubrec{PacketID: packetID, Code: code}
	case packets.TypePubrel:
		return &packets.Pubrel{PacketID: packetID, Code: code}
	default:
		return &packets.Pubcomp{PacketID: packetID, Code: code}
	}
}

// readsAnswers finds a client that asks and does not read the answers: what
// others send it stops at MaximumClientWritesPending, answers do not.
func (c *Client) readsAnswers() error {
	capabilities := &c.server.options.Capabilities
	most := 2*int64(capabilities.MaximumClientWritesPending) + int64(capabilities.MaximumPacketSize)
	if pending := c.out.pendingHint.Load(); pending > most {
		return protocolErrorf(packets.ErrQuotaExceeded, "%d bytes wait for a client that does not read them", pending)
	}
	return nil
}

// flush writes what is queued as far as the kernel takes it at once. What it
// does not take is left to a writer goroutine that ends when the queue is empty.
func (c *Client) flush() {
	o := &c.out
	o.mu.Lock()
	o.lastRouter = nil
	if o.writing || o.emptyLocked() {
		o.mu.Unlock()
		return
	}
	o.writing = true
	for range maximumRounds {
		buf := o.takeLocked()
		o.mu.Unlock()
		n, all, err := c.transport.tryWrite(buf)
		if err != nil {
			giveBack(buf)
			c.writeFailed(err)
			return
		}
		if !all {
			c.startWriter(buf, n)
			return
		}
		giveBack(buf)
		o.mu.Lock()
		o.pending -= n
		o.pendingHint.Store(int64(o.pending))
		if o.emptyLocked() {
			if c.idleLocked() {
				c.server.spawn(c.resume)
			}
			return
		}
	}
	o.mu.Unlock()
	c.startWriter(nil, 0)
}

// takeLocked takes the queued bytes out. o.mu and o.writing are held.
func (o *outbound) takeLocked() []byte {
	buf := o.buf
	o.buf, o.owes = nil, false
	return buf
}

// emptyLocked tells that there is nothing to write. o.mu is held.
func (o *outbound) emptyLocked() bool { return len(o.buf) == 0 && !o.owes }

// flushOwed writes what the transport has of its own.
func (c *Client) flushOwed() {
	c.out.mu.Lock()
	c.out.owes = true
	c.out.mu.Unlock()
	c.flush()
}

// idleLocked ends a writer's duty: the queue is empty. It unlocks o.mu and
// tells whether the session waits for room.
func (c *Client) idleLocked() (starved bool) {
	o := &c.out
	o.writing = false
	starved = o.starved
	o.starved = false
	if o.drained != nil {
		close(o.drained)
		o.drained = nil
	}
	o.mu.Unlock()
	return starved
}

// startWriter starts the goroutine that writes the backlog. The caller holds
// o.writing and passes it on. It ends when the queue is empty or the
// connection fails; Server.Close waits for it.
func (c *Client) startWriter(buf []byte, written int) {
	if !c.server.spawn(func() { c.writeBacklog(buf, written) }) {
		c.writeFailed(ErrServerClosed)
	}
}

func (c *Client) writeBacklog(buf []byte, written int) {
	o := &c.out
	for {
		if err := c.transport.write(buf[written:]); err != nil {
			giveBack(buf)
			c.writeFailed(err)
			return
		}
		giveBack(buf)
		o.mu.Lock()
		o.pending -= len(buf)
		o.pendingHint.Store(int64(o.pending))
		if o.emptyLocked() {
			if c.idleLocked() {
				c.resume()
			}
			return
		}
		buf, written = o.takeLocked(), 0
		o.mu.Unlock()
	}
}

// writeFailed ends the connection after a write error. o.writing is held.
func (c *Client) writeFailed(err error) {
	o := &c.out
	c.setEnding(err) // before pending is 0, which would look like room
	o.mu.Lock()
	o.closed = true
	giveBack(o.takeLocked())
	o.pending = 0
	o.pendingHint.Store(0)
	c.idleLocked()
	c.kill(err)
}

// resume lets the session send what waited for room. It may take a while, so it
// runs on a writer's goroutine and never on that of a publisher.
func (c *Client) resume() {
	if s := c.session.Load(); s != nil {
		s.pump(c)
		c.flush()
	}
}

const forever = time.Duration(math.MaxInt64)

// waitDrained waits until everything queued was written, at most for d.
func (c *Client) waitDrained(d time.Duration) {
	o := &c.out
	o.mu.Lock()
	o.closed = true
	if !o.writing && o.emptyLocked() {
		o.mu.Unlock()
		return
	}
	if o.drained == nil {
		o.drained = make(chan struct{})
	}
	drained := o.drained
	o.mu.Unlock()
	c.flush()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
	}
}
