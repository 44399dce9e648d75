// Command testbroker is the bare broker of package mqtt on one port that admits
// everybody, for measuring: no configuration, no log, profiles on demand.
package main

import (
	"context"
	"crypto/tls"
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
	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

// settings are the flags.
type settings struct {
	address, profiles string
	websocket         bool
	cert, key, data   string
	queue, inflight   int
	debug             bool
}

func main() {
	var set settings
	flag.StringVar(&set.address, "listen", "127.0.0.1:1883", "address of the MQTT port")
	flag.BoolVar(&set.websocket, "websocket", false, "speak WebSocket there")
	flag.StringVar(&set.cert, "cert", "", "PEM file with a certificate: speak TLS there")
	flag.StringVar(&set.key, "key", "", "PEM file with its private key")
	flag.StringVar(&set.profiles, "pprof", "", "address of the profiles, on loopback")
	flag.StringVar(&set.data, "data", "", "directory of a store; memory only without")
	flag.IntVar(&set.queue, "queue", 10_000_000, "messages that a session may queue")
	flag.IntVar(&set.inflight, "inflight", 0, "messages in flight to a client; 0: the broker's default")
	flag.BoolVar(&set.debug, "debug", false, "log what happens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, &set)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbroker:", err)
		os.Exit(1)
	}
}

// listener is the one the flags ask for.
func (set *settings) listener() (mqtt.Listener, error) {
	cfg := &listeners.Config{}
	if set.cert != "" {
		pair, err := tls.LoadX509KeyPair(set.cert, set.key)
		if err != nil {
			return nil, err
		}
		cfg.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if set.websocket {
		return listeners.NewWebsocket("mqtt", set.address, cfg), nil
	}
	return listeners.NewTCP("mqtt", set.address, cfg), nil
}

func run(ctx context.Context, set *settings) error {
	opts := &mqtt.Options{}
	opts.Capabilities.MaximumQueueMessages = set.queue
	opts.Capabilities.MaximumInflight = uint16(set.inflight)
	opts.Capabilities.MaximumDurableQueueMessages = set.queue
	opts.Capabilities.MaximumDurableQueueBytes = 8 << 30
	if set.debug {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if set.data != "" {
		store, err := pebble.NewStore(pebble.Options{Dir: set.data}, storage.Options{})
		if err != nil {
			return err
		}
		opts.Store = store
	}
	s := mqtt.New(opts)
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	l, err := set.listener()
	if err != nil {
		return err
	}
	if err := s.AddListener(l); err != nil {
		return err
	}
	if set.profiles != "" {
		p := &http.Server{Addr: set.profiles, ReadHeaderTimeout: time.Second}
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
