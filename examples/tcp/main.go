// Command tcp is the smallest broker: one TCP port, everybody is admitted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

func main() {
	addr := flag.String("addr", ":1883", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	server := mqtt.New(nil)
	tcp := listeners.NewTCP("t1", *addr, nil)
	// Without a hook that admits clients, everybody is refused.
	if err := errors.Join(server.AddHook(new(auth.AllowHook), nil), server.AddListener(tcp)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", tcp.Address())
	if err := server.Run(ctx); err != nil { // until Ctrl-C
		log.Fatal(err)
	}
	fmt.Println("stopped")
}
