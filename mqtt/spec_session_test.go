package mqtt_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-4.1.0-1] [MQTT311-4.1.0-1]
// Subscriptions and messages survive the connection, if the session does.
func TestSessionOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		if c.Connack.SessionPresent {
			t.Error("a new session is said to be present")
		}
		c.Subscribe("t", 2)
		var want []string
		for round := range 3 {
			c.Close()
			want = publishMany(t, pub, "t", string(rune('a'+round)), 5, byte(1+round%2))
			c = mqtttest.Dial(t, s, lasting(v, "c"))
			if !c.Connack.SessionPresent {
				t.Error("the session is not present")
			}
			expectMessages(t, c, want...)
		}
	})
}

// [MQTT-4.1.0-1]
// A session without expiry lives as long as its connection, and no longer.
func TestSessionLivesAsLongAsItsConnection(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
			c := mqtttest.Dial(t, s, passing(v, "c"))
			c.Subscribe("t", 1)
			pub := mqtttest.Dial(t, s, passing(v, "pub"))
			advance(100 * time.Hour)
			pub.Publish("t", "still there", 1, false)
			expectMessages(t, c, "still there")
			c.Close()
			synctest.Wait()
			connect := lasting(v, "c")
			if c = mqtttest.Dial(t, s, connect); c.Connack.SessionPresent {
				t.Error("the session is present")
			}
			pub.Publish("t", "gone", 1, false)
			c.Ping()
		})
	})
}

// [MQTT-4.1.0-2]
func TestSessionExpires(t *testing.T) {
	t.Parallel()
	expiring := func(seconds uint32) *packets.Connect {
		pk := lasting(packets.V5, "c")
		pk.Properties.SessionExpiryInterval = seconds
		return pk
	}
	tests := []struct {
		name    string
		connect *packets.Connect
		leave   func(c *mqtttest.Client)
		maximum uint32
		wait    time.Duration
		present bool
	}{
		{"just before", expiring(60), (*mqtttest.Client).Close, 0, 59 * time.Second, true},
		{"just after", expiring(60), (*mqtttest.Client).Close, 0, 61 * time.Second, false},
		{"never", expiring(0xFFFFFFFF), (*mqtttest.Client).Close, 0, 365 * 24 * time.Hour, true},
		{"at once", expiring(0), (*mqtttest.Client).Close, 0, time.Second, false},
		{"capped by the server", expiring(0xFFFFFFFF), (*mqtttest.Client).Close, 30, 31 * time.Second, false},
		{"capped, before", expiring(0xFFFFFFFF), (*mqtttest.Client).Close, 30, 29 * time.Second, true},
		{"3.1.1, capped", lasting(packets.V311, "c"), (*mqtttest.Client).Close, 30, 31 * time.Second, false},
		{"3.1.1, never", lasting(packets.V311, "c"), (*mqtttest.Client).Close, 0, 365 * 24 * time.Hour, true},
		{"changed by DISCONNECT", expiring(60), func(c *mqtttest.Client) {
			pk := &packets.Disconnect{}
			pk.Properties.SessionExpiryInterval = 600
			c.Send(pk)
			c.ExpectClosed()
		}, 0, 599 * time.Second, true},
		{"ended by DISCONNECT", expiring(60), func(c *mqtttest.Client) {
			pk := &packets.Disconnect{}
			pk.Properties.Set(packets.PropSessionExpiryInterval)
			c.Send(pk)
			c.ExpectClosed()
		}, 0, time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{
					SysTopicResendInterval: -1,
					Capabilities:           mqtt.Capabilities{MaximumSessionExpiryInterval: tt.maximum},
				})
				c := mqtttest.Dial(t, s, tt.connect)
				c.Subscribe("t", 1)
				tt.leave(c)
				advance(tt.wait)
				synctest.Wait()
				if got := s.Stats().Subscriptions; (got == 1) != tt.present {
					t.Errorf("%d subscriptions are left", got)
				}
				if c = mqtttest.Dial(t, s, lasting(tt.connect.Version, "c")); c.Connack.SessionPresent != tt.present {
					t.Errorf("session present: %v, want %v", c.Connack.SessionPresent, tt.present)
				}
			})
		})
	}
}

// [MQTT-4.1.0-2]
// DISCONNECT cannot bring a session to life that CONNECT said ends at once.
func TestExpiryFromZeroAtDisconnect(t *testing.T) {
	t.Parallel()
	c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(packets.V5, "c"))
	pk := &packets.Disconnect{}
	pk.Properties.SessionExpiryInterval = 1
	c.Send(pk)
	c.ExpectDisconnect(packets.ErrProtocolError)
}

// [MQTT-4.1.0-1]
// The packet identifiers of unfinished QoS 2 messages from the client are state too.
func TestReceivedIdentifiersSurvive(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		watcher := mqtttest.Dial(t, s, passing(v, "watcher"))
		watcher.Subscribe("t", 0)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		pk := &packets.Publish{Topic: "t", Payload: []byte("once"), QoS: 2, PacketID: 5}
		c.Send(pk)
		mqtttest.Expect[*packets.Pubrec](c)
		c.Close()
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		pk.Dup = true
		c.Send(pk)
		mqtttest.Expect[*packets.Pubrec](c)
		c.Send(&packets.Pubrel{PacketID: 5})
		if comp := mqtttest.Expect[*packets.Pubcomp](c); comp.Code != packets.CodeSuccess {
			t.Errorf("PUBCOMP with %v", comp.Code)
		}
		expectMessages(t, watcher, "once")
	})
}
