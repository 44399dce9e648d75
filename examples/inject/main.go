// Command inject is a broker that carries out packets as if a client had sent
// them: it subscribes everybody who connects to "welcome/<client>", and greets
// them there under the name of another client.
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
	"github.com/linnetmq/linnet/packets"
)

// greeter acts when a client has connected.
type greeter struct {
	server *mqtt.Server
	host   *mqtt.Client
}

func (g *greeter) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	topic := "welcome/" + cl.ID()
	subscribe := &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: topic, QoS: 1}}}
	publish := &packets.Publish{Topic: topic, Payload: []byte("hello " + cl.ID()), QoS: 1}
	// The client's own access rules apply to what is done in its name; the host
	// is an inline client, for which there are none.
	if err := errors.Join(g.server.InjectPacket(cl, subscribe), g.server.InjectPacket(g.host, publish)); err != nil {
		log.Print(err)
	}
	fmt.Println("greeted", cl.ID())
}

func main() {
	addr := flag.String("addr", ":1883", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	server := mqtt.New(nil)
	tcp := listeners.NewTCP("t1", *addr, nil)
	g := &greeter{server: server, host: server.NewClient(nil, "local", "host", true)}
	if err := errors.Join(server.AddHook(new(auth.AllowHook), nil), server.AddHook(g, nil), server.AddListener(tcp)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", tcp.Address())
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}
