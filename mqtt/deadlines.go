package mqtt

import (
	"container/heap"
	"sync"
	"time"
)

// deadline is a moment at which its owner is to be called: the end of a Keep
// Alive, of a session, of a Will Delay Interval, of a retained message. It
// costs a place in a heap, no goroutine and no runtime timer.
type deadline struct {
	at    instant
	index int // in the heap, plus one; 0 when not set, retired at the end
	owner interface{ expire(now instant) }
}

// retired is the index of a deadline whose owner has ended.
const retired = -1

// deadlines calls the owners of deadlines when their time has come, on its one
// goroutine. Owners do not block.
type deadlines struct {
	clock clock
	wake  chan struct{} // one token: the earliest deadline has changed

	mu   sync.Mutex
	heap deadlineHeap
}

func newDeadlines(c clock) *deadlines {
	return &deadlines{clock: c, wake: make(chan struct{}, 1)}
}

// set sets or moves a deadline that is not retired.
func (ds *deadlines) set(d *deadline, at instant) {
	ds.mu.Lock()
	if d.index == retired {
		ds.mu.Unlock()
		return
	}
	d.at = at
	if d.index > 0 {
		heap.Fix(&ds.heap, d.index-1)
	} else {
		heap.Push(&ds.heap, d)
	}
	first := ds.heap[0] == d
	ds.mu.Unlock()
	if first {
		select {
		case ds.wake <- struct{}{}:
		default:
		}
	}
}

// stop forgets a deadline. Its owner may be in its call at this moment.
func (ds *deadlines) stop(d *deadline) {
	ds.mu.Lock()
	if d.index > 0 {
		heap.Remove(&ds.heap, d.index-1)
	}
	ds.mu.Unlock()
}

// retire forgets a deadline for good: its owner has ended, and a call that is
// under way at this moment, or a late set, must not keep it in memory.
func (ds *deadlines) retire(d *deadline) {
	ds.mu.Lock()
	if d.index > 0 {
		heap.Remove(&ds.heap, d.index-1)
	}
	d.index = retired
	ds.mu.Unlock()
}

// run is the goroutine: started by Serve, ended by done.
func (ds *deadlines) run(done <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(ds.expireDue())
		select {
		case <-done:
			return
		case <-ds.wake:
		case <-timer.C:
		}
	}
}

// expireDue calls what is due and returns the time to the next deadline.
func (ds *deadlines) expireDue() time.Duration {
	for {
		now := ds.clock.now()
		ds.mu.Lock()
		if len(ds.heap) == 0 {
			ds.mu.Unlock()
			return time.Hour
		}
		first := ds.heap[0]
		if wait := time.Duration(first.at - now); wait > 0 {
			ds.mu.Unlock()
			return min(wait, time.Hour)
		}
		heap.Pop(&ds.heap)
		ds.mu.Unlock()
		first.owner.expire(now)
	}
}

type deadlineHeap []*deadline

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *deadlineHeap) Push(x any) {
	d, _ := x.(*deadline) // nothing else is pushed
	*h = append(*h, d)
	d.index = len(*h)
}

func (h *deadlineHeap) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	d.index = 0
	return d
}
