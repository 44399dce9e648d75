// Command direct is a broker whose own program publishes and subscribes, without
// a client: it answers every message to "ping/..." at "pong/...".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

func main() {
	addr := flag.String("addr", ":1883", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	server := mqtt.New(nil)
	tcp := listeners.NewTCP("t1", *addr, nil)
	answer := func(_ *mqtt.Client, _ packets.Subscription, pk *packets.Publish) {
		topic := "pong/" + strings.TrimPrefix(pk.Topic, "ping/")
		if err := server.Publish(topic, pk.Payload, false, pk.QoS); err != nil {
			log.Print(err)
		}
		fmt.Println("answered", pk.Topic)
	}
	if err := errors.Join(
		server.AddHook(new(auth.AllowHook), nil),
		server.AddListener(tcp),
		server.Subscribe("ping/#", 1, answer),
		server.Publish("news", []byte("the broker is up"), true, 0), // retained for all who come
	); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", tcp.Address())
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}
