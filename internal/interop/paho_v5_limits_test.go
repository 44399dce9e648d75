package interop

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The scenarios about what the two sides tell each other in CONNECT and
// CONNACK: aliases, sizes, flow control.

func TestPaho5ClientTopicAlias(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	alias := func(topic string, n uint16) *packets.Publish {
		return &packets.Publish{Topic: topic, Properties: packets.Properties{TopicAlias: n}}
	}
	a := mqtttest.Dial(t, s, connect5("a", true))
	a.Write([]byte{0x30, 7, 0, 1, 't', 3, 0x23, 0, 0}) // [MQTT-3.3.2-8]
	a.ExpectDisconnect(packets.ErrTopicAliasInvalid)

	a = mqtttest.Dial(t, s, connect5("a", true))
	most := a.Connack.Properties.TopicAliasMaximum
	if most == 0 {
		t.Fatal("no aliases allowed")
	}
	a.Subscribe("t", 0)
	a.Send(alias("t", most), alias("", most))
	for range 2 {
		if got := a.Message(); got.Topic != "t" || got.Properties.Has(packets.PropTopicAlias) { // [MQTT-3.3.2-7]
			t.Errorf("got %+v", got)
		}
	}
	a.Send(alias("t", most+1)) // [MQTT-3.3.2-9]
	a.ExpectDisconnect(packets.ErrTopicAliasInvalid)

	// Aliases end with the connection.
	a = mqtttest.Dial(t, s, connect5("a", false))
	a.Send(alias("", most))
	a.ExpectDisconnect(packets.ErrProtocolError)
}

func TestPaho5ServerTopicAlias(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	for _, most := range []uint16{1, 0} {
		t.Run(fmt.Sprint("maximum ", most), func(t *testing.T) {
			pk := connect5("a", true)
			pk.Properties.TopicAliasMaximum = most
			a := dial(t, s, pk)
			a.Subscribe("t", 2)
			for qos := range byte(3) {
				a.publish(packets.Publish{Topic: "t", QoS: qos})
			}
			a.await(3, 2)
			for i, m := range a.settle() {
				topic := "t"
				if most > 0 && i > 0 {
					topic = ""
				}
				if m.Topic != topic || m.Properties.TopicAlias != most { // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
					t.Errorf("message %d: topic %q, alias %d", i, m.Topic, m.Properties.TopicAlias)
				}
			}
		})
	}
}

func TestPaho5MaximumPacketSize(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := mqtttest.Dial(t, s, connect5("a", true))
	most := a.Connack.Properties.MaximumPacketSize
	header := packets.AppendHeader(nil, byte(packets.TypePublish)<<4, int(most))
	a.Write(header) // [MQTT-3.2.2-15]
	a.ExpectDisconnect(packets.ErrPacketTooLarge)

	pk := connect5("a", true)
	pk.Properties.MaximumPacketSize = 64
	b := dial(t, s, pk)
	b.Subscribe("t", 2)
	b.publish(
		packets.Publish{Topic: "t", Payload: make([]byte, 32)},
		packets.Publish{Topic: "t", Payload: make([]byte, 64), QoS: 1}, // [MQTT-3.1.2-25]
		packets.Publish{Topic: "t", Payload: make([]byte, 16), QoS: 1},
	)
	b.await(2, 2)
	if got := b.settle(); len(got) != 2 || len(got[0].Payload) != 32 || len(got[1].Payload) != 16 { // [MQTT-3.1.2-24]
		t.Errorf("got %d messages", len(got))
	}
}

func TestPaho5ServerKeepAlive(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	for _, tt := range []struct {
		name          string
		asked, answer uint16
	}{{"longer", 120, 60}, {"none", 0, 60}, {"shorter", 30, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pk := connect5("keep alive "+tt.name, true)
			pk.KeepAlive = tt.asked
			c := mqtttest.Dial(t, s, pk)
			if got := c.Connack.Properties.ServerKeepAlive; got != tt.answer { // [MQTT-3.2.2-21]
				t.Errorf("asked for %d, was told %d, want %d", tt.asked, got, tt.answer)
			}
		})
	}
}

func TestPaho5FlowControlToClient(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	pk := connect5("a", true)
	pk.Properties.ReceiveMaximum = 2
	a := mqtttest.Dial(t, s, pk)
	a.Subscribe("t", 2)
	b := mqtttest.Dial(t, s, connect5("b", true))
	for range 3 {
		b.Publish("t", "", 1, false)
	}
	first := mqtttest.Expect[*packets.Publish](a)
	second := mqtttest.Expect[*packets.Publish](a)
	a.Ping() // the third one waits [MQTT-3.3.4-9]
	a.Send(&packets.Puback{PacketID: first.PacketID})
	third := mqtttest.Expect[*packets.Publish](a)
	a.Send(&packets.Puback{PacketID: second.PacketID}, &packets.Puback{PacketID: third.PacketID})
	a.Ping()
}

func TestPaho5FlowControlFromClient(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	a := mqtttest.Dial(t, s, connect5("a", true))
	most := a.Connack.Properties.ReceiveMaximum
	for range most + 1 {
		a.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: a.PacketID()})
	}
	for range most {
		mqtttest.Expect[*packets.Pubrec](a)
	}
	a.ExpectDisconnect(packets.ErrReceiveMaximumExceeded) // [MQTT-3.3.4-7]
}
