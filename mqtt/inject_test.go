package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// What is injected for a connected client is answered to it as if it had sent it.
func TestInjectedReleaseIsAnswered(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: 7})
		mqtttest.Expect[*packets.Pubrec](c)
		cl, ok := s.Client("c")
		if !ok {
			t.Fatal("no client")
		}
		if err := s.InjectPacket(cl, &packets.Pubrel{PacketID: 7}); err != nil {
			t.Fatal(err)
		}
		if got := mqtttest.Expect[*packets.Pubcomp](c); got.PacketID != 7 {
			t.Errorf("got %+v", got)
		}
	})
}
