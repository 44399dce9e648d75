package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Client is a connection that a server has accepted. All methods may be called
// from many goroutines.
type Client struct {
	conn      net.Conn
	reader    *packets.Reader
	version   packets.Version
	connack   *packets.Connack
	onMessage func(*packets.Publish)
	keepAlive time.Duration
	window    chan struct{} // a place per QoS 1 or 2 message under way: the Receive Maximum

	inbound map[uint16]struct{} // QoS 2 identifiers not released yet; the reader's
	aliases map[uint16]string   // Topic Aliases of the server; the reader's

	lastWrite  atomic.Int64 // unix nanoseconds
	unanswered atomic.Bool  // a PINGREQ waits for any sign of life
	busy       atomic.Bool  // OnMessage runs, so nothing is read

	writeMu sync.Mutex // one packet at a time is encoded and written
	buf     []byte

	mu     sync.Mutex
	flows  map[uint16]*Flow
	nextID uint16
	err    error

	done       chan struct{} // closed with err set
	goroutines sync.WaitGroup
}

// Connect is Dial on a connection that is there already; it owns conn from now
// on and closes it if the server refuses.
func Connect(ctx context.Context, conn net.Conn, o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		conn.Close() // it was handed over
		return nil, err
	}
	c := &Client{
		conn: conn, reader: packets.NewReader(conn, 0), version: o.Version, onMessage: o.OnMessage,
		inbound: make(map[uint16]struct{}), aliases: make(map[uint16]string),
		flows: make(map[uint16]*Flow), done: make(chan struct{}),
	}
	c.reader.SetVersion(o.Version)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) }) // a dead connection needs none
	err = c.handshake(o.connect())
	if !stop() {
		err = because(ctx, err)
	}
	if err != nil {
		conn.Close() // the error that matters is the one before
		return nil, err
	}
	c.apply(&o)
	c.goroutines.Go(c.read)
	if c.keepAlive > 0 {
		c.goroutines.Go(c.ping)
	}
	return c, nil
}

// handshake sends CONNECT and waits for CONNACK.
func (c *Client) handshake(pk *packets.Connect) error {
	if err := c.write(pk); err != nil {
		return err
	}
	answer, err := c.reader.ReadPacket()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server closed the connection without an answer")
	}
	if err != nil {
		return err
	}
	ack, ok := answer.(*packets.Connack)
	if !ok {
		return fmt.Errorf("the server answered %s instead of CONNACK", answer.Type())
	}
	if ack.Code.Failed() {
		return &RefusedError{Code: ack.Code, Reason: ack.Properties.ReasonString}
	}
	c.connack = ack
	return nil
}

// apply takes over what CONNACK said.
func (c *Client) apply(o *Options) {
	c.keepAlive = o.KeepAlive
	if p := &c.connack.Properties; p.Has(packets.PropServerKeepAlive) {
		c.keepAlive = time.Duration(p.ServerKeepAlive) * time.Second
	}
	places := o.Inflight
	if most := int(c.connack.Properties.ReceiveMaximum); most > 0 {
		places = min(places, most)
	}
	c.window = make(chan struct{}, places)
}

// Connack is the server's answer to the CONNECT.
func (c *Client) Connack() *packets.Connack { return c.connack }

// Done is closed when the connection is over; Err tells why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil while the connection lasts. After Disconnect and Close it is
// ErrClosed, after a DISCONNECT of the server a *DisconnectedError.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Disconnect sends DISCONNECT, waits until the server has closed the connection
// or ctx ends, and closes it: what was sent before has arrived then. With
// packets.CodeDisconnectWithWill the server publishes the Will Message (v5).
func (c *Client) Disconnect(ctx context.Context, code packets.Code) error {
	err := c.write(&packets.Disconnect{Code: code})
	if err == nil {
		select {
		case <-c.done:
		case <-ctx.Done():
		}
	}
	c.finish(ErrClosed)
	c.goroutines.Wait()
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// Close cuts the connection without a word: the server publishes the Will
// Message. Twice is harmless. It must not be called from OnMessage.
func (c *Client) Close() error {
	c.finish(ErrClosed)
	c.goroutines.Wait()
	return nil
}

// setErr keeps the first reason for the end.
func (c *Client) setErr(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// finish ends the connection and every flow that waits.
func (c *Client) finish(err error) {
	c.setErr(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
	default:
		close(c.done)
		c.conn.Close() // it may be closed by the server already
	}
}

// write encodes and sends one packet. An error of the connection ends it.
func (c *Client) write(pk packets.Packet) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if err := c.Err(); err != nil {
		return err
	}
	b, err := pk.Append(c.buf[:0], c.version)
	if err != nil {
		return fmt.Errorf("encode %s: %w", pk.Type(), err)
	}
	c.buf = b
	if cap(c.buf) > maxKeptBuffer {
		c.buf = nil
	}
	if pk.Type() == packets.TypeDisconnect {
		c.setErr(ErrClosed) // nothing may follow it [MQTT-3.14.4-2]
	}
	if _, err := c.conn.Write(b); err != nil {
		err = fmt.Errorf("send %s: %w", pk.Type(), err)
		c.finish(err)
		return err
	}
	c.lastWrite.Store(time.Now().UnixNano())
	return nil
}

// maxKeptBuffer is how large the encoding buffer may stay between packets.
const maxKeptBuffer = 64 << 10

// randomID makes a ClientID fit for MQTT 3.1.
func randomID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return "linnet-" + hex.EncodeToString(b[:])
}
