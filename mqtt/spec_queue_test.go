package mqtt_test

import (
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// queued says what is published to an offline session and what is left of it.
type queued struct {
	name    string
	limits  mqtt.Capabilities
	publish []string // "0 text" is "text" with QoS 0
	want    []string
	dropped int64 // with reason queue_full
}

func TestOfflineQueue(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1000)
	huge := strings.Repeat("y", 5000)
	tests := []queued{
		{"DropNewest", mqtt.Capabilities{MaximumDurableQueueMessages: 3}, []string{"1 a", "1 b", "2 c", "1 d", "2 e"}, []string{"a", "b", "c"}, 2},
		{"DropOldest", mqtt.Capabilities{MaximumDurableQueueMessages: 3, QueuePolicy: mqtt.DropOldest}, []string{"1 a", "1 b", "2 c", "1 d", "2 e"}, []string{"c", "d", "e"}, 2},
		{"DisconnectSlow, offline", mqtt.Capabilities{MaximumDurableQueueMessages: 2, QueuePolicy: mqtt.DisconnectSlow}, []string{"1 a", "1 b", "1 c"}, []string{"a", "b"}, 1},
		{"DropNewest by bytes", mqtt.Capabilities{MaximumDurableQueueBytes: 3000}, []string{"1 a" + big, "1 b" + big, "1 c" + big, "1 d"}, []string{"a" + big, "b" + big, "d"}, 1},
		{"DropOldest by bytes", mqtt.Capabilities{MaximumDurableQueueBytes: 3000, QueuePolicy: mqtt.DropOldest}, []string{"1 a", "1 b" + big, "1 c" + big, "1 d" + big}, []string{"c" + big, "d" + big}, 2},
		{"one larger than all bytes", mqtt.Capabilities{MaximumDurableQueueBytes: 3000}, []string{"1 " + huge, "1 a"}, []string{huge}, 1},
		{"QoS 0 goes first", mqtt.Capabilities{MaximumDurableQueueMessages: 3, QueueQoS0Messages: true}, []string{"0 x", "1 a", "0 y", "1 b", "1 c", "1 d"}, []string{"a", "b", "c"}, 3},
		{"QoS 0 goes first under DropOldest", mqtt.Capabilities{MaximumDurableQueueMessages: 3, QueueQoS0Messages: true, QueuePolicy: mqtt.DropOldest}, []string{"1 a", "0 x", "1 b", "1 c", "1 d"}, []string{"b", "c", "d"}, 2},
		{"QoS 0 makes way for QoS 0 only", mqtt.Capabilities{MaximumDurableQueueMessages: 2, QueueQoS0Messages: true, QueuePolicy: mqtt.DropOldest}, []string{"1 a", "0 x", "0 y", "1 b", "0 z"}, []string{"a", "b"}, 3},
		{"QoS 0 kept", mqtt.Capabilities{QueueQoS0Messages: true}, []string{"0 x", "1 a", "0 y"}, []string{"x", "a", "y"}, 0},
		{"QoS 0 not kept", mqtt.Capabilities{}, []string{"0 x", "1 a", "0 y"}, []string{"a"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				over := make(ends, 10)
				s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: tt.limits}, over)
				c := mqtttest.Dial(t, s, lasting(v, "c"))
				c.Subscribe("t", 2)
				c.Close()
				<-over
				pub := mqtttest.Dial(t, s, passing(v, "pub"))
				for _, p := range tt.publish {
					pub.Publish("t", p[2:], p[0]-'0', false)
				}
				pub.Ping()
				st := s.Stats()
				if st.Dropped["queue_full"] != tt.dropped || st.MessagesDropped != tt.dropped {
					t.Errorf("%d dropped from the full queue, %d in all, want %d", st.Dropped["queue_full"], st.MessagesDropped, tt.dropped)
				}
				if st.Queued != int64(len(tt.want)) {
					t.Errorf("%d are queued, want %d", st.Queued, len(tt.want))
				}
				expectMessages(t, mqtttest.Dial(t, s, lasting(v, "c")), tt.want...)
				if st = s.Stats(); st.Queued != 0 || st.QueuedBytes != 0 {
					t.Errorf("%d messages, %d bytes are queued at the end", st.Queued, st.QueuedBytes)
				}
			})
		})
	}
}

// The queue of a session that ends with its connection has limits of its own.
func TestOnlineQueue(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumInflight: 1, MaximumQueueMessages: 2}})
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 1)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		want := publishMany(t, pub, "t", "m", 5, 1)
		expectMessages(t, c, want[:3]...)
		if got := s.Stats().Dropped["queue_full"]; got != 2 {
			t.Errorf("%d dropped, want 2", got)
		}
	})
}

func TestDisconnectSlow(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{
			MaximumInflight: 1, MaximumDurableQueueMessages: 2, QueuePolicy: mqtt.DisconnectSlow,
		}})
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 1)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		want := publishMany(t, pub, "t", "m", 3, 1)
		expectPublish(t, c, want[0])
		c.Ping()
		pub.Publish("t", "too much", 1, false)
		expectFault(t, c, v, packets.ErrQuotaExceeded)
		expectMessages(t, mqtttest.Dial(t, s, lasting(v, "c")), want...)
	})
}

// RejectPublish decides before anything is routed or retained.
func TestRejectPublish(t *testing.T) {
	t.Parallel()
	for qos := byte(1); qos <= 2; qos++ {
		overVersions(t, func(t *testing.T, v packets.Version) {
			over := make(ends, 10)
			s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{
				MaximumDurableQueueMessages: 1, QueuePolicy: mqtt.RejectPublish,
			}}, over)
			c := mqtttest.Dial(t, s, lasting(v, "c"))
			c.Subscribe("t", 1)
			c.Close()
			<-over
			other := mqtttest.Dial(t, s, passing(v, "other"))
			other.Subscribe("#", 0)
			pub := mqtttest.Dial(t, s, lasting(v, "pub"))
			pub.Publish("t", "fits", 1, false)
			expectMessages(t, other, "fits")
			refused := &packets.Publish{Topic: "t", Payload: []byte("refused"), QoS: qos, PacketID: 9, Retain: true}
			pub.Send(refused)
			pub = expectRejected(t, s, pub, v, qos)
			other.Ping()
			other.Subscribe("t", 0) // no retained message
			other.Ping()
			if got := s.Stats().Dropped["queue_full"]; got != 1 {
				t.Errorf("%d dropped, want 1", got)
			}
			pub.Publish("elsewhere", "free", 1, false)
			expectMessages(t, other, "free")
			pub.Send(&packets.Publish{Topic: "t", Payload: []byte("zero")}, &packets.Pingreq{}) // QoS 0 is no reason to refuse
			mqtttest.Expect[*packets.Pingresp](pub)
			expectMessages(t, other, "zero")
			c = mqtttest.Dial(t, s, lasting(v, "c"))
			expectMessages(t, c, "fits")
			refused.Dup = true
			pub.Send(refused) // now there is room
			expectMessages(t, c, "refused")
		})
	}
}

// expectRejected expects the answer to a PUBLISH that found no room, and
// returns the connection its publisher goes on with.
func expectRejected(t *testing.T, s *mqtttest.Server, pub *mqtttest.Client, v packets.Version, qos byte) *mqtttest.Client {
	t.Helper()
	if v != packets.V5 {
		pub.ExpectClosed()
		return mqtttest.Dial(t, s, lasting(v, "pub"))
	}
	var code packets.Code
	if qos == 1 {
		code = mqtttest.Expect[*packets.Puback](pub).Code
	} else {
		code = mqtttest.Expect[*packets.Pubrec](pub).Code
	}
	if code != packets.ErrQuotaExceeded {
		t.Errorf("refused with %v, want quota exceeded", code)
	}
	return pub
}

// A shared subscription refuses when none of its members has room.
func TestRejectPublishForSharedSubscription(t *testing.T) {
	t.Parallel()
	over := make(ends, 10)
	s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{
		MaximumDurableQueueMessages: 1, QueuePolicy: mqtt.RejectPublish,
	}}, over)
	for _, id := range []string{"a", "b"} {
		c := mqtttest.Dial(t, s, lasting(packets.V5, id))
		c.Subscribe("$share/g/t", 1)
		c.Close()
		<-over
	}
	pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
	for i, want := range []packets.Code{packets.CodeSuccess, packets.CodeSuccess, packets.ErrQuotaExceeded} {
		pub.Send(&packets.Publish{Topic: "t", Payload: []byte{byte(i)}, QoS: 1, PacketID: uint16(i + 1)})
		if ack := mqtttest.Expect[*packets.Puback](pub); ack.Code != want {
			t.Errorf("message %d: PUBACK %v, want %v", i, ack.Code, want)
		}
	}
	for _, id := range []string{"a", "b"} {
		c := mqtttest.Dial(t, s, lasting(packets.V5, id))
		if got := c.Message(); got.QoS != 1 {
			t.Errorf("%s got %+v", id, got)
		}
		c.Ping() // and no second one
	}
}
