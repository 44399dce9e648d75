package mqtt_test

import (
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestKeepAlive(t *testing.T) {
	// [MQTT-3.1.2-22] [MQTT-3.2.2-22]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for _, seconds := range []uint16{1, 10, 60, 43690, 43691, 65535} {
			s := quietServer(t)
			w := watcher(t, s, "will")
			connect := withWill(cleanConnect(v, "c"), "silent")
			connect.KeepAlive = seconds
			c := mqtttest.Dial(t, s, connect)
			if v == packets.V5 && c.Connack.Properties.Has(packets.PropServerKeepAlive) {
				t.Error("the server overrides the Keep Alive")
			}
			full := time.Duration(seconds) * time.Second
			advance(full)
			c.Ping() // whoever speaks is left alone
			start := time.Now()
			got := mqtttest.ExpectWithin[*packets.Publish](w, 48*time.Hour)
			if string(got.Payload) != "silent" || time.Since(start) != full*3/2 {
				t.Errorf("Keep Alive %d s: ended after %v, want %v", seconds, time.Since(start), full*3/2)
			}
			if v == packets.V5 {
				c.ExpectDisconnect(packets.ErrKeepAliveTimeout)
			} else {
				c.ExpectClosed()
			}
			refusedOnce(t, s, packets.ErrKeepAliveTimeout)
		}
	})
}

func TestKeepAliveZero(t *testing.T) {
	// [MQTT-3.1.2-22]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
		advance(200 * time.Hour)
		c.Ping()
	})
}

func TestAnyPacketKeepsAlive(t *testing.T) {
	// [MQTT-3.1.2-22]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		connect := cleanConnect(v, "c")
		connect.KeepAlive = 10
		c := mqtttest.Dial(t, s, connect)
		for range 20 {
			advance(14 * time.Second)
			c.Publish("t", "x", 1, false)
		}
		c.Ping()
	})
}

func TestServerKeepAlive(t *testing.T) {
	// [MQTT-3.2.2-22] [MQTT-3.1.2-22]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		tests := []struct{ asked, want uint16 }{{0, 20}, {5, 5}, {20, 20}, {100, 20}}
		for _, tt := range tests {
			s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1, ServerKeepAlive: 20})
			connect := cleanConnect(v, "c")
			connect.KeepAlive = tt.asked
			want := tt.want
			if v != packets.V5 {
				want = tt.asked // it cannot be told otherwise
			}
			c := mqtttest.Dial(t, s, connect)
			told := c.Connack.Properties.Has(packets.PropServerKeepAlive)
			if told != (want != tt.asked) || (told && c.Connack.Properties.ServerKeepAlive != want) {
				t.Errorf("asked for %d s: told %v, %d s", tt.asked, told, c.Connack.Properties.ServerKeepAlive)
			}
			if want == 0 {
				advance(time.Hour)
				c.Ping()
				continue
			}
			patience := time.Duration(want) * time.Second * 3 / 2
			advance(patience - time.Millisecond)
			c.Ping()
			advance(patience + time.Millisecond)
			if v == packets.V5 {
				c.ExpectDisconnect(packets.ErrKeepAliveTimeout)
			} else {
				c.ExpectClosed()
			}
		}
	})
}
