// Command embed puts a broker into a program that has its sockets already: it
// brings its own net.Listener, starts the broker without waiting for it, does
// its work, and shuts the broker down in good order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

func main() {
	addr := flag.String("addr", ":1883", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	socket, err := net.Listen("tcp", *addr) // from wherever: systemd, tests, a tunnel
	if err != nil {
		log.Fatal(err)
	}
	server := mqtt.New(&mqtt.Options{Version: "embedded"})
	if err := errors.Join(
		server.AddHook(new(auth.AllowHook), nil),
		server.AddListener(listeners.NewNet("mine", socket)),
		server.Serve(), // returns at once
	); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", socket.Addr())

	work(ctx, server)

	patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		log.Print("some clients were cut off: ", err)
	}
	fmt.Println("stopped")
}

// work is what the program is really for.
func work(ctx context.Context, server *mqtt.Server) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := server.Publish("count", fmt.Append(nil, n), true, 0); err != nil {
				log.Print(err)
			}
		}
	}
}
