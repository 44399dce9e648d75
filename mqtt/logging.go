package mqtt

import (
	"log/slog"
	"sync"
	"time"
)

// limitedLog bounds the log of events that clients can cause at any rate: so many lines a
// second, the rest is counted and told later.
type limitedLog struct {
	log   *slog.Logger
	clock clock

	mu         sync.Mutex
	second     int64
	lines      int
	suppressed int
}

const linesPerSecond = 20

// allows reports whether the caller may log a line, which is not so when too
// many were logged in this second.
func (l *limitedLog) allows() bool {
	second := int64(l.clock.now()) / int64(time.Second)
	l.mu.Lock()
	silent := 0
	if second != l.second {
		l.second, l.lines = second, 0
		silent, l.suppressed = l.suppressed, 0
	}
	l.lines++
	tooMany := l.lines > linesPerSecond
	if tooMany {
		l.suppressed++
	}
	l.mu.Unlock()
	if silent > 0 {
		l.log.Info("more lines of this kind were left out", "lines", silent)
	}
	return !tooMany
}
