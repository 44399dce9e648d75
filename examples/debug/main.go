// Command debug is a broker that logs every packet, for finding faults.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/hooks/debug"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

func main() {
	addr := flag.String("addr", ":1883", "address to listen on")
	options := &debug.Options{Logger: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	flag.BoolVar(&options.ShowPacketData, "data", false, "show payloads and properties")
	flag.BoolVar(&options.ShowPings, "pings", false, "show pings")
	flag.BoolVar(&options.ShowPasswords, "passwords", false, "show passwords in plain text")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	server := mqtt.New(&mqtt.Options{SysTopicResendInterval: -1})
	tcp := listeners.NewTCP("t1", *addr, nil)
	if err := errors.Join(server.AddHook(new(debug.Hook), options), server.AddHook(new(auth.AllowHook), nil), server.AddListener(tcp)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", tcp.Address())
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}
