package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// conn is one MQTT connection. Its reader goroutine handles packets in batches;
// any goroutine may write.
type conn struct {
	net      net.Conn
	clientID string
	version  packets.Version
	connack  packets.Connack

	mu sync.Mutex // orders writes

	closing atomic.Bool // the end of the connection is no surprise
}

// handler gets the packets of one connection from its reader goroutine.
type handler interface {
	// packet gets a packet's first byte and body, which is valid during the call.
	packet(first byte, body []byte) error
	// batch is called when all packets of one read were handled. now is when
	// they were read.
	batch(now int64) error
}

// identity is what a connection says in its CONNECT.
type identity struct {
	clientID string
	durable  bool // resume the session, and keep it for an hour
}

// connect dials and completes CONNECT.
func (b *bench) connect(ctx context.Context, id identity) (*conn, error) {
	nc, err := b.target.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", id.clientID, err)
	}
	c := &conn{net: nc, clientID: id.clientID, version: b.cfg.Version}
	if err := c.handshake(b.connectPacket(id)); err != nil {
		_ = nc.Close() // the handshake's error is the one to tell
		return nil, fmt.Errorf("connect %s: %w", id.clientID, err)
	}
	return c, nil
}

func (b *bench) connectPacket(id identity) *packets.Connect {
	pk := &packets.Connect{Version: b.cfg.Version, ClientID: id.clientID, CleanStart: !id.durable}
	if b.cfg.Username != "" {
		pk.Username, pk.UsernameFlag = b.cfg.Username, true
		pk.Password, pk.PasswordFlag = []byte(b.cfg.Password), true
	}
	if b.cfg.Version == packets.V5 {
		pk.Properties.ReceiveMaximum = 65535
		if id.durable {
			pk.Properties.SessionExpiryInterval = 3600
		}
	}
	return pk
}

func (c *conn) handshake(pk *packets.Connect) error {
	if err := c.net.SetReadDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	if err := c.send(pk); err != nil {
		return err
	}
	answer, err := c.receive()
	if err != nil {
		return err
	}
	connack, ok := answer.(*packets.Connack)
	switch {
	case !ok:
		return fmt.Errorf("the broker answered CONNECT with %s", answer.Type())
	case connack.Code.Failed():
		return fmt.Errorf("the broker refused: %w %s", connack.Code, connack.Properties.ReasonString)
	}
	c.connack = *connack
	return c.net.SetReadDeadline(time.Time{})
}

// send encodes one packet and writes it.
func (c *conn) send(pk packets.Packet) error {
	b, err := pk.Append(nil, c.version)
	if err != nil {
		return err
	}
	return c.write(b)
}

// write writes all of b, and blocks until the kernel has taken it.
func (c *conn) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.net.Write(b)
	return err
}

// receive reads exactly one packet. It is for the time before serve.
func (c *conn) receive() (packets.Packet, error) {
	buf := make([]byte, 2, 64)
	if _, err := io.ReadFull(c.net, buf); err != nil {
		return nil, err
	}
	for {
		first, n, size, err := packets.ScanHeader(buf)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			body := make([]byte, size)
			held := copy(body, buf[n:])
			if _, err := io.ReadFull(c.net, body[held:]); err != nil {
				return nil, err
			}
			return packets.Decode(first, body, c.version)
		}
		buf = append(buf, 0)
		if _, err := io.ReadFull(c.net, buf[len(buf)-1:]); err != nil {
			return nil, err
		}
	}
}

// subscribe subscribes and waits for the SUBACK. It is for the time before
// serve, and nothing but the SUBACK may come.
func (c *conn) subscribe(id uint16, qos byte, filters ...string) error {
	pk := &packets.Subscribe{PacketID: id}
	for _, f := range filters {
		pk.Subscriptions = append(pk.Subscriptions, packets.Subscription{Filter: f, QoS: qos})
	}
	if err := c.send(pk); err != nil {
		return err
	}
	answer, err := c.receive()
	if err != nil {
		return fmt.Errorf("waiting for SUBACK: %w", err)
	}
	suback, ok := answer.(*packets.Suback)
	if !ok {
		return fmt.Errorf("the broker answered SUBSCRIBE with %s", answer.Type())
	}
	for i, code := range suback.Codes {
		if code.Failed() || byte(code) != qos {
			return fmt.Errorf("subscription to %s was granted %w, want QoS %d", filters[min(i, len(filters)-1)], code, qos)
		}
	}
	return nil
}

const (
	smallestRead = 4 << 10
	largestRead  = 256 << 10
)

// serve reads until the connection ends and hands every packet to h. Its buffer
// grows with what comes. It returns nil if close was called.
func (c *conn) serve(h handler, clock func() int64) error {
	buf := make([]byte, 0, smallestRead)
	for {
		n, err := c.net.Read(buf[len(buf):cap(buf)])
		now := clock()
		buf = buf[:len(buf)+n]
		used, fault := split(buf, h)
		if fault == nil {
			fault = h.batch(now)
		}
		if fault != nil {
			return fault
		}
		if len(buf) == cap(buf) && (used == 0 || cap(buf) < largestRead) {
			buf = append(make([]byte, 0, 2*cap(buf)), buf[used:]...)
		} else {
			buf = buf[:copy(buf, buf[used:])]
		}
		if err != nil && c.closing.Load() {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the connection ended: %w", err)
		}
	}
}

// split hands the complete packets at the start of b to h.
func split(b []byte, h handler) (used int, err error) {
	for used < len(b) {
		first, n, size, err := packets.ScanHeader(b[used:])
		if err != nil {
			return used, err
		}
		if n == 0 || used+n+size > len(b) {
			return used, nil
		}
		if err := h.packet(first, b[used+n:used+n+size]); err != nil {
			return used, err
		}
		used += n + size
	}
	return used, nil
}

// close says DISCONNECT and closes.
func (c *conn) close() {
	c.closing.Store(true)
	_ = c.net.SetWriteDeadline(time.Now().Add(time.Second)) // an error shows at the write
	_ = c.send(&packets.Disconnect{})                       // the broker may have gone
	_ = c.net.Close()
}

// unexpected turns a packet nobody asked for into an error.
func unexpected(first byte, body []byte, v packets.Version) error {
	pk, err := packets.Decode(first, body, v)
	if err != nil {
		return err
	}
	if d, ok := pk.(*packets.Disconnect); ok {
		return fmt.Errorf("the broker disconnects: %w %s", d.Code, d.Properties.ReasonString)
	}
	return fmt.Errorf("unexpected %s from the broker", pk.Type())
}
