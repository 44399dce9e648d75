// Command testbroker is the bare broker of package mqtt on one TCP port that
// admits everybody, for measuring: no configuration, no log, profiles on demand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // on loopback, and only with -pprof
	"os"
	"os/signal"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

func main() {
	address := flag.String("listen", "127.0.0.1:1883", "address of the MQTT port")
	profiles := flag.String("pprof", "", "address of the profiles, on loopback")
	queue := flag.Int("queue", 10_000_000, "messages that a session may queue")
	inflight := flag.Int("inflight", 0, "messages in flight to a client; 0: the broker's default")
	debug := flag.Bool("debug", false, "log what happens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *address, *profiles, *queue, *inflight, *debug)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbroker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, profiles string, queue, inflight int, debug bool) error {
	opts := &mqtt.Options{}
	opts.Capabilities.MaximumQueueMessages = queue
	opts.Capabilities.MaximumInflight = uint16(inflight)
	opts.Capabilities.MaximumDurableQueueMessages = queue
	opts.Capabilities.MaximumDurableQueueBytes = 8 << 30
	if debug {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s := mqtt.New(opts)
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if err := s.AddListener(listeners.NewTCP("tcp", address, nil)); err != nil {
		return err
	}
	if profiles != "" {
		p := &http.Server{Addr: profiles, ReadHeaderTimeout: time.Second}
		stop := context.AfterFunc(ctx, func() { _ = p.Close() }) // the process ends
		defer stop()
		go func() { //arch:ok ends with the process
			if err := p.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(os.Stderr, "testbroker:", err)
			}
		}()
	}
	return s.Run(ctx)
}
