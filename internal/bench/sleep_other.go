//go:build !linux

package bench

import "time"

// preciseSleep sleeps as precisely as the system's timers are.
func preciseSleep(d time.Duration) {
	<-time.After(d)
}
