package mqtt

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/packets"
)

// Subscribing over and over while the retained messages cannot be sent keeps
// one cursor for each subscription, not one for each SUBSCRIBE.
func TestCursorsOfRepeatedSubscriptions(t *testing.T) {
	t.Parallel()
	s := New(nil)
	defer s.Close()
	sess := s.newSession("c", "")
	subscribe := func(filter string) {
		s.subscribe(sess, newSubscription(packets.Subscription{Filter: filter}, 1, nil), nil)
	}
	for i := range 10_000 {
		filter := fmt.Sprint("f/", i%10)
		subscribe(filter)
		if i%3 == 0 {
			s.unsubscribe(sess, filter, nil)
		}
	}
	for i := range 10 {
		subscribe(fmt.Sprint("f/", i))
	}
	if n := len(sess.cursors); n < 10 || n > 40 {
		t.Errorf("%d cursors for 10 subscriptions", n)
	}
}
