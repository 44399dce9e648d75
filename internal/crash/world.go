package crash

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// phase says what clients are to do.
type phase int

const (
	working  phase = iota // as they like
	settling              // come back, finish what is unfinished, receive
	over                  // leave
)

// dialer opens a connection to a broker that is up.
type dialer func(context.Context) (net.Conn, error)

// world is what the clients of one run share.
type world struct {
	history  *history
	refusals bool         // the broker may refuse what it cannot store
	links    atomic.Int64 // connections so far

	mu      sync.Mutex
	phase   phase
	dial    dialer        // nil while the broker is down
	changed chan struct{} // closed, and made anew, at every change
}

func newWorld() *world { return &world{history: newHistory(), changed: make(chan struct{})} }

// now returns the phase, how to reach the broker (nil if it is down) and a
// channel that is closed when either changes.
func (w *world) now() (phase, dialer, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.phase, w.dial, w.changed
}

func (w *world) enter(p phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase = p
	w.tell()
}

// reach says how to reach the broker from now on.
func (w *world) reach(d dialer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dial = d
	w.tell()
}

// tell wakes everybody. w.mu is held.
func (w *world) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

var errDown = errors.New("the broker is down")

// open opens a connection, or fails at once if the broker is down.
func (w *world) open() (net.Conn, error) {
	_, dial, _ := w.now()
	if dial == nil {
		return nil, errDown
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return dial(ctx)
}
