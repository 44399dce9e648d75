package mqtt_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The memory budget holds, whoever keeps the messages: the queue of an offline
// session, the window of a client that does not acknowledge, or the outbound
// queue of one that does not read. When they go, all is as before.
func TestMemoryBudgetHolds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		qos  byte
		hold func(net.Conn) error // it does with messages what holds them back
	}{
		{"offline", 1, net.Conn.Close},
		{"no acknowledgements", 1, func(conn net.Conn) error {
			go func() { _, _ = io.Copy(io.Discard, conn) }() // until it is closed
			return conn.SetReadDeadline(time.Time{})
		}},
		{"does not read, QoS 0", 0, func(net.Conn) error { return nil }},
		{"does not read, QoS 1", 1, func(net.Conn) error { return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				synctest.Test(t, func(t *testing.T) {
					const budget = 1 << 20
					s := mqtttest.NewServerWith(t, &mqtt.Options{
						MemoryBudget: budget, SysTopicResendInterval: -1,
						Capabilities: mqtt.Capabilities{MaximumSessionExpiryInterval: 3600},
					})
					conn := s.Conn(t)
					c := mqtttest.NewClient(t, conn, v)
					c.Send(lasting(v, "c"))
					mqtttest.Expect[*packets.Connack](c)
					c.Subscribe("t", tt.qos)
					if err := tt.hold(conn); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					publishBeyond(t, s, v, tt.qos, budget)
					if err := conn.Close(); err != nil {
						t.Fatal(err)
					}
					advance(2 * time.Hour) // the session expires
					mqtttest.Dial(t, s, passing(v, "new")).Ping()
					advance(time.Second) // what it was sent was counted, perhaps
					if held := s.Stats().HeldBytes; held != 0 {
						t.Errorf("%d bytes are held at the end", held)
					}
				})
			})
		})
	}
}

// publishBeyond publishes nine times the budget.
func publishBeyond(t *testing.T, s *mqtttest.Server, v packets.Version, qos byte, budget int64) {
	t.Helper()
	pub := mqtttest.Dial(t, s, passing(v, "pub"))
	payload := string(make([]byte, 32<<10))
	for range 9 * budget / (32 << 10) {
		pub.Publish("t", payload, qos, false)
		advance(20 * time.Millisecond)
		if held := s.Stats().HeldBytes; held > budget*3/2 {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if got := s.Stats().MessagesDropped; got < 200 {
		t.Errorf("only %d messages were dropped", got)
	}
	refused := mqtttest.DialRefused(t, s, passing(v, "new"))
	if want := map[packets.Version]packets.Code{packets.V311: packets.ErrServerUnavailable, packets.V5: packets.ErrQuotaExceeded}[v]; refused.Connack.Code != want {
		t.Errorf("a new client is answered with %v, want %v", refused.Connack.Code, want)
	}
	refused.Close()
	pub.Close()
}

// While the memory budget is nearly spent the server reads slowly from every
// client, and no longer when it is not.
func TestReadersSlowDownWhileMemoryIsShort(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			s := mqtttest.NewServerWith(t, &mqtt.Options{
				MemoryBudget: 1 << 20, SysTopicResendInterval: -1,
				Capabilities: mqtt.Capabilities{MaximumSessionExpiryInterval: 3600},
			})
			c := mqtttest.Dial(t, s, lasting(v, "c"))
			c.Subscribe("t", 1)
			c.Disconnect(packets.CodeSuccess)
			pub := mqtttest.Dial(t, s, passing(v, "pub"))
			tenPings := func() time.Duration {
				begin := time.Now()
				for range 10 {
					pub.Ping()
				}
				return time.Since(begin)
			}
			if took := tenPings(); took > 0 {
				t.Errorf("with nothing held ten answers take %v", took)
			}
			publishMany(t, pub, "t", string(make([]byte, 32<<10)), 29, 1) // 29/32 of the budget
			advance(time.Second)
			if took := tenPings(); took < 80*time.Millisecond || took > time.Second {
				t.Errorf("with little memory left ten answers take %v", took)
			}
			advance(2 * time.Hour) // the session expires
			pub.Ping()
			if took := tenPings(); took > 0 {
				t.Errorf("with memory again ten answers take %v", took)
			}
		})
	})
}
