package mqtt_test

import (
	"encoding/binary"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// What a socket does not take at once follows later, every byte in its order.
//
// [MQTT-4.2.0-1] [MQTT311-7.1.1-1]
func TestBacklogOfASocket(t *testing.T) {
	t.Parallel()
	const messages, size = 300, 64 << 10 // more than sockets hold
	s, address := serveTCP(t, &mqtt.Options{SysTopicResendInterval: -1, Capabilities: mqtt.Capabilities{
		MaximumClientWritesPending: 2 * messages * size,
	}})
	c := mqtttest.NewClient(t, dialPlain(t, address, "c"), packets.V311)
	c.Subscribe("t", 0)
	for i := range messages {
		if err := s.Publish("t", numbered(i, size), false, 0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range messages {
		if got := c.Message().Payload; string(got) != string(numbered(i, size)) {
			t.Fatalf("message %d is another", i)
		}
	}
	c.Ping()
	if got := s.Stats().MessagesDropped; got != 0 {
		t.Errorf("%d messages were dropped", got)
	}
}

// numbered is a payload in which every four bytes are different.
func numbered(i, size int) []byte {
	b := make([]byte, 0, size)
	for len(b) < size {
		b = binary.BigEndian.AppendUint32(b, uint32(i*size+len(b)))
	}
	return b
}
