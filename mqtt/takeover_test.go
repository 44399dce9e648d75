package mqtt_test

import (
	"sync"
	"sync/atomic"
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

// [MQTT-3.1.4-3]
// A client is told that another took over its session also when that happens
// while its own CONNECT is being accepted: after the CONNACK, with 0x8E.
func TestTakeoverDuringConnect(t *testing.T) {
	t.Parallel()
	accepting, goOn := make(chan struct{}), make(chan struct{})
	var connacks atomic.Int32
	s := newServer(t, fnSent(func(_ *mqtt.Client, pk packets.Packet, _ []byte) {
		if pk.Type() == packets.TypeConnack && connacks.Add(1) == 1 {
			close(accepting)
			<-goOn
		}
	}))
	first := mqtttest.NewClient(t, s.Conn(t), packets.V5)
	first.Send(durable("c"))
	<-accepting
	second := mqtttest.NewClient(t, s.Conn(t), packets.V5)
	second.Send(durable("c"))
	<-time.After(50 * time.Millisecond) // it waits for the first one, which goes on when it has taken over
	close(goOn)
	mqtttest.ExpectWithin[*packets.Connack](first, 5*time.Second)
	first.ExpectDisconnect(packets.ErrSessionTakenOver)
	mqtttest.Expect[*packets.Connack](second)
	second.Ping()
}
