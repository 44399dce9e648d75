// Command pahobroker serves the Eclipse Paho interoperability suite on the TCP
// address of its argument until it is interrupted. See scripts/paho.sh.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/linnetmq/linnet/internal/interop"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pahobroker host:port")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options := interop.PahoOptions()
	options.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := mqtt.New(options)
	if err := server.AddHook(interop.PahoHook(), nil); err != nil {
		return err
	}
	if err := server.AddListener(listeners.NewTCP("suite", address, nil)); err != nil {
		return err
	}
	return server.Run(ctx)
}
