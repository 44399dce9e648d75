package mqtt_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// overVersions runs a test with clients of MQTT 3.1.1 and of MQTT 5.0.
func overVersions(t *testing.T, f func(t *testing.T, v packets.Version)) {
	t.Helper()
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			f(t, v)
		})
	}
}

// passing is the CONNECT of a new session that ends with its connection.
func passing(v packets.Version, clientID string) *packets.Connect {
	return &packets.Connect{Version: v, ClientID: clientID, CleanStart: true}
}

// lasting is the CONNECT of a session that outlives its connection and goes on
// if it exists.
func lasting(v packets.Version, clientID string) *packets.Connect {
	pk := &packets.Connect{Version: v, ClientID: clientID}
	if v == packets.V5 {
		pk.Properties.SessionExpiryInterval = 3600
	}
	return pk
}

// withReceiveMaximum adds a Receive Maximum to a CONNECT.
func withReceiveMaximum(pk *packets.Connect, n uint16) *packets.Connect {
	pk.Properties.ReceiveMaximum = n
	return pk
}

// expectFault expects that the server ends the connection for the client's
// fault: 5.0 clients are told the code before.
func expectFault(t *testing.T, c *mqtttest.Client, v packets.Version, code packets.Code) {
	t.Helper()
	if v == packets.V5 {
		c.ExpectDisconnect(code)
		return
	}
	c.ExpectClosed()
}

// expectPublish returns the next packet, which must be a PUBLISH with the
// payload, without acknowledging it.
func expectPublish(t *testing.T, c *mqtttest.Client, payload string) *packets.Publish {
	t.Helper()
	pk := mqtttest.Expect[*packets.Publish](c)
	if string(pk.Payload) != payload {
		t.Fatalf("got the message %q, want %q", pk.Payload, payload)
	}
	return pk
}

// expectMessages receives messages to the end of their flows, which must have
// the payloads in this order, and no other after them.
func expectMessages(t *testing.T, c *mqtttest.Client, payloads ...string) {
	t.Helper()
	got := receiveMessages(t, c, len(payloads))
	if !slices.Equal(got, payloads) {
		t.Fatalf("got the messages %q, want %q", got, payloads)
	}
	c.Ping()
}

// receiveMessages receives n messages, acknowledges them as they come, and
// returns their payloads when every flow has ended.
func receiveMessages(t *testing.T, c *mqtttest.Client, n int) []string {
	t.Helper()
	var got []string
	for flows := 0; len(got) < n || flows > 0; {
		switch pk := c.Receive().(type) {
		case *packets.Publish:
			got = append(got, string(pk.Payload))
			switch pk.QoS {
			case 1:
				c.Send(&packets.Puback{PacketID: pk.PacketID})
			case 2:
				flows++
				c.Send(&packets.Pubrec{PacketID: pk.PacketID})
			}
		case *packets.Pubrel:
			flows--
			c.Send(&packets.Pubcomp{PacketID: pk.PacketID})
		default:
			t.Fatalf("got %s while waiting for messages", pk.Type())
		}
	}
	return got
}

// advance lets fake time pass.
func advance(d time.Duration) { <-time.After(d) }

// publishMany publishes prefix0, prefix1, ... to a topic and carries the flows
// to their ends; it returns the payloads.
func publishMany(t *testing.T, c *mqtttest.Client, topic, prefix string, n int, qos byte) []string {
	t.Helper()
	payloads := make([]string, n)
	for i := range payloads {
		payloads[i] = fmt.Sprint(prefix, i)
		c.Publish(topic, payloads[i], qos, false)
	}
	c.Ping()
	return payloads
}

// ackID returns the packet identifier of an acknowledgement.
func ackID(t *testing.T, pk packets.Packet) uint16 {
	t.Helper()
	switch pk := pk.(type) {
	case *packets.Puback:
		return pk.PacketID
	case *packets.Pubrec:
		return pk.PacketID
	case *packets.Pubrel:
		return pk.PacketID
	case *packets.Pubcomp:
		return pk.PacketID
	}
	t.Fatalf("got %s, want an acknowledgement: %+v", pk.Type(), pk)
	return 0
}
