package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/gobwas/ws"
)

// Dial connects to o.URL and returns when the server has accepted the client.
// The connection outlives ctx. A refusal is a *RefusedError.
func Dial(ctx context.Context, o Options) (*Client, error) {
	t, err := ParseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if t.HasUser && o.Username == "" && !o.UsernameFlag {
		o.Username, o.UsernameFlag = t.Username, true
	}
	if t.HasPass && len(o.Password) == 0 && !o.PasswordFlag {
		o.Password, o.PasswordFlag = []byte(t.Password), true
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no answer within %s", o.Timeout))
	defer cancel()
	conn, err := t.dial(ctx, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Address, because(ctx, plain(err)))
	}
	c, err := Connect(ctx, conn, o)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Address, err)
	}
	return c, nil
}

// dial opens the stream that carries MQTT.
func (t *Target) dial(ctx context.Context, config *tls.Config) (net.Conn, error) {
	var d net.Dialer
	switch t.Scheme {
	case "unix":
		return d.DialContext(ctx, "unix", t.Address)
	case "mqtts":
		secure := tls.Dialer{NetDialer: &d, Config: config}
		return secure.DialContext(ctx, "tcp", t.Address)
	case "ws", "wss":
		return t.dialWebSocket(ctx, config)
	default:
		return d.DialContext(ctx, "tcp", t.Address)
	}
}

func (t *Target) dialWebSocket(ctx context.Context, config *tls.Config) (net.Conn, error) {
	d := ws.Dialer{Protocols: []string{"mqtt"}, TLSConfig: config}
	conn, early, handshake, err := d.Dial(ctx, t.Scheme+"://"+t.Address+t.Path)
	if status, ok := errors.AsType[ws.StatusError](err); ok {
		return nil, fmt.Errorf("the server answered HTTP %d instead of a WebSocket at %s", int(status), t.Path)
	}
	if err != nil {
		return nil, err
	}
	if handshake.Protocol != "mqtt" { // [MQTT-6.0.0-4]
		conn.Close() // the error that matters is this one
		return nil, errors.New("the WebSocket server does not speak the subprotocol mqtt")
	}
	return newWebSocketConn(conn, early), nil
}

// plain strips the layer that only repeats the operation and the address.
func plain(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return op.Err
	}
	return err
}

// because tells why a context ended, if that is why the operation failed.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
