package mqtt_test

import (
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1]
// [MQTT-4.7.3-2] [MQTT-4.7.3-3]
func TestFiltersAcceptedAndRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter string
		ok     bool
	}{
		{"#", true},
		{"a/#", true},
		{"+", true},
		{"+/a/#", true},
		{"/+", true},
		{"/", true},
		{" ", true},
		{"a//b", true},
		{"a#", false},
		{"a/#/b", false},
		{"#/a", false},
		{"##", false},
		{"a+", false},
		{"+a/b", false},
		{"++", false},
		{"a/b+/c", false},
		{"", false},
		{strings.Repeat("x", 65535), true},
	}
	for _, tt := range tests {
		name := tt.filter[:min(20, len(tt.filter))]
		t.Run(name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(v, "c"))
				got := c.Subscribe(tt.filter, 0)
				if got.Failed() == tt.ok {
					t.Errorf("SUBACK with 0x%02X", byte(got))
				}
				if !tt.ok && v == packets.V5 && got != packets.ErrTopicFilterInvalid {
					t.Errorf("SUBACK with 0x%02X, want 0x8F", byte(got))
				}
			})
		})
	}
}

// [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2]
func TestTopicNamesRefused(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"a/+", "#", "+", "a/#", "a+b", "", "a\x00b"} {
		t.Run(strings.ReplaceAll(topic, "\x00", "NUL"), func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				s := mqtttest.NewServer(t)
				all := mqtttest.Dial(t, s, passing(v, "all"))
				all.Subscribe("#", 0)
				c := mqtttest.Dial(t, s, passing(v, "c"))
				body := append([]byte{0, byte(len(topic))}, topic...)
				if v == packets.V5 {
					body = append(body, 0)
				}
				c.Write(append([]byte{0x30, byte(len(body))}, body...))
				if v == packets.V5 {
					if pk := mqtttest.Expect[*packets.Disconnect](c); !pk.Code.Failed() {
						t.Errorf("DISCONNECT with %v", pk.Code)
					}
				}
				c.ExpectClosed()
				all.Ping()
			})
		})
	}
	// A NUL in a filter is no better.
	c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(packets.V5, "c"))
	c.Write([]byte{0x82, 7, 0, 1, 0, 0, 1, 0, 0})
	c.ExpectDisconnect(packets.ErrMalformedPacket)
}

// [MQTT-4.7.2-1] [MQTT-4.7.3-4] [MQTT-4.7.1-2] [MQTT-4.7.1-1]
func TestMatching(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter, topic string
		want          bool
	}{
		{"#", "$own/a", false},
		{"+/a", "$own/a", false},
		{"+/#", "$own/a", false},
		{"$own/#", "$own/a", true},
		{"$own/+", "$own/a", true},
		{"$own/a", "$own/a", true},
		{"#", "a/$own", true},
		{"a/+", "a/$own", true},
		{"a/#", "a", true},
		{"a/+", "a", false},
		{"a/+", "a/", true},
		{"+", "/a", false},
		{"+/+", "/a", true},
		{"/+", "/a", true},
		{"a//b", "a/b", false},
		{"a//b", "a//b", true},
		{"A", "a", false},
		{"a ", "a", false},
		{"/a", "a", false},
		{"a/", "a", false},
		{"\u00c5", "\u212b", false},  // Å and the Ångström sign
		{"\u00c5", "A\u030a", false}, // Å composed and decomposed
		{"\ufeffa", "a", false},
	}
	for _, tt := range tests {
		t.Run(tt.filter+" "+tt.topic, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				s := mqtttest.NewServer(t)
				c := mqtttest.Dial(t, s, passing(v, "c"))
				c.Subscribe(tt.filter, 0)
				c.Send(&packets.Publish{Topic: tt.topic})
				if tt.want {
					if got := mqtttest.Expect[*packets.Publish](c); got.Topic != tt.topic {
						t.Errorf("the topic is %q", got.Topic)
					}
				}
				c.Ping()
				c.Publish(tt.topic, "retained", 0, true)
				if tt.want {
					mqtttest.Expect[*packets.Publish](c)
				}
				c.Subscribe(tt.filter, 0)
				if tt.want {
					mqtttest.Expect[*packets.Publish](c)
				}
				c.Ping()
			})
		})
	}
}
