package rest

import (
	"context"
	"time"
)

// scans lets listings that look at every session take turns, so that many of
// them cost one processor at most, and the broker keeps the others.
type scans chan struct{}

// scanPatience is how long a listing waits for its turn.
const scanPatience = 5 * time.Second

// begin waits for the turn; the caller calls done when it has finished. ok is
// false if there are too many before it.
func (x scans) begin(ctx context.Context) (done func(), ok bool) {
	done = func() { <-x }
	select {
	case x <- struct{}{}:
		return done, true
	default:
	}
	timer := time.NewTimer(scanPatience)
	defer timer.Stop()
	select {
	case x <- struct{}{}:
		return done, true
	case <-ctx.Done():
	case <-timer.C:
	}
	return nil, false
}

const textBusy = "too many listings that look at every session are under way"
