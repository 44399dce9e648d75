package mqtt_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

type fnPause func(*mqtt.Client, int, int) time.Duration

func (f fnPause) OnRead(cl *mqtt.Client, publishes, bytes int) time.Duration {
	return f(cl, publishes, bytes)
}

func TestOnReadPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen, size atomic.Int64
		s := mqtttest.NewServer(t, fnPause(func(cl *mqtt.Client, publishes, bytes int) time.Duration {
			if cl.ID() != "pub" {
				return 0
			}
			seen.Add(int64(publishes))
			size.Add(int64(bytes))
			return time.Duration(publishes) * time.Second
		}))
		sub := mqtttest.Dial(t, s, mqtttest.Connect("sub"))
		sub.Subscribe("a", 0)
		pk := mqtttest.Connect("pub")
		pk.KeepAlive = 2 // much shorter than the pauses
		pub := mqtttest.Dial(t, s, pk)
		start := time.Now()
		for i := range 3 {
			pub.Publish("a", "x", 1, false)
			if got := time.Since(start); got != time.Duration(i)*time.Second {
				t.Errorf("message %d was acknowledged after %v", i, got)
			}
			sub.Message()
		}
		// A batch is handled whole and paid for afterwards.
		start = time.Now()
		var ten []packets.Packet
		for range 10 {
			ten = append(ten, &packets.Publish{Topic: "a", Payload: []byte("x")})
		}
		pub.Send(ten...)
		for range 10 {
			sub.Message()
		}
		pub.Send(&packets.Pingreq{})
		mqtttest.ExpectWithin[*packets.Pingresp](pub, time.Minute)
		if got := time.Since(start); got != 11*time.Second {
			t.Errorf("the packet behind ten messages was handled after %v, want 1 s for the one before and 10 s", got)
		}
		if seen.Load() != 13 || size.Load() == 0 {
			t.Errorf("%d PUBLISHes and %d bytes were told", seen.Load(), size.Load())
		}
	})
}

// A client that is not read can be disconnected, and the server can stop.
func TestPauseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t, fnPause(func(_ *mqtt.Client, publishes, _ int) time.Duration {
			return time.Duration(publishes) * time.Hour
		}))
		a, b := mqtttest.Dial(t, s, mqtttest.Connect("a")), mqtttest.Dial(t, s, mqtttest.Connect("b"))
		a.Publish("x", "x", 1, false)
		b.Publish("x", "x", 1, false)
		cl, ok := s.Client("a")
		if !ok {
			t.Fatal("a is not there")
		}
		cl.Close()
		a.ExpectDisconnect(packets.ErrAdministrativeAction)
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("stopping took %v", took)
		}
	})
}
