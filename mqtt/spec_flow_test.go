package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// flowServer starts a server and a publisher, and client "c" who subscribes to "t".
func flowServer(t *testing.T, opts *mqtt.Options, connect *packets.Connect) (s *mqtttest.Server, c, pub *mqtttest.Client) {
	t.Helper()
	s = mqtttest.NewServerWith(t, opts)
	c = mqtttest.Dial(t, s, connect)
	c.Subscribe("t", 2)
	return s, c, mqtttest.Dial(t, s, passing(connect.Version, "pub"))
}

// [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3]
func TestReceiveMaximumOfTheClient(t *testing.T) {
	t.Parallel()
	_, c, pub := flowServer(t, nil, withReceiveMaximum(passing(packets.V5, "c"), 2))
	publishMany(t, pub, "t", "one ", 2, 1)
	publishMany(t, pub, "t", "two ", 4, 2)
	ids := expectSequence(t, c, "PUBLISH one 0", "PUBLISH one 1") // and nothing more, but PINGRESP
	c.Subscribe("other", 1)
	pub.Send(&packets.Publish{Topic: "t", Payload: []byte("zero")})
	expectPublish(t, c, "zero") // QoS 0 needs no quota
	c.Publish("away", "own messages flow too", 2, false)
	c.Send(&packets.Puback{PacketID: ids[1]})
	two0 := expectPublish(t, c, "two 0")
	c.Ping()
	c.Send(&packets.Pubrec{PacketID: two0.PacketID}) // gives no quota back
	expectSequence(t, c, "PUBREL")
	c.Send(&packets.Pubcomp{PacketID: two0.PacketID})
	two1 := expectPublish(t, c, "two 1")
	c.Ping()
	c.Send(&packets.Pubrec{PacketID: two1.PacketID, Code: packets.ErrUnspecified}) // ends the flow
	two2 := expectPublish(t, c, "two 2")
	c.Ping()
	c.Send(&packets.Pubcomp{PacketID: two1.PacketID}, &packets.Puback{PacketID: 999}, &packets.Puback{PacketID: two2.PacketID}) // unknown or wrong: nothing
	c.Ping()
	c.Send(&packets.Puback{PacketID: ids[0], Code: packets.ErrUnspecified})
	expectPublish(t, c, "two 3")
	c.Ping()
}

// [MQTT-4.9.0-1] [MQTT-4.9.0-2]
// The server's own maximum holds where it is lower, and for 3.1.1.
func TestMaximumInflight(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		opts := &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumInflight: 3}}
		_, c, pub := flowServer(t, opts, withReceiveMaximum(passing(v, "c"), 100))
		want := publishMany(t, pub, "t", "m", 10, 1)
		expectSequence(t, c, "PUBLISH m0", "PUBLISH m1", "PUBLISH m2")
		c.Send(&packets.Puback{PacketID: 1}, &packets.Puback{PacketID: 2}, &packets.Puback{PacketID: 3})
		expectMessages(t, c, want[3:]...)
	})
}

// [MQTT-4.9.0-1] [MQTT-4.9.0-2]
// A new connection begins with its own quota, which resending uses up, and so
// do flows that wait for their PUBCOMP.
func TestReceiveMaximumAfterReconnect(t *testing.T) {
	t.Parallel()
	s, c, pub := flowServer(t, nil, withReceiveMaximum(lasting(packets.V5, "c"), 5))
	publishMany(t, pub, "t", "m", 9, 2)
	ids := expectSequence(t, c, "PUBLISH m0", "PUBLISH m1", "PUBLISH m2", "PUBLISH m3", "PUBLISH m4")
	c.Send(&packets.Pubrec{PacketID: ids[1]}, &packets.Pubrec{PacketID: ids[0]})
	expectSequence(t, c, "PUBREL", "PUBREL")
	c.Close()
	c = mqtttest.Dial(t, s, withReceiveMaximum(lasting(packets.V5, "c"), 3))
	expectSequence(t, c, "PUBREL", "PUBREL", "PUBLISH m2 dup")
	c.Send(&packets.Pubcomp{PacketID: ids[0]})
	expectSequence(t, c, "PUBLISH m3 dup")
	c.Send(&packets.Pubcomp{PacketID: ids[1]})
	expectSequence(t, c, "PUBLISH m4 dup")
	c.Send(&packets.Pubrec{PacketID: ids[2]})
	expectSequence(t, c, "PUBREL")
	c.Send(&packets.Pubcomp{PacketID: ids[2]})
	expectSequence(t, c, "PUBLISH m5")
}

// [MQTT-4.9.0-2]
// An acknowledgement of a message that was not yet sent again on the new
// connection frees no quota: it had taken none.
func TestLateAcknowledgementGivesNoQuota(t *testing.T) {
	t.Parallel()
	s, c, pub := flowServer(t, nil, withReceiveMaximum(lasting(packets.V5, "c"), 4))
	publishMany(t, pub, "t", "m", 8, 1)
	ids := expectSequence(t, c, "PUBLISH m0", "PUBLISH m1", "PUBLISH m2", "PUBLISH m3")
	c.Close()
	c = mqtttest.Dial(t, s, withReceiveMaximum(lasting(packets.V5, "c"), 1))
	expectSequence(t, c, "PUBLISH m0 dup")
	c.Send(&packets.Puback{PacketID: ids[1]}, &packets.Puback{PacketID: ids[2]})
	c.Ping()
	c.Send(&packets.Puback{PacketID: ids[0]})
	expectSequence(t, c, "PUBLISH m3 dup")
}
