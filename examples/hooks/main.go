// Command hooks is a broker with a hook of its own: it admits whoever gives a
// user name, keeps everybody below a topic of that name, writes all payloads in
// capitals and tells what happens.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// shouter has only the methods it needs; AddHook finds them by their names and
// refuses a misspelled one.
type shouter struct{}

func (shouter) OnConnectAuthenticate(_ *mqtt.Client, pk *packets.Connect) bool {
	return pk.Username != ""
}

func (shouter) OnACLCheck(cl *mqtt.Client, topic string, _ bool) bool {
	return strings.HasPrefix(topic, cl.Username()+"/")
}

func (shouter) OnPublish(_ *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if len(pk.Payload) > 1000 {
		return nil, packets.ErrQuotaExceeded // the publisher is told
	}
	pk.Payload = bytes.ToUpper(pk.Payload)
	return pk, nil
}

func (shouter) OnPublished(cl *mqtt.Client, pk *packets.Publish) {
	fmt.Printf("%s published %s to %s\n", cl.ID(), pk.Payload, pk.Topic)
}

func (shouter) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	fmt.Printf("%s is gone: %v\n", cl.ID(), err)
}

// These lines make the compiler find a wrong signature.
var (
	_ mqtt.OnPublish    = shouter{}
	_ mqtt.OnPublished  = shouter{}
	_ mqtt.OnDisconnect = shouter{}
)

func main() {
	addr := flag.String("addr", ":1883", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	server := mqtt.New(&mqtt.Options{SysTopicResendInterval: -1}) // its messages would be told too
	tcp := listeners.NewTCP("t1", *addr, nil)
	if err := errors.Join(server.AddHook(shouter{}, nil), server.AddListener(tcp)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", tcp.Address())
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}
