package bench

import (
	"syscall"
	"time"
)

// preciseSleep sleeps within some 50 us: Go's timers on an idle process are
// rounded up to a millisecond.
func preciseSleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // a signal ends it early; the caller looks at the clock again
}
