package mqtt_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// expectSequence expects packets by type, payload and DUP: "PUBLISH a",
// "PUBLISH a dup", "PUBREL"; then nothing. It returns their identifiers.
func expectSequence(t *testing.T, c *mqtttest.Client, want ...string) []uint16 {
	t.Helper()
	var ids []uint16
	for i, w := range want {
		got := ""
		switch pk := c.Receive().(type) {
		case *packets.Publish:
			got = "PUBLISH " + string(pk.Payload)
			if pk.Dup {
				got += " dup"
			}
			ids = append(ids, pk.PacketID)
		default:
			got = pk.Type().String()
			ids = append(ids, ackID(t, pk))
		}
		if got != w {
			t.Fatalf("packet %d is %q, want %q", i, got, w)
		}
	}
	c.Ping()
	return ids
}

// [MQTT-4.4.0-1] [MQTT-4.6.0-1]
// A new connection gets what is open, in the old order and under the old
// identifiers, then what has waited.
func TestResendingOnANewConnection(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		over := make(ends, 10)
		s := mqtttest.NewServer(t, over)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		c.Subscribe("t", 2)
		pub := mqtttest.Dial(t, s, passing(v, "pub"))
		for i, qos := range []byte{1, 2, 1, 2, 2, 1} {
			pub.Publish("t", fmt.Sprint("m", i), qos, false)
		}
		ids := expectSequence(t, c, "PUBLISH m0", "PUBLISH m1", "PUBLISH m2", "PUBLISH m3", "PUBLISH m4", "PUBLISH m5")
		c.Send(&packets.Puback{PacketID: ids[2]}, &packets.Pubrec{PacketID: ids[3]})
		expectSequence(t, c, "PUBREL")
		for range 2 {
			c.Close()
			<-over
			c = mqtttest.Dial(t, s, lasting(v, "c"))
			again := expectSequence(t, c, "PUBLISH m0 dup", "PUBLISH m1 dup", "PUBREL", "PUBLISH m4 dup", "PUBLISH m5 dup")
			if got, want := fmt.Sprint(again), fmt.Sprint([]uint16{ids[0], ids[1], ids[3], ids[4], ids[5]}); got != want {
				t.Errorf("identifiers %s, want %s", got, want)
			}
		}
		c.Close()
		<-over
		pub.Publish("t", "m6", 1, false)
		c = mqtttest.Dial(t, s, lasting(v, "c"))
		expectSequence(t, c, "PUBLISH m0 dup", "PUBLISH m1 dup", "PUBREL", "PUBLISH m4 dup", "PUBLISH m5 dup", "PUBLISH m6")
	})
}

// [MQTT-4.4.0-1]
// On one connection nothing is sent twice, however long an answer takes; but
// to 3.1.1 clients it is, where the operator asks for it.
func TestResendingOnTheSameConnection(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, time.Minute} {
		t.Run(interval.String(), func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				synctest.Test(t, func(t *testing.T) {
					s := mqtttest.NewServerWith(t, &mqtt.Options{RetryInterval: interval, SysTopicResendInterval: -1})
					c := mqtttest.Dial(t, s, passing(v, "c"))
					c.Subscribe("t", 2)
					pub := mqtttest.Dial(t, s, passing(v, "pub"))
					for qos := range byte(3) {
						pub.Publish("t", fmt.Sprint("q", qos), qos, false)
					}
					pub.Publish("t", "rel", 2, false)
					ids := expectSequence(t, c, "PUBLISH q0", "PUBLISH q1", "PUBLISH q2", "PUBLISH rel")
					c.Send(&packets.Pubrec{PacketID: ids[3]})
					expectSequence(t, c, "PUBREL")
					advance(90 * time.Second)
					synctest.Wait()
					if interval == 0 || v == packets.V5 {
						c.Ping()
						return
					}
					again := expectSequence(t, c, "PUBLISH q1 dup", "PUBLISH q2 dup", "PUBREL")
					if again[0] != ids[1] || again[1] != ids[2] || again[2] != ids[3] {
						t.Errorf("identifiers %v, want those of %v", again, ids)
					}
					c.Send(&packets.Puback{PacketID: ids[1]}, &packets.Pubcomp{PacketID: ids[3]})
					advance(60 * time.Second)
					synctest.Wait()
					expectSequence(t, c, "PUBLISH q2 dup")
				})
			})
		})
	}
}

// [MQTT-4.4.0-2]
func TestRefusedMessagesAreNotResent(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
	c.Subscribe("t", 2)
	pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
	pub.Publish("t", "one", 1, false)
	pub.Publish("t", "two", 2, false)
	pub.Publish("t", "three", 1, false)
	ids := expectSequence(t, c, "PUBLISH one", "PUBLISH two", "PUBLISH three")
	c.Send(&packets.Puback{PacketID: ids[0], Code: packets.ErrImplementationSpecific},
		&packets.Pubrec{PacketID: ids[1], Code: packets.ErrQuotaExceeded})
	c.Ping()
	if got := s.Stats().Dropped["refused"]; got != 2 {
		t.Errorf("%d messages count as refused, want 2", got)
	}
	c.Close()
	expectSequence(t, mqtttest.Dial(t, s, lasting(packets.V5, "c")), "PUBLISH three dup")
}

// inTheGap publishes while a second CONNACK is on its way: the new connection
// has the session already, and nothing flows to it yet.
type inTheGap struct {
	server   atomic.Pointer[mqtt.Server]
	connacks atomic.Int32
}

func (h *inTheGap) Attach(s *mqtt.Server) { h.server.Store(s) }

func (h *inTheGap) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	if pk.Type() == packets.TypeConnack && h.connacks.Add(1) > 1 {
		if err := h.server.Load().Publish("t", []byte("in the gap"), false, 1); err != nil {
			panic(err)
		}
	}
	return pk
}

// [MQTT-4.5.0-1]
// A message that comes in the moment of a take-over goes to the new connection.
func TestNothingIsLostAtATakeOver(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, new(inTheGap))
		old := mqtttest.Dial(t, s, lasting(v, "c"))
		old.Subscribe("t", 1)
		c := mqtttest.Dial(t, s, lasting(v, "c"))
		expectMessages(t, c, "in the gap")
	})
}

// [MQTT-4.5.0-1] [MQTT-4.6.0-5] [MQTT-4.6.0-6]
// A client that takes its session over again and again, in the middle of a
// stream of messages, gets all of them in order.
func TestStreamAcrossTakeOvers(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		c := mqtttest.Dial(t, s, withReceiveMaximum(lasting(v, "c"), 20))
		c.Subscribe("t", 1)
		const n = 2000
		published := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < n && err == nil; i++ {
				err = s.Publish("t", []byte{byte(i), byte(i >> 8)}, false, 1)
			}
			published <- err
		}()
		for next, received := 0, 0; next < n; received++ {
			pk := mqtttest.Expect[*packets.Publish](c)
			i := int(pk.Payload[0]) | int(pk.Payload[1])<<8
			switch {
			case i == next:
				next++
			case i > next || !pk.Dup:
				t.Fatalf("message %d came, DUP %v, want %d", i, pk.Dup, next)
			}
			if received%150 == 149 {
				c = mqtttest.Dial(t, s, withReceiveMaximum(lasting(v, "c"), 20))
				continue
			}
			c.Send(&packets.Puback{PacketID: pk.PacketID})
		}
		if err := <-published; err != nil {
			t.Error(err)
		}
	})
}
