package mqtt

import (
	"io"
	"testing"
)

// After a connection has failed nothing that waits in the session is sent to
// it, though it is not detached yet: a QoS 0 message would be lost.
func TestFailedConnectionTakesNothing(t *testing.T) {
	t.Parallel()
	s := New(&Options{Capabilities: Capabilities{QueueQoS0Messages: true}})
	defer s.Close()
	sess, c := s.newSession("c", ""), s.newClient(nil, "l")
	c.receiveMaximum = 10
	sess.attach(c, 3600)
	for range 3 {
		sess.deliver(&router{server: s}, delivery{msg: &Message{Topic: "t"}})
	}
	c.out.writing = true
	c.writeFailed(io.ErrClosedPipe)
	sess.open(c)
	sess.deliver(&router{server: s}, delivery{msg: &Message{Topic: "t"}})
	if sess.queue.len != 4 {
		t.Errorf("%d messages are left in the queue, want 4", sess.queue.len)
	}
}
