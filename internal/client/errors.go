package client

import (
	"errors"
	"fmt"

	"github.com/linnetmq/linnet/packets"
)

// ErrClosed is the reason after Disconnect and Close.
var ErrClosed = errors.New("the client is closed")

// RefusedError is a CONNACK that refuses the client.
type RefusedError struct {
	Code   packets.Code // of MQTT 5.0, also for older versions
	Reason string       // the server's words, if it gave any
}

// Error returns the code's words, and the server's.
func (e *RefusedError) Error() string {
	return "the server refused: " + words(e.Code, e.Reason)
}

// Unwrap returns the code.
func (e *RefusedError) Unwrap() error { return e.Code }

// DisconnectedError is a DISCONNECT by the server.
type DisconnectedError struct {
	Code   packets.Code
	Reason string // the server's words, if it gave any
}

// Error returns the code's words, and the server's.
func (e *DisconnectedError) Error() string {
	return "the server disconnected: " + words(e.Code, e.Reason)
}

// Unwrap returns the code.
func (e *DisconnectedError) Unwrap() error { return e.Code }

func words(code packets.Code, reason string) string {
	if reason == "" || reason == code.String() {
		return code.String()
	}
	return fmt.Sprintf("%s (%s)", code, reason)
}
