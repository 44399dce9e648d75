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
	for p := q.first; p < q.next; p++ {
		if d := q.at(p); d.msg != nil {
			topics = append(topics, d.msg.Topic)
		}
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
			for _, d := range model {
				bytes += d.msg.size()
				if d.qos == 0 {
					qos0++
				}
			}
			if !slices.EqualFunc(contents(&q), model, func(topic string, d delivery) bool { return topic == d.msg.Topic }) {
				t.Fatalf("step %d: got %q", step, contents(&q))
			}
			if q.len != len(model) || q.bytes != bytes || q.qos0 != qos0 {
				t.Fatalf("step %d: len %d bytes %d qos0 %d, want %d %d %d", step, q.len, q.bytes, q.qos0, len(model), bytes, qos0)
			}
		}
	}
}

// plainQueue makes room by walking through all it has.
type plainQueue struct{ list []delivery }

func (q *plainQueue) push(d delivery, limits queueLimits, now instant, dropped func(delivery, DropReason)) bool {
	full := func() bool {
		var bytes int64
		for i := range q.list {
			bytes += q.list[i].msg.size()
		}
		return len(q.list) >= limits.messages || len(q.list) > 0 && bytes+d.msg.size() > limits.bytes
	}
	remove := func(reason DropReason, which func(delivery) bool) bool {
		i := slices.IndexFunc(q.list, which)
		if i >= 0 {
			gone := q.list[i]
			q.list = slices.Delete(q.list, i, i+1)
			dropped(gone, reason)
		}
		return i >= 0
	}
	if full() {
		for remove(DropExpired, func(x delivery) bool { return x.msg.expired(now) }) {
		}
	}
	for full() && remove(DropQueueFull, func(x delivery) bool { return x.qos == 0 }) {
	}
	for full() && d.qos > 0 && limits.policy == DropOldest && remove(DropQueueFull, func(delivery) bool { return true }) {
	}
	if full() {
		dropped(d, DropQueueFull)
		return false
	}
	q.list = append(q.list, d)
	return true
}

// TestQueueMakesRoom plays seeded random histories at the limits on the queue
// and on one that is too simple to be wrong.
func TestQueueMakesRoom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 5))
			var q queue
			var plain plainQueue
			limits := queueLimits{1 + rng.IntN(200), 1 << 20, QueuePolicy(rng.IntN(2))}
			if seed%2 == 0 {
				limits.bytes = int64(500 + rng.IntN(20_000))
			}
			popping, expiring := rng.IntN(50), rng.IntN(100)
			for step := range 5000 {
				now := instant(step + 1)
				if rng.IntN(100) < popping && q.len > 0 {
					if got, want := q.pop(), plain.list[0]; got.msg != want.msg {
						t.Fatalf("step %d: popped %s, want %s", step, got.msg.Topic, want.msg.Topic)
					}
					plain.list = plain.list[1:]
					continue
				}
				d := queued(step, byte(rng.IntN(3)))
				d.msg.Payload = make([]byte, rng.IntN(300))
				if rng.IntN(100) < expiring {
					d.msg.expires = now + 1 + instant(rng.IntN(1000))
				}
				var got, want []string
				note := func(list *[]string) func(delivery, DropReason) {
					return func(x delivery, r DropReason) { *list = append(*list, x.msg.Topic+" "+r.String()) }
				}
				ok, wantOK := q.push(d, limits, now, note(&got)), plain.push(d, limits, now, note(&want))
				slices.Sort(got) // of several that have expired, which goes first does not matter
				slices.Sort(want)
				if ok != wantOK || !slices.Equal(got, want) {
					t.Fatalf("step %d: taken %v, dropped %q, want %v, %q", step, ok, got, wantOK, want)
				}
				if len(q.ring) > 4*max(limits.messages, 4) || q.expiries != nil && len(q.expiries.heap) > 3*limits.messages+100 {
					t.Fatalf("step %d: room for %d deliveries, %+v", step, len(q.ring), q.expiries)
				}
			}
			if !slices.EqualFunc(contents(&q), plain.list, func(topic string, d delivery) bool { return topic == d.msg.Topic }) {
				t.Errorf("got %q, want %d others", contents(&q), len(plain.list))
			}
		})
	}
}
