package mqtt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func queued(n int, qos byte) delivery {
	return delivery{msg: &Message{Topic: fmt.Sprint(n), Payload: make([]byte, 10)}, qos: qos}
}

func contents(q *queue) (topics []string) {
	for i := range q.len {
		topics = append(topics, q.at(i).msg.Topic)
	}
	return topics
}

func TestQueueFull(t *testing.T) {
	t.Parallel()
	one := queued(0, 1).msg.size()
	for _, tc := range []struct {
		name    string
		limits  queueLimits
		before  []byte // QoS of messages 0, 1, 2 ...
		arrives byte
		taken   bool
		want    []string
		dropped []string
	}{
		{"room", queueLimits{3, 1 << 20, DropNewest}, []byte{1, 1}, 1, true, []string{"0", "1", "new"}, nil},
		{"newest goes", queueLimits{2, 1 << 20, DropNewest}, []byte{1, 1}, 1, false, []string{"0", "1"}, []string{"new"}},
		{"oldest goes", queueLimits{2, 1 << 20, DropOldest}, []byte{1, 1}, 1, true, []string{"1", "new"}, []string{"0"}},
		{"QoS 0 goes first", queueLimits{3, 1 << 20, DropOldest}, []byte{1, 0, 1}, 2, true, []string{"0", "2", "new"}, []string{"1"}},
		{"QoS 0 goes first, dropping newest", queueLimits{3, 1 << 20, DropNewest}, []byte{1, 1, 0}, 1, true, []string{"0", "1", "new"}, []string{"2"}},
		{"a QoS 0 arrival never evicts QoS 1", queueLimits{2, 1 << 20, DropOldest}, []byte{1, 1}, 0, false, []string{"0", "1"}, []string{"new"}},
		{"bytes", queueLimits{100, 2*one + 4, DropNewest}, []byte{1, 1}, 1, false, []string{"0", "1"}, []string{"new"}},
		{"bytes, oldest goes", queueLimits{100, 2*one + 4, DropOldest}, []byte{1, 1}, 1, true, []string{"1", "new"}, []string{"0"}},
		{"one too large for all limits fits an empty queue", queueLimits{100, 1, DropNewest}, nil, 1, true, []string{"new"}, nil},
		{"no queue at all", queueLimits{0, 1 << 20, DropOldest}, nil, 1, false, nil, []string{"new"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var q queue
			for i, qos := range tc.before {
				q.append(queued(i, qos))
			}
			d := queued(0, tc.arrives)
			d.msg.Topic = "new"
			var dropped []string
			taken := q.push(d, tc.limits, 1, func(x delivery, _ DropReason) { dropped = append(dropped, x.msg.Topic) })
			if taken != tc.taken || !slices.Equal(contents(&q), tc.want) || !slices.Equal(dropped, tc.dropped) {
				t.Errorf("taken %v, queue %q, dropped %q; want %v, %q, %q", taken, contents(&q), dropped, tc.taken, tc.want, tc.dropped)
			}
		})
	}
}

func TestQueueDropsExpiredBeforeOthers(t *testing.T) {
	t.Parallel()
	var q queue
	old := queued(0, 1)
	old.msg.expires = 5
	q.append(queued(1, 1))
	q.append(old)
	var reasons []DropReason
	ok := q.push(queued(2, 1), queueLimits{2, 1 << 20, DropOldest}, 6, func(_ delivery, r DropReason) { reasons = append(reasons, r) })
	if !ok || !slices.Equal(reasons, []DropReason{DropExpired}) || !slices.Equal(contents(&q), []string{"1", "2"}) {
		t.Errorf("taken %v, reasons %v, queue %q", ok, reasons, contents(&q))
	}
}

// TestQueueAgainstSlice plays a seeded random history on the ring and on a slice.
func TestQueueAgainstSlice(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	var q queue
	var model []delivery
	for step := range 100_000 {
		switch op := rng.IntN(100); {
		case op < 52:
			d := queued(step, byte(rng.IntN(3)))
			q.append(d)
			model = append(model, d)
		case op < 99 && len(model) > 0:
			if d := q.pop(); d.msg != model[0].msg {
				t.Fatalf("step %d: popped %s, want %s", step, d.msg.Topic, model[0].msg.Topic)
			}
			model = model[1:]
		case op == 99:
			odd := func(d *delivery) bool { return d.msg.Topic[len(d.msg.Topic)-1]%2 == 1 }
			q.dropWhere(odd, func(delivery) {})
			model = slices.DeleteFunc(model, func(d delivery) bool { return odd(&d) })
		}
		var bytes int64
		qos0 := 0
		if step%100 == 0 {
			for i, d := range model {
				bytes += d.msg.size()
				if d.qos == 0 {
					qos0++
				}
				if q.at(i).msg != d.msg {
					t.Fatalf("step %d: place %d differs", step, i)
				}
			}
			if q.len != len(model) || q.bytes != bytes || q.qos0 != qos0 {
				t.Fatalf("step %d: len %d bytes %d qos0 %d, want %d %d %d", step, q.len, q.bytes, q.qos0, len(model), bytes, qos0)
			}
		}
	}
}
