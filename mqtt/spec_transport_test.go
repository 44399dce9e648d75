package mqtt_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-4.2.0-1]
// Over a real byte stream nothing is lost or changes places, also where packets
// are much larger than a read.
func TestByteStreams(t *testing.T) {
	t.Parallel()
	tests := []struct {
		network  string
		listener mqtt.Listener
	}{
		{"tcp", listeners.NewTCP("tcp", "127.0.0.1:0", nil)},
		{"unix", listeners.NewUnixSock("unix", filepath.Join(t.TempDir(), "s"))},
	}
	for _, tt := range tests {
		t.Run(tt.network, func(t *testing.T) {
			s := mqtttest.NewServer(t)
			if err := s.AddListener(tt.listener); err != nil {
				t.Fatal(err)
			}
			for _, v := range []packets.Version{packets.V311, packets.V5} {
				conn, err := net.Dial(tt.network, tt.listener.Address())
				if err != nil {
					t.Fatal(err)
				}
				c := mqtttest.NewClient(t, conn, v)
				c.Send(passing(v, "c"))
				mqtttest.Expect[*packets.Connack](c)
				c.Subscribe("t", 0)
				for i := range 200 {
					payload := string(rune('a'+i%26)) + strings.Repeat("x", i*i)
					c.Publish("t", payload, 0, false)
					expectPublish(t, c, payload)
				}
				c.Disconnect(packets.CodeSuccess)
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
