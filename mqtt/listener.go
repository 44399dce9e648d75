package mqtt

import (
	"context"
	"log/slog"
	"net"
)

// Listener brings connections to a Server. Implementations need not know this
// package; those of package listeners do not.
type Listener interface {
	// ID names the listener, unique within a server.
	ID() string
	// Address is the address bound by Listen, such as "127.0.0.1:1883".
	Address() string
	// Protocol is "tcp", "tls", "ws", "wss", "unix", "memory" or a word of its own.
	Protocol() string
	// Listen binds the address. Its error names the address and the cure.
	Listen(log *slog.Logger) error
	// Serve accepts until Close and calls establish for every connection, each
	// on a goroutine of its own; establish returns when the connection is over.
	// Serve returns when all of them have returned, nil after Close.
	Serve(establish func(net.Conn) error) error
	// Close stops accepting. It may be called twice and does not end
	// connections that were established.
	Close(ctx context.Context) error
}
