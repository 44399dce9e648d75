package mqtt_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// What must not wait for the store is acknowledged while it stands still, and is
// stored when it goes on.
func TestDurabilitySaysWhatWaits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opts  mqtt.Options
		waits bool
	}{
		{"fsync", mqtt.Options{}, true},
		{"os", mqtt.Options{Durability: mqtt.DurabilityOS}, true},
		{"none", mqtt.Options{Durability: mqtt.DurabilityNone}, false},
		{"none for the topic", mqtt.Options{TopicDurability: []mqtt.TopicDurability{
			{Filter: "t/#", Durability: mqtt.DurabilityNone}, {Filter: "#", Durability: mqtt.DurabilityFsync},
		}}, false},
		{"fsync for the topic", mqtt.Options{Durability: mqtt.DurabilityNone, TopicDurability: []mqtt.TopicDurability{
			{Filter: "other", Durability: mqtt.DurabilityNone}, {Filter: "t/+", Durability: mqtt.DurabilityFsync},
		}}, true},
		{"none for the listener", mqtt.Options{ListenerDurability: map[string]mqtt.Durability{"memory": mqtt.DurabilityNone}}, false},
		{"none for another listener", mqtt.Options{ListenerDurability: map[string]mqtt.Durability{"other": mqtt.DurabilityNone}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				s := d.serve(t, &tt.opts)
				sub := dial(t, s, packets.V5, "sub")
				sub.Subscribe("t/#", 2)
				sub.Close()
				pub := dial(t, s, packets.V5, "pub")
				advance(time.Second)
				resume := d.stop()
				pub.Send(
					&packets.Publish{Topic: "t/1", Payload: []byte("one"), QoS: 1, PacketID: 1},
					&packets.Publish{Topic: "t/2", Payload: []byte("two"), QoS: 2, PacketID: 2},
				)
				synctest.Wait()
				if tt.waits {
					pub.Ping() // is answered before them
				}
				if tt.waits {
					resume()
				}
				mqtttest.Expect[*packets.Puback](pub)
				mqtttest.Expect[*packets.Pubrec](pub)
				if !tt.waits {
					resume()
				}
				advance(time.Second)
				sub = dial(t, d.serve(t, &tt.opts), packets.V5, "sub")
				expectMessages(t, sub, "one", "two")
			})
		})
	}
}

// Without waiting for the store QoS 2 flows to a client go on at once, and are
// where they were after a restart.
func TestFlowsThatDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		opts := &mqtt.Options{Durability: mqtt.DurabilityNone}
		s := d.serve(t, opts)
		c := dial(t, s, packets.V5, "c")
		c.Subscribe("t", 2)
		advance(time.Second)
		resume := d.stop()
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		pub.Publish("t", "one", 2, false)
		pub.Publish("t", "two", 2, false)
		one := mqtttest.Expect[*packets.Publish](c)
		two := mqtttest.Expect[*packets.Publish](c)
		c.Send(&packets.Pubrec{PacketID: one.PacketID})
		mqtttest.Expect[*packets.Pubrel](c)
		resume()
		advance(time.Second)
		c = dial(t, d.serve(t, opts), packets.V5, "c")
		got := map[bool]bool{}
		for range 2 {
			switch pk := c.Receive().(type) {
			case *packets.Pubrel:
				got[pk.PacketID == one.PacketID] = true
			case *packets.Publish:
				got[pk.PacketID != two.PacketID || !pk.Dup] = true
			}
		}
		if !got[true] || !got[false] {
			t.Error("want PUBREL for the first and the second with DUP")
		}
	})
}

// Retained messages that were on their way to a kept session when the server
// crashed come again under their packet identifiers [MQTT-4.4.0-1].
func TestRetainedMessagesInFlightSurviveACrash(t *testing.T) {
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			s := d.serve(t, nil)
			pub := mqtttest.Dial(t, s, passing(v, "pub"))
			pub.Publish("kept/1", "one", 1, true)
			pub.Publish("kept/2", "two", 2, true)
			c := dial(t, s, v, "c")
			c.Subscribe("kept/+", 2)
			first := []*packets.Publish{mqtttest.Expect[*packets.Publish](c), mqtttest.Expect[*packets.Publish](c)}
			advance(time.Second)
			s = d.serve(t, nil)
			c = dial(t, s, v, "c")
			for _, want := range first {
				got := mqtttest.Expect[*packets.Publish](c)
				isPublish(t, got, string(want.Payload), want.PacketID, true)
				if !got.Retain || got.QoS != want.QoS {
					t.Errorf("RETAIN %v, QoS %d", got.Retain, got.QoS)
				}
				if got.QoS == 1 {
					c.Send(&packets.Puback{PacketID: got.PacketID})
				} else {
					c.Send(&packets.Pubrec{PacketID: got.PacketID})
				}
			}
			c.Send(&packets.Pubcomp{PacketID: mqtttest.Expect[*packets.Pubrel](c).PacketID})
			c.Ping()
			advance(time.Second)
			dial(t, d.serve(t, nil), v, "c").Ping()
		})
	})
}
