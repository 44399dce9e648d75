package mqtt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Tests of what a client may make the server keep.

// A client that asks and asks and never reads the answers is disconnected.
func TestAnswersThatNobodyReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		pk   packets.Packet
	}{
		{"PINGREQ", &packets.Pingreq{}},
		{"PUBLISH", &packets.Publish{Topic: "t", QoS: 1, PacketID: 1}},
		{"PUBREL", &packets.Pubrel{PacketID: 1}},
		{"SUBSCRIBE", &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "#"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{
					MaximumClientWritesPending: 64 << 10, MaximumPacketSize: 64 << 10,
				}})
				conn := s.Conn(t)
				b, err := passing(v, "c").Append(nil, v)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Write(b); err != nil {
					t.Fatal(err)
				}
				if b, err = tt.pk.Append(nil, v); err != nil {
					t.Fatal(err)
				}
				b = []byte(strings.Repeat(string(b), 4096))
				for range 200 {
					if _, err := conn.Write(b); err != nil || s.Stats().Refused[packets.ErrQuotaExceeded.String()] > 0 {
						return
					}
				}
				t.Error("the server took 800,000 packets")
			})
		})
	}
}

// A SUBACK with many refusals says why of the first ones, and goes out.
func TestManyRefusedFilters(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	subs := []packets.Subscription{{Filter: "good"}}
	for i := range 3000 {
		subs = append(subs, packets.Subscription{Filter: fmt.Sprint("a#/", strings.Repeat("x", 30), i)})
	}
	codes := c.SubscribeWith(packets.Properties{}, subs...)
	if len(codes) != len(subs) || codes[0] != packets.CodeSuccess || codes[3000] != packets.ErrTopicFilterInvalid {
		t.Errorf("got %d codes", len(codes))
	}
	c.Ping()
}
