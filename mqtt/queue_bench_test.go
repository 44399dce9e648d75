package mqtt

import (
	"testing"
	"time"
)

// BenchmarkQueueFull is what one more message costs a queue that holds 100,000
// and is full.
func BenchmarkQueueFull(b *testing.B) {
	const n = 100_000
	for _, bc := range []struct {
		name    string
		policy  QueuePolicy
		waiting byte
		arrives byte
		expires func(i int) instant // of message i; it arrives at time i
	}{
		{"QoS 0 for QoS 0", DropNewest, 0, 0, nil},
		{"QoS 1 for QoS 0", DropNewest, 0, 1, nil},
		{"QoS 0 among QoS 1", DropNewest, 1, 0, nil},
		{"QoS 1, newest goes", DropNewest, 1, 1, nil},
		{"QoS 1, oldest goes", DropOldest, 1, 1, nil},
		{"expiring in an hour, newest goes", DropNewest, 1, 1, func(i int) instant { return instant(i) + instant(time.Hour) }},
		{"expiring in an hour, oldest goes", DropOldest, 1, 1, func(i int) instant { return instant(i) + instant(time.Hour) }},
		{"one expires for each", DropNewest, 1, 1, func(i int) instant { return instant(i*7919%n + i/n*n + n) }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			var q queue
			limits := queueLimits{n, 1 << 40, bc.policy}
			dropped := func(delivery, DropReason) {}
			i := 0
			message := func(qos byte) delivery {
				d := delivery{msg: &Message{Topic: "t"}, qos: qos}
				if bc.expires != nil {
					d.msg.expires = bc.expires(i)
				}
				i++
				return d
			}
			for range n {
				q.append(message(bc.waiting))
			}
			b.ReportAllocs()
			for b.Loop() {
				q.push(message(bc.arrives), limits, instant(i), dropped)
			}
		})
	}
}
