package mqtt

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/packets"
)

func BenchmarkRetainedPump(b *testing.B) {
	for qos := range byte(2) {
		b.Run(fmt.Sprint("qos=", qos), func(b *testing.B) {
			s := New(nil)
			const n = 100_000
			for i := range n {
				s.retained.set(&Message{Topic: fmt.Sprint("r/", i%1000, "/", i), QoS: 1, Payload: []byte("a retained message of 32 bytes..")}, nil)
			}
			b.ReportAllocs()
			for b.Loop() {
				sess, c := s.newSession("c", ""), s.newClient(nil, "l")
				c.out.closed = false
				c.receiveMaximum = 65535
				sess.attach(c, 0)
				sess.online.Store(c)
				s.subscribe(sess, newSubscription(packets.Subscription{Filter: "r/#"}, qos, nil), nil)
				for len(sess.cursors) > 0 {
					sess.mu.Lock()
					sess.pumpLocked(c)
					sess.pace = pace{}
					for _, d := range sess.window.ordered() {
						sess.completeLocked(d, 0)
					}
					c.out.buf, c.out.pending = c.out.buf[:0], 0
					sess.unlock()
				}
				sess.end(nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/msg")
		})
	}
}
