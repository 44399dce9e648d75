package mqtt_test

import (
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// panicking is a hook that panics in the event of this name, once, and not for
// what the server itself publishes.
type panicking struct {
	event string
	done  atomic.Bool
}

func panicIn(event string) *panicking { return &panicking{event: event} }

func (h *panicking) at(cl *mqtt.Client, event string) {
	if !cl.Inline() && h.event == event && !h.done.Swap(true) {
		panic(event)
	}
}

func (h *panicking) OnPublish(cl *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	h.at(cl, "OnPublish")
	return pk, nil
}

func (h *panicking) OnPublished(cl *mqtt.Client, _ *packets.Publish) {
	h.at(cl, "OnPublished")
}

func (h *panicking) OnWill(cl *mqtt.Client, _ *packets.Will) (*packets.Will, error) {
	h.at(cl, "OnWill")
	return nil, nil
}

// What was on its way to others when a hook panicked arrives at once.
func TestPanicHoldsBackNoMessage(t *testing.T) {
	t.Parallel()
	for qos := range byte(3) {
		overVersions(t, func(t *testing.T, v packets.Version) {
			s := mqtttest.NewServer(t, panicIn("OnPublished"))
			c := mqtttest.Dial(t, s, passing(v, "c"))
			c.Subscribe("t", qos)
			pub := mqtttest.Dial(t, s, passing(v, "pub"))
			pub.Send(&packets.Publish{Topic: "t", Payload: []byte("x"), QoS: qos, PacketID: uint16(qos)})
			pub.ReceiveUntilClosed()
			expectMessages(t, c, "x")
		})
	}
}

// A QoS 2 message is delivered once, whether a hook panicked before it was
// routed or after [MQTT-4.3.3-10].
func TestPanicAndQoS2(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"OnPublish", "OnPublished"} {
		overVersions(t, func(t *testing.T, v packets.Version) {
			s := mqtttest.NewServer(t, panicIn(event))
			c := mqtttest.Dial(t, s, passing(v, "c"))
			c.Subscribe("t", 2)
			pub := mqtttest.Dial(t, s, lasting(v, "pub"))
			pk := &packets.Publish{Topic: "t", Payload: []byte("x"), QoS: 2, PacketID: 7}
			pub.Send(pk)
			pub.ReceiveUntilClosed()
			pub = mqtttest.Dial(t, s, lasting(v, "pub"))
			pk.Dup = true
			pub.Send(pk)
			mqtttest.Expect[*packets.Pubrec](pub)
			expectMessages(t, c, "x")
		})
	}
}

// A hook that panics at the Will of a discarded session does not hurt the
// client that discards it.
func TestPanicAtWill(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, panicIn("OnWill"))
	connect := lasting(packets.V5, "c")
	connect.WillFlag, connect.Will = true, packets.Will{Topic: "will"}
	connect.Will.Properties.WillDelayInterval = 100
	mqtttest.Dial(t, s, connect).Close()
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	c.Ping()
}
