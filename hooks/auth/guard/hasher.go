package guard

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// errBusy tells that there was no turn in time.
var errBusy = errors.New("too many logins at once")

// hasher lets few verifications happen at a time and few wait. Equal ones that
// overlap are made once.
type hasher struct {
	source  Source
	slots   chan struct{} // as many as may hash at a time
	queue   int64
	waiting atomic.Int64

	mu      sync.Mutex
	flights map[flightKey]*flight
	wrong   float64 // the part of wrong passwords among those hashed lately
}

type flightKey struct {
	generation uint64
	sum        mac
}

// flight is a verification that several may wait for.
type flight struct {
	done      chan struct{} // closed when the rest is written
	ok, known bool
	err       error
}

func newHasher(source Source, workers, queue int) *hasher {
	return &hasher{source: source, slots: make(chan struct{}, workers), queue: int64(queue), flights: map[flightKey]*flight{}}
}

// verify asks the source, or waits for another's answer to the same question;
// admit is asked before the source is, and its error is the answer if it has
// one. It takes no longer than timeout plus one verification.
func (h *hasher) verify(k flightKey, user string, password []byte, timeout <-chan time.Time, admit func() (done func(), err error)) (ok, known bool, err error) {
	h.mu.Lock()
	f := h.flights[k]
	if f != nil {
		h.mu.Unlock()
		select {
		case <-f.done:
			return f.ok, f.known, f.err
		case <-timeout:
			return false, false, errBusy
		}
	}
	f = &flight{done: make(chan struct{}), err: errBusy} // the answer if the source panics
	h.flights[k] = f
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.flights, k)
		h.mu.Unlock()
		close(f.done)
	}()
	done, err := admit()
	if err != nil {
		f.err = err
		return false, false, err
	}
	defer done()
	if !h.enter(timeout) {
		return false, false, errBusy
	}
	begin := time.Now()
	defer func() { h.leave(time.Since(begin), f.ok) }()
	f.ok, f.known, f.err = h.source.Verify(user, password)
	return f.ok, f.known, f.err
}

// rest is how many times as long as it worked a slot stays empty while all
// passwords are wrong: strangers who guess get a tenth of it. While all are
// right, as after a restart, it is never empty.
const rest = 9

// leave gives the slot back after a verification that took a time.
func (h *hasher) leave(worked time.Duration, ok bool) {
	h.mu.Lock()
	if ok {
		h.wrong -= h.wrong / 8
	} else {
		h.wrong += (1 - h.wrong) / 4
	}
	pause := time.Duration(float64(worked) * rest * h.wrong * h.wrong)
	h.mu.Unlock()
	if pause < time.Millisecond {
		<-h.slots
		return
	}
	time.AfterFunc(pause, func() { <-h.slots })
}

// enter waits for a slot.
func (h *hasher) enter(timeout <-chan time.Time) bool {
	select {
	case h.slots <- struct{}{}:
		return true
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		return false
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return true
	case <-timeout:
		return false
	}
}
