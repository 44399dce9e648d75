package mqtt_test

import (
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A receiver that reads nothing at all holds up neither the publisher nor the
// other receivers; what it does not take is dropped and counted.
func TestDeadReceiverHoldsUpNobody(t *testing.T) {
	t.Parallel()
	tests := []struct {
		qos    byte
		reason string
	}{{0, "slow_connection"}, {1, "queue_full"}, {2, "queue_full"}}
	for _, tt := range tests {
		t.Run(string('0'+rune(tt.qos)), func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{
					MaximumClientWritesPending: 64 << 10, MaximumQueueMessages: 50,
				}})
				dead := mqtttest.Dial(t, s, passing(v, "dead"))
				dead.Subscribe("t", tt.qos)
				live := mqtttest.Dial(t, s, passing(v, "live"))
				live.Subscribe("t", tt.qos)
				pub := mqtttest.Dial(t, s, passing(v, "pub"))
				payload := string(make([]byte, 4<<10))
				const n = 200 // 800 KiB
				for range n {
					pub.Publish("t", payload, tt.qos, false)
					live.Message()
				}
				pub.Ping()
				live.Ping()
				st := s.Stats()
				if dropped := st.Dropped[tt.reason]; dropped == 0 || dropped >= n || st.MessagesDropped != dropped {
					t.Errorf("dropped for %s: %d, in all %d", tt.reason, dropped, st.MessagesDropped)
				}
				if st.QueuedBytes > 50*5<<10 {
					t.Errorf("%d bytes are queued", st.QueuedBytes)
				}
			})
		})
	}
}

// A slow receiver gets what was kept for it as soon as it reads again.
func TestSlowReceiverCatchesUp(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumClientWritesPending: 64 << 10}})
		slow := mqtttest.Dial(t, s, passing(v, "slow"))
		slow.Subscribe("t", 1)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		payload := string(make([]byte, 4<<10))
		for range 300 {
			pub.Publish("t", payload, 1, false)
		}
		if got := len(receiveMessages(t, slow, 300)); got != 300 {
			t.Errorf("%d messages arrived", got)
		}
		slow.Ping()
	})
}

func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	connect, err := passing(packets.V5, "c").Append(nil, packets.V5)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		every time.Duration // a byte of the CONNECT; 0 sends none
	}{{"silent", 0}, {"one byte a second", time.Second}, {"one byte in three seconds", 3 * time.Second}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{ConnectTimeout: 10 * time.Second, SysTopicResendInterval: -1})
				conn := s.Conn(t)
				start := time.Now()
				var writer sync.WaitGroup
				if tt.every > 0 {
					writer.Go(func() {
						for _, b := range connect {
							if _, err := conn.Write([]byte{b}); err != nil {
								return
							}
							advance(tt.every)
						}
					})
				}
				if b, err := io.ReadAll(conn); err != nil || len(b) > 0 {
					t.Errorf("got % X, %v", b, err)
				}
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("closed after %v, want 10s", took)
				}
				_ = conn.Close() // ends the writer
				writer.Wait()
			})
		})
	}
}

// A CONNECT that comes byte by byte, but in time, is as good as any.
func TestTricklingConnect(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			s := mqtttest.NewServer(t)
			c := mqtttest.NewClient(t, s.Conn(t), v)
			b, err := passing(v, "c").Append(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			for i := range b {
				c.Write(b[i : i+1])
				advance(100 * time.Millisecond)
			}
			if ack := mqtttest.Expect[*packets.Connack](c); ack.Code != packets.CodeSuccess {
				t.Errorf("refused with %v", ack.Code)
			}
			for _, one := range []byte{0xC0, 0} {
				c.Write([]byte{one})
				advance(time.Minute)
			}
			mqtttest.Expect[*packets.Pingresp](c)
		})
	})
}

// Near the memory budget new connections are refused, and large packets of
// those who are there; when the memory is free again, all is well.
func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			s := mqtttest.NewServerWith(t, &mqtt.Options{
				MemoryBudget: 1 << 20, SysTopicResendInterval: -1,
				Capabilities: mqtt.Capabilities{MaximumSessionExpiryInterval: 60},
			})
			c := mqtttest.Dial(t, s, lasting(v, "c"))
			c.Subscribe("t", 1)
			c.Close()
			synctest.Wait()
			pub := mqtttest.Dial(t, s, passing(v, "pub"))
			for range 15 {
				pub.Publish("t", string(make([]byte, 64<<10)), 1, false)
			}
			advance(time.Second)
			refused := mqtttest.DialRefused(t, s, passing(v, "new"))
			if got := refused.Connack.Code; v == packets.V5 && got != packets.ErrQuotaExceeded || !got.Failed() {
				t.Errorf("CONNECT answered with %v", got)
			}
			refused.ExpectClosed()
			pub.Publish("small", "is taken", 1, false)
			large, err := (&packets.Publish{Topic: "t", Payload: make([]byte, 512<<10)}).Append(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			pub.Write(large[:1000])
			expectFault(t, pub, v, packets.ErrQuotaExceeded)
			advance(61 * time.Second) // the session expires
			mqtttest.Dial(t, s, passing(v, "new")).Ping()
		})
	})
}

// Retained messages on their way to a slow receiver leave room for live QoS 0
// messages, which cannot wait.
func TestRetainedMessagesLeaveRoomForLiveOnes(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumClientWritesPending: 64 << 10}})
		const retained, live = 100, 10
		for i := range retained {
			if err := s.Publish("r/"+string(rune('a'+i)), make([]byte, 4<<10), true, 0); err != nil {
				t.Fatal(err)
			}
		}
		c := mqtttest.Dial(t, s, passing(v, "c"))
		c.Subscribe("t", 0)
		c.Subscribe("r/#", 0)
		for range live {
			if err := s.Publish("t", []byte("live"), false, 0); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Stats().MessagesDropped; got != 0 {
			t.Errorf("%d messages were dropped", got)
		}
		if got := len(receiveMessages(t, c, retained+live)); got != retained+live {
			t.Errorf("%d messages arrived", got)
		}
		c.Ping()
	})
}
