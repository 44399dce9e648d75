package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestOnlyAuthBeforeConnack(t *testing.T) {
	// [MQTT-3.1.2-30] [MQTT-3.2.0-1] [MQTT-3.1.4-6]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, early := range []packets.Packet{
			&packets.Publish{Topic: "t"}, &packets.Publish{Topic: "t", QoS: 1, PacketID: 1}, &packets.Pingreq{},
			&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t"}}},
			&packets.Unsubscribe{PacketID: 1, Filters: []string{"t"}}, &packets.Puback{PacketID: 1},
			cleanConnect(v, "c"),
		} {
			s := mqtttest.NewServer(t, riddle{})
			w := watcher(t, s, "#")
			got := decodeAll(t, v, exchange(t, s, encode(t, v, connectWithAuth("riddle", "start"), early, &packets.Publish{Topic: "after"})))
			if got[0].Type() != packets.TypeAuth || len(got) > 2 {
				t.Fatalf("%s: answered by %d packets, the first %s", early.Type(), len(got), got[0].Type())
			}
			if len(got) == 2 {
				if ack, ok := got[1].(*packets.Connack); !ok || ack.Code != packets.ErrProtocolError {
					t.Errorf("%s: answered by %+v", early.Type(), got[1])
				}
			}
			refusedOnce(t, s, packets.ErrProtocolError)
			nothing(t, w)
		}
	})
}
