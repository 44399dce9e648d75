package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The server's own $SYS messages are not shown to the hooks of a PUBLISH, which
// would count, store, bill or refuse them as if they came from a client.
func TestSysTopicsPassNoPublishHooks(t *testing.T) {
	t.Parallel()
	var seen diary
	s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: 1},
		fnPublish(func(_ *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
			seen.add("publish %s", pk.Topic)
			return nil, mqtt.ErrRejectPacket
		}),
		fnPublished(func(_ *mqtt.Client, pk *packets.Publish) { seen.add("published %s", pk.Topic) }),
		fnRetain(func(_ *mqtt.Client, pk *packets.Publish, _ int64) { seen.add("retained %s", pk.Topic) }),
	)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Subscribe("$SYS/broker/version", 1)
	if pk := c.Message(); pk.Topic != "$SYS/broker/version" || pk.QoS != 0 {
		t.Errorf("got %s at QoS %d", pk.Topic, pk.QoS)
	}
	if pk := c.Message(); pk.Retain {
		t.Error("a message that is sent again is marked as retained")
	}
	c.Publish("t", "x", 1, false)
	c.Ping()
	seen.expect(t, "publish t")
}
