package mqtt

import (
	"testing"
	"time"
)

// Nothing that comes after the end of a connection or session, such as a
// deadline that was due at that moment, keeps it in memory until a later time.
func TestDeadlinesForgetWhatEnded(t *testing.T) {
	t.Parallel()
	s := New(nil)
	defer s.Close()
	c := s.newClient(nil, "l")
	c.keepAlive = 60
	c.session.Store(s.newSession("c", ""))
	c.heard.Store(int64(s.clock.now()))
	s.deadlines.set(&c.deadline, s.clock.now())
	s.deadlines.retire(&c.deadline)
	c.expire(s.clock.now()) // it was on its way
	s.watchKeepAlive(c)

	m := &Message{Topic: "t", Payload: []byte("x"), expires: s.clock.after(time.Hour)}
	s.retained.set(m, nil)
	e := s.retained.tree.get("t")
	s.retained.clear("t", nil)
	s.deadlines.set(e.deadline, m.expires) // set is late
	if n := len(s.deadlines.heap); n != 0 {
		t.Errorf("%d deadlines are set", n)
	}
}
