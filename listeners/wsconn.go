package listeners

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// wsGoodbye bounds how long a close frame may take to reach the kernel.
const wsGoodbye = 100 * time.Millisecond

// wsError is a breach of the WebSocket protocol and the status it is closed with.
type wsError struct {
	status ws.StatusCode
	reason string
}

// Error tells what the client did.
func (e *wsError) Error() string { return "WebSocket: " + e.reason }

// errTextFrame answers anything but binary data frames [MQTT-6.0.0-1].
var errTextFrame = &wsError{ws.StatusUnsupportedData, "a text frame, MQTT needs binary frames"}

// WebsocketConn is the MQTT byte stream inside a WebSocket: Read returns payload
// bytes without regard to frames [MQTT-6.0.0-2], Write sends one binary frame.
// Pings are answered and a close frame is returned by Read, which must therefore
// be going on, by one goroutine at a time. Write may be called by several.
//
// It holds no buffer. Read decodes in the caller's, so a large one saves work.
type WebsocketConn struct {
	conn      net.Conn
	origin    string
	forwarded bool   // an HTTP proxy passed the request on
	early     []byte // sent behind the handshake, not yet read
	decoder   wsDecoder
	readErr   error // ends all reading

	writer  wsWriter
	pong    atomic.Pointer[[]byte] // payload of the newest ping without an answer
	closing atomic.Bool
}

// newWebsocketConn wraps a connection whose handshake is done. It owns early,
// the bytes that were received behind the handshake.
func newWebsocketConn(conn net.Conn, early []byte) *WebsocketConn {
	return &WebsocketConn{conn: conn, early: early, decoder: newWSDecoder(), writer: newWSWriter(conn)}
}

// NetConn returns the connection inside, which is a *tls.Conn for wss.
func (c *WebsocketConn) NetConn() net.Conn { return c.conn }

// Origin returns the web origin of the page that opened the connection in a
// browser, as the browser told it ("https://app.example.com"), or "" if the
// client is no browser.
func (c *WebsocketConn) Origin() string { return c.origin }

// Read fills p with payload bytes of binary frames. It returns io.EOF when the
// client has said goodbye, and an error after closing the connection when the
// client breaks the protocol. A Read that ran into its deadline can be repeated.
func (c *WebsocketConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for c.readErr == nil {
		n, err := c.receive(p)
		payload := c.decode(p[:n])
		if payload > 0 {
			return payload, nil // an error comes again with the next Read
		}
		if err != nil && c.readErr == nil {
			return 0, err
		}
	}
	return 0, c.readErr
}

// receive reads raw bytes, first those that came with the handshake.
func (c *WebsocketConn) receive(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.conn.Read(p)
}

// decode moves the payload in raw to its front and returns how much it is.
// Control frames are answered on the way.
func (c *WebsocketConn) decode(raw []byte) (payload int) {
	for next := 0; next < len(raw) && c.readErr == nil; {
		var control bool
		var err error
		next, payload, control, err = c.decoder.next(raw, next, payload)
		switch {
		case err != nil:
			c.readErr = c.fail(err)
		case control:
			c.readErr = c.answer(c.decoder.frame.OpCode, c.decoder.control)
		}
	}
	return payload
}

// answer reacts to a control frame and returns the error that ends reading, if any.
func (c *WebsocketConn) answer(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		return c.answerPing(payload)
	case ws.OpClose:
		return c.answerClose(payload)
	default:
		return nil // an unasked pong is allowed and says nothing
	}
}

// answerPing sends a pong, or leaves it to the Write that is going on: a reader
// never waits for a writer. Only the newest ping needs an answer.
func (c *WebsocketConn) answerPing(payload []byte) error {
	payload = append([]byte(nil), payload...)
	c.pong.Store(&payload)
	return c.flushPong()
}

// flushPong sends the pong that is due unless somebody writes; whoever writes
// calls it afterwards.
func (c *WebsocketConn) flushPong() error {
	for c.pong.Load() != nil && c.writer.tryLock() {
		var err error
		if payload := c.pong.Swap(nil); payload != nil {
			_, err = c.writer.frameLocked(ws.OpPong, *payload)
		}
		c.writer.unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// answerClose completes the closing handshake. It returns io.EOF after a proper one.
func (c *WebsocketConn) answerClose(payload []byte) error {
	if len(payload) == 0 {
		c.goodbye(ws.StatusNormalClosure, "")
		return io.EOF
	}
	if len(payload) == 1 {
		return c.fail(&wsError{ws.StatusProtocolError, "a close frame of one byte"})
	}
	status, reason := ws.ParseCloseFrameData(payload)
	if err := ws.CheckCloseFrameData(status, reason); err != nil {
		return c.fail(&wsError{ws.StatusProtocolError, err.Error()})
	}
	c.goodbye(status, "")
	return io.EOF
}

// fail tells the client what it did wrong and closes the connection
// [MQTT-6.0.0-1]. It returns err for the reader.
func (c *WebsocketConn) fail(err error) error {
	status := ws.StatusProtocolError
	if breach, ok := errors.AsType[*wsError](err); ok {
		status = breach.status
	}
	c.goodbye(status, err.Error())
	c.conn.Close() // err is what matters
	return err
}

// Write sends b as one binary frame [MQTT-6.0.0-1]. After an error that cut a
// frame in two every later Write fails.
func (c *WebsocketConn) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.writer.lock()
	n, err := c.writer.frameLocked(ws.OpBinary, b)
	c.writer.unlock()
	if err != nil {
		return n, err
	}
	if err := c.flushPong(); err != nil {
		return n, fmt.Errorf("answer ping: %w", err)
	}
	return n, nil
}

// Close says goodbye if the socket takes it at once, and closes the connection.
func (c *WebsocketConn) Close() error {
	c.goodbye(ws.StatusNormalClosure, "")
	return c.conn.Close()
}

// goodbye sends a close frame, once, unless a writer or the socket is stuck.
func (c *WebsocketConn) goodbye(status ws.StatusCode, reason string) {
	if c.closing.Swap(true) || !c.writer.lockWithin(wsGoodbye) {
		return
	}
	defer c.writer.unlock()
	if c.conn.SetWriteDeadline(time.Now().Add(wsGoodbye)) == nil {
		// Best effort: the connection ends either way.
		_, _ = c.writer.frameLocked(ws.OpClose, ws.NewCloseFrameBody(status, reason))
	}
	c.writer.endLocked()
}

// LocalAddr returns the listener's side of the connection inside.
func (c *WebsocketConn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the client's address, the one the PROXY header named if any.
func (c *WebsocketConn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets both deadlines of the connection inside.
func (c *WebsocketConn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline sets the read deadline of the connection inside.
func (c *WebsocketConn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline sets the write deadline of the connection inside.
func (c *WebsocketConn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }
