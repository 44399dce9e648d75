package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// events is Pebble's logger and listener. Nothing it hears ends the process.
type events struct {
	log   *slog.Logger
	fence *fence

	corruptions, background atomic.Uint64

	mu    sync.Mutex
	last  time.Time // when repeats were last logged
	quiet int       // repeats not logged since
}

// Infof drops Pebble's chatter.
func (*events) Infof(string, ...any) {}

// Errorf passes errors on.
func (e *events) Errorf(format string, args ...any) {
	e.repeated("store engine reports an error", fmt.Errorf(format, args...))
}

// Fatalf condemns the handle and returns: the caller's own write can no longer
// get through the fence.
func (e *events) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	e.log.Error("store engine gives up", "err", err)
	e.fence.fail(err)
}

func (e *events) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			if errors.Is(err, pebble.ErrCancelledCompaction) {
				return
			}
			e.background.Add(1)
			e.repeated("store background work failed", err)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			e.corruptions.Add(1)
			e.repeated("store file is damaged", fmt.Errorf("%s: %w", info.Path, info.Details))
		},
	}
}

// repeated logs at most every ten seconds: Pebble tries again at once.
func (e *events) repeated(what string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if now.Sub(e.last) < 10*time.Second {
		e.quiet++
		return
	}
	e.log.Error(what, "err", err, "not_logged", e.quiet)
	e.last, e.quiet = now, 0
}
