package interop

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The scenarios about sessions, connections and Will Messages.

func TestPaho5WillMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBroker(t)
		pk := connect5("a", true)
		pk.KeepAlive, pk.WillFlag = 2, true
		pk.Will = packets.Will{Topic: "w", Payload: []byte("gone"), Properties: packets.Properties{User: pairs}}
		mqtttest.Dial(t, s, pk)
		b := mqtttest.Dial(t, s, connect5("b", false))
		b.Subscribe("w", 2)
		got := mqtttest.ExpectWithin[*packets.Publish](b, time.Minute)
		if string(got.Payload) != "gone" || len(got.Properties.User) != len(pairs) || got.Properties.User[2] != pairs[2] {
			t.Errorf("got %+v", got)
		}
		b.Ping()
	})
}

func TestPaho5ZeroLengthClientID(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	seen := map[string]bool{}
	for _, cleanStart := range []bool{false, true} {
		c := mqtttest.Dial(t, s, connect5("", cleanStart))
		id := c.Connack.Properties.AssignedClientID
		if id == "" || seen[id] { // [MQTT-3.1.3-6] [MQTT-3.2.2-16]
			t.Errorf("assigned %q", id)
		}
		seen[id] = true
		c.Ping()
	}
}

func TestPaho5AssignedClientID(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	c := mqtttest.Dial(t, s, connect5("", true))
	id := c.Connack.Properties.AssignedClientID
	if cl, ok := s.Client(id); !ok || cl.ID() != id {
		t.Errorf("the server does not know the client as %q", id)
	}
	named := mqtttest.Dial(t, s, connect5("named", true))
	if named.Connack.Properties.Has(packets.PropAssignedClientID) {
		t.Error("a client that has a name is given another")
	}
}

func TestPaho5OfflineQueue(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	pk := connect5("a", true)
	pk.Properties.SessionExpiryInterval = 99999
	a := dial(t, s, pk)
	a.Subscribe("+/+", 2)
	a.Disconnect(packets.CodeSuccess)
	b := dial(t, s, connect5("b", true))
	for i, topic := range []string{"q/0", "q/1", "q/2"} {
		b.Publish(topic, "while away", byte(i), false)
	}
	a = dial(t, s, connect5("a", false))
	a.await(2, 0)
	expect(t, "queued", a.settle(), `q/1 "while away" q1 rfalse`, `q/2 "while away" q2 rfalse`)
}

func TestPaho5KeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBroker(t)
		b := mqtttest.Dial(t, s, connect5("b", true))
		b.Subscribe("/wills", 2)
		pk := connect5("a", true)
		pk.KeepAlive = 5
		pk.WillFlag, pk.Will = true, packets.Will{Topic: "/wills", Payload: []byte("silence")}
		a := mqtttest.Dial(t, s, pk)
		start := time.Now()
		a.ExpectDisconnectWithin(packets.ErrKeepAliveTimeout, time.Minute)
		got := b.Message()
		if after := time.Since(start); after != 7500*time.Millisecond || string(got.Payload) != "silence" { // [MQTT-3.1.2-22]
			t.Errorf("%q after %v", got.Payload, after)
		}
		b.Ping()
	})
}

func TestPaho5RedeliveryOnReconnect(t *testing.T) {
	t.Parallel()
	s := newBroker(t)
	pk := connect5("b", false)
	pk.Properties.SessionExpiryInterval = 99999
	b := dial(t, s, pk)
	b.Subscribe("r/#", 2)
	b.publish(packets.Publish{Topic: "r/1", QoS: 1}, packets.Publish{Topic: "r/2", QoS: 2})
	first, second := unanswered(t, b.Client)
	b.Disconnect(packets.CodeSuccess)

	b = dial(t, s, pk)
	if !b.Connack.SessionPresent {
		t.Error("the session is gone")
	}
	b.await(2, 0)
	got := b.settle()
	expect(t, "again", got, `r/1 "" q1 rfalse`, `r/2 "" q2 rfalse`)
	for i, id := range []uint16{first.PacketID, second.PacketID} {
		if !got[i].Dup || got[i].PacketID != id { // [MQTT-4.4.0-1] [MQTT-3.3.1-1]
			t.Errorf("message %d came again as %d, dup %t; was %d", i, got[i].PacketID, got[i].Dup, id)
		}
	}
}

func TestPaho5SessionExpiry(t *testing.T) {
	t.Parallel()
	seconds := func(n uint32) *uint32 { return &n }
	tests := []struct {
		name      string
		connect   uint32
		leave     *uint32 // at DISCONNECT
		away      time.Duration
		isPresent bool
	}{
		{"it ends with the connection", 0, nil, 0, false}, // [MQTT-3.1.2-23]
		{"it lives while it may", 5, nil, 2 * time.Second, true},
		{"it ends when its time is over", 5, nil, 6 * time.Second, false},
		{"DISCONNECT prolongs it", 1, seconds(5), 3 * time.Second, true},
		{"DISCONNECT ends it", 5, seconds(0), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newBroker(t)
				pk := connect5("a", true)
				pk.Properties.SessionExpiryInterval = tt.connect
				a := mqtttest.Dial(t, s, pk)
				if a.Connack.SessionPresent {
					t.Error("a new session is said to be present") // [MQTT-3.2.2-2]
				}
				a.Subscribe("s", 2)
				bye := &packets.Disconnect{}
				if tt.leave != nil {
					bye.Properties.SessionExpiryInterval = *tt.leave
					bye.Properties.Set(packets.PropSessionExpiryInterval)
				}
				a.Send(bye)
				a.ExpectClosed()
				<-time.After(tt.away) // on the clock of the bubble
				synctest.Wait()
				if a = mqtttest.Dial(t, s, connect5("a", false)); a.Connack.SessionPresent != tt.isPresent { // [MQTT-3.2.2-3]
					t.Errorf("session present %t, want %t", a.Connack.SessionPresent, tt.isPresent)
				}
			})
		})
	}
}

func TestPaho5WillDelay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		delay, expiry uint32
		want          time.Duration
	}{
		{"before the session ends", 3, 5, 3 * time.Second},
		{"the session ends at once", 5, 0, 0},
		{"the session ends earlier", 5, 2, 2 * time.Second}, // [MQTT-3.1.2-8]
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newBroker(t)
				pk := connect5("a", true)
				pk.Properties.SessionExpiryInterval = tt.expiry
				pk.WillFlag = true
				pk.Will = packets.Will{Topic: "w", Payload: []byte("gone"), Properties: packets.Properties{WillDelayInterval: tt.delay}}
				a := mqtttest.Dial(t, s, pk)
				b := mqtttest.Dial(t, s, connect5("b", true))
				b.Subscribe("w", 2)
				start := time.Now()
				a.Close()
				got := b.Message()
				if after := time.Since(start); after != tt.want || string(got.Payload) != "gone" {
					t.Errorf("%q after %v, want %v", got.Payload, after, tt.want)
				}
				if got.Properties.Has(packets.PropWillDelayInterval) {
					t.Error("the delay is passed on")
				}
			})
		})
	}
}
