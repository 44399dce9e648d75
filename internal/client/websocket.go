package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// webSocketConn is a byte stream over the binary frames of a WebSocket. Reading
// is for one goroutine; writing for many.
type webSocketConn struct {
	net.Conn
	in   *bufio.Reader
	left int64 // of the payload of the frame being read

	mu     sync.Mutex // one frame at a time is written
	closed bool       // a close frame was sent
}

func newWebSocketConn(conn net.Conn, early *bufio.Reader) *webSocketConn {
	if early == nil {
		early = bufio.NewReader(conn)
	}
	return &webSocketConn{Conn: conn, in: early}
}

// Read reads from the payload of data frames and answers control frames.
func (c *webSocketConn) Read(p []byte) (int, error) {
	for c.left == 0 {
		if err := c.nextFrame(); err != nil {
			return 0, err
		}
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// nextFrame reads a frame's header; a control frame it handles altogether.
func (c *webSocketConn) nextFrame() error {
	h, err := ws.ReadHeader(c.in)
	if err != nil {
		return err
	}
	switch {
	case h.Masked:
		return errors.New("WebSocket: the server sent a masked frame")
	case h.OpCode == ws.OpBinary || h.OpCode == ws.OpContinuation:
		c.left = h.Length
		return nil
	case h.OpCode.IsControl() && h.Length <= ws.MaxControlFramePayloadSize:
		return c.control(h)
	}
	return fmt.Errorf("WebSocket: the server sent a frame of type %d, not binary", h.OpCode) // [MQTT-6.0.0-1]
}

func (c *webSocketConn) control(h ws.Header) error {
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return c.frame(ws.NewPongFrame(payload))
	case ws.OpClose:
		_ = c.frame(ws.NewCloseFrame(payload)) // the server may be gone already
		return io.EOF
	default:
		return nil // an unasked pong says nothing
	}
}

// Write sends p as one binary frame.
func (c *webSocketConn) Write(p []byte) (int, error) {
	if err := c.frame(ws.NewBinaryFrame(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *webSocketConn) frame(f ws.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = f.Header.OpCode == ws.OpClose
	b, err := ws.CompileFrame(ws.MaskFrame(f))
	if err != nil {
		return err
	}
	_, err = c.Conn.Write(b)
	return err
}

// goodbyePatience is how long a peer that takes nothing may hold up Close.
const goodbyePatience = time.Second

// Close says goodbye and closes the connection.
func (c *webSocketConn) Close() error {
	_ = c.Conn.SetWriteDeadline(time.Now().Add(goodbyePatience))                    // frees a writer that is stuck, too
	_ = c.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))) // the server may be gone already
	return c.Conn.Close()
}
