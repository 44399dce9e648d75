package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestSessionResumes(t *testing.T) {
	// [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23] [MQTT-3.1.3-2] [MQTT-3.2.2-3] [MQTT-3.1.4-4]
	// [MQTT311-3.1.2-4] [MQTT311-3.1.2-5]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		for _, end := range []string{"lost", "disconnected"} {
			clientID := "c-" + end
			c := mqtttest.Dial(t, s, durableConnect(v, clientID))
			presentIs(t, c, v, false)
			c.Subscribe("t/#", 2)
			if end == "lost" {
				lose(c)
			} else {
				c.Disconnect(packets.CodeSuccess)
			}
			pub.Publish("t/1", "one", 1, false)
			pub.Publish("t/2", "two", 2, false)
			other := mqtttest.Dial(t, s, durableConnect(v, clientID+"-other"))
			presentIs(t, other, v, false) // the state belongs to the identifier
			c = mqtttest.Dial(t, s, durableConnect(v, clientID))
			presentIs(t, c, v, true)
			wantMessage(t, c, "t/1", "one")
			wantMessage(t, c, "t/2", "two")
			pub.Publish("t/3", "three", 1, false)
			wantMessage(t, c, "t/3", "three")
			nothing(t, c)
			nothing(t, other)
			c.Disconnect(packets.CodeSuccess)
			other.Disconnect(packets.CodeSuccess)
		}
	})
}

func TestCleanStartDiscards(t *testing.T) {
	// [MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT-3.1.4-4] [MQTT311-3.1.2-6]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		c := mqtttest.Dial(t, s, durableConnect(v, "c"))
		c.Subscribe("t", 2)
		c.Send(&packets.Publish{Topic: "x", QoS: 2, PacketID: 7})
		mqtttest.Expect[*packets.Pubrec](c)
		lose(c)
		pub.Publish("t", "queued", 1, false)
		clean := durableConnect(v, "c")
		clean.CleanStart = true
		c = mqtttest.Dial(t, s, clean)
		presentIs(t, c, v, false)
		nothing(t, c) // what was queued is gone
		pub.Publish("t", "x", 1, false)
		nothing(t, c) // and so is the subscription
		c.Send(&packets.Pubrel{PacketID: 7})
		if ack := mqtttest.Expect[*packets.Pubcomp](c); v == packets.V5 && ack.Code != packets.ErrPacketIDNotFound {
			t.Errorf("PUBCOMP with %v: the server remembers the packet identifier", ack.Code)
		}
		if st := s.Stats(); st.ClientsTotal != 2 || st.Queued != 0 || st.Subscriptions != 0 {
			t.Errorf("%d clients, %d messages, %d subscriptions are left", st.ClientsTotal, st.Queued, st.Subscriptions)
		}
	})
}

func TestCleanSessionEndsWithItsConnection(t *testing.T) {
	// [MQTT-3.1.2-23] [MQTT311-3.1.2-6] [MQTT-3.2.2-3]
	ends := map[string]func(t *testing.T, s *mqtttest.Server, c *mqtttest.Client){
		"lost":         func(_ *testing.T, _ *mqtttest.Server, c *mqtttest.Client) { lose(c) },
		"disconnected": func(_ *testing.T, _ *mqtttest.Server, c *mqtttest.Client) { c.Disconnect(packets.CodeSuccess) },
		"taken over":   func(*testing.T, *mqtttest.Server, *mqtttest.Client) {},
	}
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for name, end := range ends {
			s := quietServer(t)
			pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
			c := mqtttest.Dial(t, s, cleanConnect(v, "c"))
			c.Subscribe("t", 1)
			end(t, s, c)
			c = mqtttest.Dial(t, s, durableConnect(v, "c"))
			if c.Connack.SessionPresent {
				t.Errorf("%s: a session that ends with its connection was present", name)
			}
			pub.Publish("t", "x", 1, false)
			nothing(t, c)
		}
	})
}

func TestSessionExpiryInterval(t *testing.T) {
	// [MQTT-3.1.2-23] [MQTT-3.2.2-3]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		tests := []struct {
			name                    string
			atConnect, atDisconnect uint32
			wait                    time.Duration
			present                 bool
		}{
			{"before the end", 60, 0, 59 * time.Second, true},
			{"after the end", 60, 0, 61 * time.Second, false},
			{"never", 0xffffffff, 0, 100 * 24 * time.Hour, true},
			{"longer than 31 bits", 0x80000000, 0, 30 * 24 * time.Hour, true},
			{"longer by disconnect", 60, 120, 90 * time.Second, true},
			{"shorter by disconnect", 60, 1, 2 * time.Second, false},
		}
		for i, tt := range tests {
			connect := cleanConnect(v, fmt.Sprint("c", i))
			connect.Properties.SessionExpiryInterval = tt.atConnect
			c := mqtttest.Dial(t, s, connect)
			bye := new(packets.Disconnect)
			if tt.atDisconnect > 0 {
				bye.Properties.SessionExpiryInterval = tt.atDisconnect
			}
			c.Send(bye)
			c.ExpectClosed()
			advance(tt.wait)
			connect.CleanStart = false
			if c := mqtttest.Dial(t, s, connect); c.Connack.SessionPresent != tt.present {
				t.Errorf("%s: session present %v, want %v", tt.name, c.Connack.SessionPresent, tt.present)
			}
		}
	})
}

func TestSessionExpiryIsCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1, Capabilities: mqtt.Capabilities{MaximumSessionExpiryInterval: 100}})
		asked := durableConnect(packets.V5, "c")
		c := mqtttest.Dial(t, s, asked)
		if p := &c.Connack.Properties; !p.Has(packets.PropSessionExpiryInterval) || p.SessionExpiryInterval != 100 {
			t.Errorf("the client is told a Session Expiry Interval of %d s, want 100 s", p.SessionExpiryInterval)
		}
		lose(c)
		advance(101 * time.Second)
		presentIs(t, mqtttest.Dial(t, s, asked), packets.V5, false)
		asked.ClientID, asked.Properties.SessionExpiryInterval = "d", 99
		if c := mqtttest.Dial(t, s, asked); c.Connack.Properties.Has(packets.PropSessionExpiryInterval) {
			t.Error("the client is told an interval that is the one it asked for")
		}
	})
}

func TestTakeover(t *testing.T) {
	// [MQTT-3.1.4-3]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for _, second := range versionsAll {
			for _, cleanStart := range []bool{false, true} {
				s := quietServer(t)
				old := mqtttest.Dial(t, s, durableConnect(v, "c"))
				old.Subscribe("t", 1)
				connect := durableConnect(second, "c")
				connect.CleanStart = cleanStart
				c := mqtttest.Dial(t, s, connect)
				presentIs(t, c, second, !cleanStart)
				if v == packets.V5 {
					old.ExpectDisconnect(packets.ErrSessionTakenOver)
				} else {
					old.ExpectClosed()
				}
				pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
				pub.Publish("t", "x", 1, false)
				if !cleanStart {
					wantMessage(t, c, "t", "x")
				}
				nothing(t, c)
				if n := s.Stats().ClientsTotal; n != 2 {
					t.Errorf("%d clients, want 2", n)
				}
			}
		}
	})
}

// sentHook tells of each packet that leaves.
type sentHook struct {
	f func(cl *mqtt.Client, pk packets.Packet)
}

func (h *sentHook) OnPacketSent(cl *mqtt.Client, pk packets.Packet, _ []byte) { h.f(cl, pk) }

func TestTakeoverLosesNothing(t *testing.T) {
	// A message that comes between the end of the old connection and the
	// CONNACK of the new one goes to the new one. [MQTT-3.1.2-5]
	inVersions(t, versions4, func(t *testing.T, v packets.Version) {
		hook := new(sentHook)
		s := mqtttest.NewServer(t, hook)
		published := 0
		hook.f = func(cl *mqtt.Client, pk packets.Packet) {
			if pk.Type() == packets.TypeDisconnect {
				published++
				if err := s.Publish("t", []byte("between"), false, 1); err != nil {
					t.Error(err)
				}
			}
		}
		old := mqtttest.Dial(t, s, durableConnect(packets.V5, "c"))
		old.Subscribe("t", 1)
		c := mqtttest.Dial(t, s, durableConnect(v, "c"))
		if published != 1 {
			t.Fatalf("published %d times", published)
		}
		wantMessage(t, c, "t", "between")
	})
}

func TestSessionBelongsToItsUser(t *testing.T) {
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for _, open := range []bool{false, true} {
			s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1, SessionsOpenToAnyUser: open})
			connect := durableConnect(v, "c")
			connect.Username = "alice"
			alice := mqtttest.Dial(t, s, connect)
			for _, other := range []string{"", "mallory"} {
				for _, cleanStart := range []bool{false, true} {
					stranger := *connect
					stranger.Username, stranger.CleanStart = other, cleanStart
					c := mqtttest.DialRefused(t, s, &stranger)
					if open {
						if c.Connack.Code.Failed() {
							t.Errorf("%v although sessions are open to any user", c.Connack.Code)
						}
						continue
					}
					if c.Connack.Code != packets.ErrNotAuthorized {
						t.Errorf("user %q got %v, want %v", other, c.Connack.Code, packets.ErrNotAuthorized)
					}
					c.ExpectClosed()
				}
			}
			if open {
				continue
			}
			alice.Ping()
			lose(alice)
			presentIs(t, mqtttest.Dial(t, s, connect), v, true)
		}
	})
}

func TestRetainedMessagesOutliveSessions(t *testing.T) {
	// [MQTT311-3.1.2-7]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		pub.Publish("t", "kept", 1, true)
		pub.Disconnect(packets.CodeSuccess)
		mqtttest.Dial(t, s, cleanConnect(v, "pub")).Disconnect(packets.CodeSuccess)
		sub := mqtttest.Dial(t, s, cleanConnect(v, "sub"))
		sub.Subscribe("#", 1)
		wantMessage(t, sub, "t", "kept")
	})
}
