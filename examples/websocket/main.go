// Command websocket is a broker for browsers, at the path /mqtt.
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
	addr := flag.String("addr", ":8080", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	server := mqtt.New(nil)
	ws := listeners.NewWebsocket("ws1", *addr, nil)
	if err := errors.Join(server.AddHook(new(auth.AllowHook), nil), server.AddListener(ws)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", ws.Address())
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}
