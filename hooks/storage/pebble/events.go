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
	if notLogged, ok := e.due(); ok {
		e.log.Error("store engine reports an error", "err", fmt.Errorf(format, args...), "not_logged", notLogged)
	}
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
			if notLogged, ok := e.due(); ok {
				e.log.Error("store background work failed", "err", err, "not_logged", notLogged)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			e.corruptions.Add(1)
			if notLogged, ok := e.due(); ok {
				e.log.Error("store file is damaged", "err", fmt.Errorf("%s: %w", info.Path, info.Details), "not_logged", notLogged)
			}
		},
	}
}

// due tells whether what may repeat is logged now, at most every ten seconds
// because Pebble tries again at once, and how often it was not since the last time.
func (e *events) due() (notLogged int, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if now.Sub(e.last) < 10*time.Second {
		e.quiet++
		return 0, false
	}
	notLogged = e.quiet
	e.last, e.quiet = now, 0
	return notLogged, true
}
