package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A session that ends with its connection keeps nothing of what it has sent; a
// hook that is added afterwards is not told of messages that are no more, and
// sees those that follow.
func TestHookAddedWhileMessagesAreInFlight(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s, c, pub := flowServer(t, nil, passing(v, "c"))
		pub.Publish("t", "one", 1, false)
		pub.Publish("t", "two", 2, false)
		ids := expectSequence(t, c, "PUBLISH one", "PUBLISH two")
		if got := s.Stats().Inflight; got != 2 {
			t.Errorf("%d messages are in flight", got)
		}
		told := make(chan string, 4)
		note := func(_ *mqtt.Client, p *packets.Publish) { told <- string(p.Payload) }
		if err := s.AddHook(fnQosComplete(note), nil); err != nil {
			t.Fatal(err)
		}
		pub.Publish("t", "three", 1, false)
		third := expectPublish(t, c, "three")
		c.Send(&packets.Puback{PacketID: ids[0]}, &packets.Pubrec{PacketID: ids[1]})
		mqtttest.Expect[*packets.Pubrel](c)
		c.Send(&packets.Pubcomp{PacketID: ids[1]}, &packets.Puback{PacketID: third.PacketID})
		if got := <-told; got != "three" {
			t.Errorf("the hook was told of %q", got)
		}
		c.Ping()
		if got := s.Stats().Inflight; got != 0 {
			t.Errorf("%d messages are left in flight", got)
		}
	})
}
