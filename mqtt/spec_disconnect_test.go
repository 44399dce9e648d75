package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// [MQTT-3.12.4-1]
func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(v, "c"))
		for range 3 {
			c.Send(&packets.Pingreq{})
			mqtttest.Expect[*packets.Pingresp](c)
		}
	})
}

// [MQTT-3.14.0-1]
// What goes wrong before the CONNACK is not answered by DISCONNECT.
func TestNoDisconnectBeforeConnack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		send []byte
	}{
		{"PINGREQ first", []byte{0xC0, 0}},
		{"DISCONNECT first", []byte{0xE0, 0}},
		{"reserved type first", []byte{0x00, 0}},
		{"CONNECT with a reserved flag", []byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 5, 1, 0, 0, 0, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			conn := s.Conn(t)
			c := mqtttest.NewClient(t, conn, packets.V5)
			c.Write(tt.send)
			b := make([]byte, 64)
			if n, _ := conn.Read(b); n > 0 && packets.Type(b[0]>>4) == packets.TypeDisconnect {
				t.Errorf("got DISCONNECT % X", b[:n])
			}
		})
	}
}

// [MQTT-3.14.2-2]
// [MQTT-3.14.2-1]
// [MQTT-3.14.4-1]
// [MQTT-3.14.4-2]
// [MQTT-4.13.2-1]
// Whatever ends a connection: one DISCONNECT with a code of its table, without
// Session Expiry Interval, and the end after it, although messages keep coming.
func TestServerDisconnect(t *testing.T) {
	t.Parallel()
	codes := []packets.Code{
		packets.ErrUnspecified, packets.ErrMalformedPacket, packets.ErrNotAuthorized, packets.ErrServerBusy, packets.ErrServerShuttingDown,
		packets.ErrBadAuthenticationMethod, packets.ErrKeepAliveTimeout, packets.ErrSessionTakenOver, packets.ErrQuotaExceeded,
		packets.ErrAdministrativeAction, packets.ErrUseAnotherServer, packets.ErrMaximumConnectTime,
		packets.ErrBadUsernameOrPassword, packets.ErrPacketIDInUse, packets.ErrServerUnavailable, packets.ErrBanned,
	}
	for _, code := range codes {
		t.Run(fmt.Sprintf("0x%02X", byte(code)), func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
			c.Subscribe("t", 0)
			client, ok := s.Client("c")
			if !ok {
				t.Fatal("the client is not there")
			}
			if err := s.DisconnectClient(client, code); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if err := s.Publish("t", []byte("late"), false, 0); err != nil {
					t.Fatal(err)
				}
			}
			pk := mqtttest.Expect[*packets.Disconnect](c) // decoding refuses codes of other packets
			if !pk.Code.Failed() || code.AllowedIn(packets.TypeDisconnect) && pk.Code != code {
				t.Errorf("DISCONNECT with 0x%02X, want 0x%02X", byte(pk.Code), byte(code))
			}
			if pk.Properties.Has(packets.PropSessionExpiryInterval) {
				t.Error("DISCONNECT with a Session Expiry Interval")
			}
			c.ExpectClosed()
		})
	}
}

// [MQTT-3.14.4-1]
// [MQTT-3.14.4-2]
// A connection the server ends gets one DISCONNECT, by whichever way it ends.
func TestOneDisconnectOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(t *testing.T, s *mqtttest.Server, c *mqtttest.Client)
		want packets.Code
	}{
		{"fault of the client", func(_ *testing.T, _ *mqtttest.Server, c *mqtttest.Client) { c.Write([]byte{0x00, 0x00}) }, packets.ErrMalformedPacket},
		{"second CONNECT", func(_ *testing.T, _ *mqtttest.Server, c *mqtttest.Client) { c.Send(passing(packets.V5, "c")) }, packets.ErrProtocolError},
		{"taken over", func(t *testing.T, s *mqtttest.Server, _ *mqtttest.Client) {
			mqtttest.Dial(t, s, lasting(packets.V5, "c"))
		}, packets.ErrSessionTakenOver},
		{"replaced by a new session", func(t *testing.T, s *mqtttest.Server, _ *mqtttest.Client) {
			mqtttest.Dial(t, s, passing(packets.V5, "c"))
		}, packets.ErrSessionTakenOver},
		{"Client.Close", func(_ *testing.T, s *mqtttest.Server, _ *mqtttest.Client) {
			if cl, ok := s.Client("c"); ok {
				cl.Close()
			}
		}, packets.ErrAdministrativeAction},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
			tt.end(t, s, c)
			c.ExpectDisconnect(tt.want)
		})
	}
}

// [MQTT-3.14.4-1]
func TestOneDisconnectAfterKeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		connect := passing(packets.V5, "c")
		connect.KeepAlive = 2
		c := mqtttest.Dial(t, s, connect)
		c.ExpectDisconnect(packets.ErrKeepAliveTimeout)
	})
}

// [MQTT-3.14.4-3]
func TestDisconnectDropsTheWill(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		watcher := mqtttest.Dial(t, s, passing(v, "watcher"))
		watcher.Subscribe("will/+", 0)
		willed := func(id string) *mqtttest.Client {
			pk := lasting(v, id)
			pk.WillFlag, pk.Will = true, packets.Will{Topic: "will/" + id, Payload: []byte(id)}
			return mqtttest.Dial(t, s, pk)
		}
		willed("ordinary").Disconnect(packets.CodeSuccess)
		if v == packets.V5 {
			willed("wanted").Disconnect(packets.CodeDisconnectWithWill)
			expectPublish(t, watcher, "wanted")
		}
		willed("cut").Close()
		expectPublish(t, watcher, "cut") // so those before are decided
		watcher.Ping()
	})
}

// ends tells when connections are over.
type ends chan string

func (e ends) OnDisconnect(cl *mqtt.Client, _ error, _ bool) { e <- cl.ID() }

// What a client sends after its DISCONNECT is not carried out.
func TestNothingIsHandledAfterDisconnect(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		over := make(ends, 10)
		s := mqtttest.NewServer(t, over)
		watcher := mqtttest.Dial(t, s, passing(v, "watcher"))
		watcher.Subscribe("#", 0)
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Send(&packets.Publish{Topic: "before"}, &packets.Disconnect{}, &packets.Publish{Topic: "after"})
		c.ExpectClosed()
		<-over
		if got := watcher.Message(); got.Topic != "before" {
			t.Errorf("got the message of %q", got.Topic)
		}
		watcher.Ping()
	})
}
