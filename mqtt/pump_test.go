package mqtt

import (
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

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
		more = sess.pumpLocked(c) || sess.pace.pausing
		sess.pace = pace{}
		sess.unlock()
	}
	if c.out.pending == 0 || len(sess.cursors) > 0 {
		t.Errorf("%d bytes are sent, %d cursors left", c.out.pending, len(sess.cursors))
	}
	if rounds < n/4096 {
		t.Errorf("%d messages were looked at in %d rounds", n, rounds)
	}
}

// A filter without wildcards looks at one retained message, not at all below it.
func TestExactFilterLooksAtOneTopic(t *testing.T) {
	t.Parallel()
	s := New(nil)
	defer s.Close()
	for _, topic := range []string{"a", "a/", "b/"} {
		s.retained.set(&Message{Topic: topic, Payload: []byte("x")}, nil)
	}
	for i := range 2 * scanBudget {
		s.retained.set(&Message{Topic: fmt.Sprint("a/", i), Payload: []byte("x")}, nil)
	}
	for _, filter := range []string{"a", "a/", "b", "b/"} {
		cur := s.retained.cursor(new(subscription), filter, func() {})
		m, done := cur.take(&s.retained, 0)
		if want := filter != "b"; (m != nil) != want || want && m.Topic != filter {
			t.Errorf("%q: got %v", filter, m)
		}
		if !done && !cur.ended {
			t.Errorf("%q: there is more to look at", filter)
		}
	}
}

// After a burst of retained messages a session pauses, so that others come
// first; what is published meanwhile does not wait, and the rest follows.
func TestStreamingPausesAfterABurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(nil)
		defer s.Close()
		const n = 3 * pumpBudget
		for i := range n {
			s.retained.set(&Message{Topic: fmt.Sprint("r/", i), Payload: []byte("x")}, nil)
		}
		near, far := net.Pipe()
		defer near.Close()
		go func() { _, _ = io.Copy(io.Discard, far) }() // until the other end is closed
		sess, c := s.newSession("c", ""), s.newClient(near, "l")
		c.receiveMaximum = 10
		sess.attach(c, 0)
		sess.online.Store(c)
		s.subscribe(sess, newSubscription(packets.Subscription{Filter: "r/#"}, 0, nil), nil)
		sess.pace.spent = burstTime // time stands still in here
		sess.pump(c)
		sent := func() int64 { return s.stats.shards[0].sent[packets.TypePublish].Load() }
		if got := sent(); got != pumpBudget || !sess.pace.pausing || s.pausing.Load() != 1 {
			t.Fatalf("%d messages are sent, pausing is %v, %d sessions pause", got, sess.pace.pausing, s.pausing.Load())
		}
		sess.deliver(&router{server: s}, delivery{msg: &Message{Topic: "live"}, qos: 1})
		if sess.window.used != 1 {
			t.Error("a message waits for the pause to end")
		}
		<-time.After(burstTime)
		synctest.Wait()
		if got := sent(); got != n || len(sess.cursors) > 0 || s.pausing.Load() != 0 {
			t.Errorf("%d of %d messages are sent, %d cursors are left, %d sessions pause", got, n, len(sess.cursors), s.pausing.Load())
		}
	})
}
