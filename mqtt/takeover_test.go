package mqtt_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

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
	second := mqtttest.Dial(t, s, durable("c"))
	close(goOn)
	mqtttest.ExpectWithin[*packets.Connack](first, 5*time.Second)
	first.ExpectDisconnect(packets.ErrSessionTakenOver)
	second.Ping()
}
