// Command listener is a broker with a listener of its own: one that admits so
// many connections at a time and lets the next wait.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
)

// turnstile implements mqtt.Listener.
type turnstile struct {
	addr  string
	seats chan struct{} // one token for each connection
	net.Listener
}

func (*turnstile) ID() string        { return "turnstile" }
func (*turnstile) Protocol() string  { return "tcp" }
func (t *turnstile) Address() string { return t.Addr().String() }
func (t *turnstile) Listen(*slog.Logger) (err error) {
	t.Listener, err = net.Listen("tcp", t.addr)
	return err
}

// Serve accepts until Close. establish returns when a connection is over.
func (t *turnstile) Serve(establish func(net.Conn) error) error {
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		t.seats <- struct{}{}
		conn, err := t.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		connections.Go(func() {
			defer func() { <-t.seats }()
			fmt.Println("seated", len(t.seats))
			_ = establish(conn) // the server has logged it
		})
	}
}

func (t *turnstile) Close(context.Context) error {
	if err := t.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

var _ mqtt.Listener = (*turnstile)(nil)

func main() {
	addr := flag.String("addr", ":1883", "address to listen on")
	seats := flag.Int("seats", 100, "connections at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	server := mqtt.New(nil)
	own := &turnstile{addr: *addr, seats: make(chan struct{}, *seats)}
	if err := errors.Join(server.AddHook(new(auth.AllowHook), nil), server.AddListener(own)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", own.Address())
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}
