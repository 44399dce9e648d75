package mqtttest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestMessageArrives(t *testing.T) {
	t.Parallel()
	for _, v := range []packets.Version{packets.V31, packets.V311, packets.V5} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			sub := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "sub", CleanStart: true})
			pub := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "pub", CleanStart: true})
			sub.Subscribe("a/+", 2)
			for qos := range byte(3) {
				pub.Publish("a/b", "hello", qos, false)
				if got := sub.Message(); got.Topic != "a/b" || string(got.Payload) != "hello" || got.QoS != qos {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
}

func TestKeepAliveInFakeTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, &packets.Connect{ClientID: "c", CleanStart: true, KeepAlive: 60})
		start := time.Now()
		pk := mqtttest.ExpectWithin[*packets.Disconnect](c, time.Hour)
		if pk.Code != packets.ErrKeepAliveTimeout || time.Since(start) != 90*time.Second {
			t.Errorf("%v after %v, want keep alive timeout after 1m30s", pk.Code, time.Since(start))
		}
	})
}
