package mqtt_test

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Where several publishers send to the same many receivers at the same time,
// each receiver gets every message once, those of a publisher in their order.
//
// [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT311-4.6.0-5]
func TestManyToMany(t *testing.T) {
	t.Parallel()
	for _, qos := range []byte{0, 1} {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			t.Parallel()
			const publishers, receivers, messages = 6, 40, 300
			_, address := serveTCP(t, &mqtt.Options{SysTopicResendInterval: -1})
			clients := make([]*mqtttest.Client, receivers)
			for i := range clients {
				clients[i] = mqtttest.NewClient(t, dialPlain(t, address, fmt.Sprint("receiver ", i)), packets.V311)
				clients[i].Subscribe("many/+", qos)
			}
			var wg sync.WaitGroup
			for p := range publishers {
				conn := dialPlain(t, address, fmt.Sprint("publisher ", p))
				wg.Go(func() { publishInPieces(t, conn, byte(p), messages, qos) })
			}
			for i, c := range clients {
				var next [publishers]int
				for range publishers * messages {
					pk := c.Message()
					from, number := pk.Payload[0], int(pk.Payload[1])<<8|int(pk.Payload[2])
					if number != next[from] {
						t.Fatalf("receiver %d: message %d of publisher %d came instead of %d", i, number, from, next[from])
					}
					next[from]++
				}
			}
			wg.Wait()
			for _, c := range clients {
				c.Ping() // nothing else came
			}
		})
	}
}

// publishInPieces writes messages in small pieces, so that the broker has many batches.
func publishInPieces(t *testing.T, conn net.Conn, from byte, messages int, qos byte) {
	var b []byte
	for i := range messages {
		pk := &packets.Publish{Topic: fmt.Sprint("many/", from), Payload: []byte{from, byte(i >> 8), byte(i)}, QoS: qos}
		if qos > 0 {
			pk.PacketID = uint16(i + 1)
		}
		var err error
		if b, err = pk.Append(b, packets.V311); err != nil {
			t.Error(err)
			return
		}
		if i%7 == 6 || i == messages-1 {
			if _, err := conn.Write(b); err != nil {
				t.Error(err)
				return
			}
			b = b[:0]
		}
	}
}
