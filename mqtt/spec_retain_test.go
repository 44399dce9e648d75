package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestRetainedMessageIsKept(t *testing.T) {
	// [MQTT-3.3.1-5] [MQTT-3.3.1-9] [MQTT311-3.3.1-6] [MQTT311-3.3.1-7] [MQTT311-3.3.1-8]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		for i, qos := range []byte{2, 1, 0, 1, 2} {
			payload := fmt.Sprint("m", i)
			pub.Publish("a/b", payload, qos, true)
			pub.Ping()
			for granted := range byte(3) {
				sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
				sub.Subscribe("a/+", granted)
				got := wantMessage(t, sub, "a/b", payload)
				if !got.Retain || got.QoS != min(qos, granted) {
					t.Errorf("QoS %d, granted %d: came with RETAIN %v, QoS %d", qos, granted, got.Retain, got.QoS)
				}
				nothing(t, sub)
			}
		}
		if n := s.Stats().Retained; n < 1 {
			t.Errorf("%d retained messages", n)
		}
	})
}

func TestRetainedMessageIsErased(t *testing.T) {
	// [MQTT-3.3.1-6] [MQTT-3.3.1-7]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for qos := range byte(3) {
			s := quietServer(t)
			pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
			w := watcher(t, s, "#")
			pub.Publish("t", "kept", 1, true)
			wantMessage(t, w, "t", "kept")
			for range 2 { // the second erases nothing and is stored no more
				pub.Publish("t", "", qos, true)
				pub.Ping()
				if got := wantMessage(t, w, "t", ""); !got.Retain || got.QoS != qos {
					t.Errorf("the empty message came with RETAIN %v, QoS %d", got.Retain, got.QoS)
				}
				sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
				sub.Subscribe("#", 2)
				nothing(t, sub)
				if n := s.Stats().Retained; n != 0 {
					t.Errorf("%d messages are retained", n)
				}
			}
		}
	})
}

func TestUnretainedMessageChangesNothing(t *testing.T) {
	// [MQTT-3.3.1-8]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		pub.Publish("kept", "old", 1, true)
		for qos := range byte(3) {
			for _, payload := range []string{"new", ""} {
				pub.Publish("kept", payload, qos, false)
				pub.Publish("other", payload, qos, false)
			}
		}
		sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
		sub.Subscribe("#", 2)
		wantMessage(t, sub, "kept", "old")
		nothing(t, sub)
	})
}

func TestRetainFlagOfEstablishedSubscriptions(t *testing.T) {
	// [MQTT-3.3.1-12] [MQTT-3.3.1-13] [MQTT311-3.3.1-9]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		plain := mqtttest.Dial(t, s, cleanConnect(v, "plain"))
		plain.Subscribe("t", 2)
		asPublished := watcher(t, s, "t")
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		for qos := range byte(3) {
			for _, retain := range []bool{true, false} {
				pub.Publish("t", "x", qos, retain)
				if got := wantMessage(t, plain, "t", "x"); got.Retain {
					t.Errorf("QoS %d: RETAIN without Retain As Published", qos)
				}
				if got := wantMessage(t, asPublished, "t", "x"); got.Retain != retain {
					t.Errorf("QoS %d: RETAIN %v came as %v", qos, retain, got.Retain)
				}
			}
		}
	})
}

func TestRetainHandling(t *testing.T) {
	// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT311-3.3.1-6]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		mqtttest.Dial(t, s, cleanConnect(v, "pub")).Publish("t", "kept", 1, true)
		for handling := range byte(3) {
			if handling > 0 && v != packets.V5 {
				break
			}
			sub := mqtttest.Dial(t, s, durableConnect(v, fmt.Sprint("sub", handling)))
			for round, comes := range []bool{handling < 2, handling == 0, handling == 0} {
				if round == 2 { // an existing subscription, in a resumed session
					lose(sub)
					sub = mqtttest.Dial(t, s, durableConnect(v, fmt.Sprint("sub", handling)))
				}
				sub.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "t", QoS: 1, RetainHandling: handling})
				if comes {
					wantMessage(t, sub, "t", "kept")
				}
				nothing(t, sub)
			}
			sub.Send(&packets.Unsubscribe{PacketID: 100, Filters: []string{"t"}})
			mqtttest.Expect[*packets.Unsuback](sub)
			sub.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "t", QoS: 1, RetainHandling: handling})
			if handling < 2 {
				wantMessage(t, sub, "t", "kept") // it is new again
			}
			nothing(t, sub)
		}
	})
}
