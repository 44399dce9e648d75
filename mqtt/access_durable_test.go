package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Of what a session has in the store, too, nothing is delivered that rules of
// later deny: after a restart, and while it is being read bit by bit.
func TestDeniedMessagesLeaveTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		h := newSecrecy(false)
		s := d.serve(t, nil, h)
		c := dial(t, s, packets.V5, "c")
		c.Subscribe("#", 1)
		c.Close()
		synctest.Wait() // else it gets the first messages
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		const n = 1500
		for i := range n {
			pub.Publish([]string{"open/1", "secret/1", "secret/2"}[i%3], fmt.Sprint(i), 1, false)
		}
		h.on.Store(true)
		for _, server := range []*mqtttest.Server{s, d.serve(t, nil, h)} {
			if server == s {
				server.RecheckAccess() // it is offline: asked about when it comes back
				continue
			}
			c = dial(t, server, packets.V5, "c")
			expectPresent(t, c, true)
			for i := 0; i < n; i += 3 {
				if got := c.Message(); got.Topic != "open/1" || string(got.Payload) != fmt.Sprint(i) {
					t.Fatalf("got %s %q, want open/1 %d", got.Topic, got.Payload, i)
				}
			}
			c.Ping()
			synctest.Wait()
			if queued := server.Stats().Queued; queued != 0 {
				t.Errorf("%d messages are still queued", queued)
			}
		}
	})
}

// Rules that change while a session is connected hold for what waits in memory
// and in the store.
func TestDeniedMessagesLeaveTheBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newSecrecy(false)
		s := newDisk().serve(t, nil, h)
		pk := lasting(packets.V5, "c")
		pk.Properties.ReceiveMaximum = 1
		c := mqtttest.Dial(t, s, pk)
		c.Subscribe("#", 1)
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		for i := range 1000 {
			pub.Publish([]string{"open/1", "secret/1"}[i%2], fmt.Sprint(i), 1, false)
		}
		h.on.Store(true)
		s.RecheckAccess()
		for i := 0; i < 1000; i += 2 {
			if got := c.Message(); got.Topic != "open/1" || string(got.Payload) != fmt.Sprint(i) {
				t.Fatalf("got %s %q, want open/1 %d", got.Topic, got.Payload, i)
			}
		}
		c.Ping()
	})
}
