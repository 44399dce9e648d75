package bench

import "time"

// pace is the schedule of an open loop: message k is due at start + k intervals,
// whatever became of those before it. The zero value is no schedule.
type pace struct {
	start    int64
	interval float64 // ns
}

// newPace is the schedule of publisher number i of n that together send rate
// messages per second, from start on.
func newPace(rate float64, i, n int, start int64) pace {
	if rate == 0 {
		return pace{}
	}
	gap := float64(time.Second) / rate
	return pace{start: start + int64(float64(i)*gap), interval: float64(n) * gap}
}

// at returns when message k is due.
func (p pace) at(k int64) int64 { return p.start + int64(float64(k)*p.interval) }

// due returns how many messages are due until now.
func (p pace) due(now int64) int64 {
	if now < p.start {
		return 0
	}
	k := int64(float64(now-p.start)/p.interval) + 1
	for p.at(k-1) > now {
		k--
	}
	for p.at(k) <= now {
		k++
	}
	return k
}

// coarse is what timers may oversleep; the rest of a wait is slept by other means.
const coarse = 1500 * time.Microsecond

// sleep waits for ns nanoseconds or until stop is closed.
func (pace) sleep(timer *time.Timer, ns int64, stop <-chan struct{}) {
	d := time.Duration(ns)
	if d > coarse {
		timer.Reset(d - coarse)
		select {
		case <-timer.C:
		case <-stop:
		}
		return // the caller looks at the clock again
	}
	preciseSleep(d)
}
