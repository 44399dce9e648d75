package mqtt_test

import (
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// doorkeeper lets the message "first" wait in the middle of its way.
type doorkeeper struct {
	first, second, open chan struct{}
	once                sync.Once
}

func newDoorkeeper() *doorkeeper {
	return &doorkeeper{first: make(chan struct{}), second: make(chan struct{}), open: make(chan struct{})}
}

func (d *doorkeeper) OnPublish(_ *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if string(pk.Payload) == "first" {
		close(d.first)
		<-d.open
	} else {
		d.once.Do(func() { close(d.second) })
	}
	return pk, nil
}

// What came on a connection is handled before what comes on the one that takes
// over from it, else a client's messages change places [MQTT-4.6.0-5] and one of
// QoS 2 that it sends again is delivered twice [MQTT-4.3.3-10].
func TestTakeOverWaitsForTheOldConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		clean bool
	}{{"session resumed", false}, {"session discarded", true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			keeper := newDoorkeeper()
			open := sync.OnceFunc(func() { close(keeper.open) })
			s := newServer(t, keeper)
			defer open() // the server cannot close before
			sub := mqtttest.Dial(t, s, mqtttest.Connect("sub"))
			sub.Subscribe("t", 2)
			old := mqtttest.Dial(t, s, durable("c"))
			old.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: 1, Payload: []byte("first")})
			<-keeper.first
			connect := durable("c")
			connect.CleanStart = tt.clean
			next := mqtttest.NewClient(t, s.Conn(t), packets.V5)
			next.Send(connect, &packets.Publish{Topic: "t", QoS: 2, PacketID: 2, Payload: []byte("second")})
			mqtttest.Expect[*packets.Disconnect](old) // so the CONNECT is in hand
			select {
			case <-keeper.second:
				t.Error("the message of the new connection has overtaken that of the old one")
			case <-time.After(50 * time.Millisecond):
			}
			open()
			expectMessages(t, sub, "first", "second")
		})
	}
}
