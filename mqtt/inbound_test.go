package mqtt_test

import (
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A packet may arrive in any two pieces, even with a single byte in the first.
func TestPacketInTwoPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
		c.Subscribe("a/b", 0)
		b, err := (&packets.Publish{Topic: "a/b", Payload: make([]byte, 200)}).Append(nil, packets.V5)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 1; cut < len(b); cut++ {
			c.Write(b[:cut])
			synctest.Wait() // the server has read the first piece
			c.Write(b[cut:])
			if pk := c.Message(); pk.Topic != "a/b" || len(pk.Payload) != 200 {
				t.Fatalf("cut at %d: got %q with %d bytes", cut, pk.Topic, len(pk.Payload))
			}
		}
	})
}
