package bench

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the WebSocket handshake is defined with it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// wsConn is the client's side of a WebSocket connection as a stream: what is
// written goes as one binary frame, what is read are the payloads of frames.
// One goroutine may read while others write, as the caller's lock orders.
type wsConn struct {
	net.Conn
	r    *bufio.Reader
	left int64 // bytes of the frame in hand
	out  []byte
}

const (
	wsContinuation = 0x0
	wsBinary       = 0x2
	wsClose        = 0x8
	wsMask         = 0x80
	wsAccept       = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, section 1.3
)

// upgrade makes the opening handshake. It closes conn if that fails.
func upgrade(ctx context.Context, conn net.Conn, u *url.URL) (_ net.Conn, err error) {
	defer func() {
		if err != nil {
			_ = conn.Close() // the handshake's error is the one to tell
		}
	}()
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	path := *u
	path.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	if path.Path == "" {
		path.Path = "/mqtt"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "mqtt",
	} {
		req.Header.Set(name, value)
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(conn, 64<<10)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, fmt.Errorf("WebSocket handshake: %w", err)
	}
	_ = resp.Body.Close()                   // nothing is left of an upgraded response
	sum := sha1.Sum([]byte(key + wsAccept)) //nolint:gosec // see above
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("WebSocket handshake: the server answered %s", resp.Status)
	}
	return &wsConn{Conn: conn, r: r}, nil
}

// Read reads from the payloads of data frames; other frames are passed over.
func (c *wsConn) Read(b []byte) (int, error) {
	for c.left == 0 {
		if err := c.nextFrame(); err != nil {
			return 0, err
		}
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

func (c *wsConn) nextFrame() error {
	var head [10]byte
	if _, err := io.ReadFull(c.r, head[:2]); err != nil {
		return err
	}
	size := int64(head[1] &^ wsMask)
	switch size {
	case 126:
		if _, err := io.ReadFull(c.r, head[2:4]); err != nil {
			return err
		}
		size = int64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		if _, err := io.ReadFull(c.r, head[2:10]); err != nil {
			return err
		}
		size = int64(binary.BigEndian.Uint64(head[2:]) &^ (1 << 63))
	}
	switch op := head[0] & 15; op {
	case wsBinary, wsContinuation:
		c.left = size
		return nil
	case wsClose:
		return io.EOF
	case 9, 10: // pings go unanswered: no run is long enough to be missed
		_, err := c.r.Discard(int(size))
		return err
	default:
		return errors.New("a WebSocket frame that is not binary")
	}
}

// Write sends b as one frame. The mask is zero, which servers must accept and
// which costs neither side more than it must.
func (c *wsConn) Write(b []byte) (int, error) {
	c.out = append(c.out[:0], wsMask|wsBinary) // the highest bit says: the last fragment
	switch {
	case len(b) < 126:
		c.out = append(c.out, wsMask|byte(len(b)))
	case len(b) < 1<<16:
		c.out = binary.BigEndian.AppendUint16(append(c.out, wsMask|126), uint16(len(b)))
	default:
		c.out = binary.BigEndian.AppendUint64(append(c.out, wsMask|127), uint64(len(b)))
	}
	c.out = append(append(c.out, 0, 0, 0, 0), b...)
	if _, err := c.Conn.Write(c.out); err != nil {
		return 0, err
	}
	return len(b), nil
}
