package mqtt

import (
	"fmt"
	"testing"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// BenchmarkEnd is the longest time for which a session that ends, with 100,000
// subscriptions and as many messages, is locked against publishers.
func BenchmarkEnd(b *testing.B) {
	var longest, whole time.Duration
	for range b.N {
		s := New(nil)
		sess := s.newSession("c", "")
		sess.expiry = 100
		for i := range 100_000 {
			s.subscribe(sess, newSubscription(packets.Subscription{Filter: fmt.Sprint("f/", i)}, 1, nil), nil)
		}
		msg := &Message{Topic: "t"}
		for range 100_000 {
			sess.deliver(nil, delivery{msg: msg, qos: 1})
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			begin := time.Now()
			sess.end(nil)
			whole += time.Since(begin)
		}()
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			default:
			}
			begin := time.Now()
			sess.full()
			longest = max(longest, time.Since(begin))
		}
	}
	b.ReportMetric(float64(longest.Microseconds()), "locked-µs")
	b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "whole-µs")
}
