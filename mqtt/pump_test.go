package mqtt

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/packets"
)

// A filter that matches few of many retained messages must not hold the lock of
// its session while it looks for them: publishers wait for it.
func TestPumpLooksForAWhileOnly(t *testing.T) {
	t.Parallel()
	s := New(nil)
	defer s.Close()
	const n = 20_000
	for i := range n {
		s.retained.set(&Message{Topic: fmt.Sprintf("%05d/y", i), Payload: []byte("x")}, nil)
	}
	s.retained.set(&Message{Topic: "99999/x", Payload: []byte("x")}, nil)
	sess, c := s.newSession("c", ""), s.newClient(nil, "l")
	c.receiveMaximum = 10
	sess.attach(c, 0)
	sess.online.Store(c)
	s.subscribe(sess, newSubscription(packets.Subscription{Filter: "+/x"}, 0, nil), nil)
	rounds := 0
	for more := true; more; rounds++ {
		sess.mu.Lock()
		more = sess.pumpLocked(c)
		sess.unlock()
	}
	if c.out.pending == 0 || len(sess.cursors) > 0 {
		t.Errorf("%d bytes are sent, %d cursors left", c.out.pending, len(sess.cursors))
	}
	if rounds < n/4096 {
		t.Errorf("%d messages were looked at in %d rounds", n, rounds)
	}
}
