package crash

import (
	"slices"
	"sync"
)

// history is the one order in which all clients write down what they do, with
// the Checker that reads along.
type history struct {
	mu      sync.Mutex
	checker *Checker
	reached chan struct{} // closed when the history has target events
	target  int
	failed  chan struct{} // closed at the first violation
}

func newHistory() *history {
	return &history{checker: NewChecker(), failed: make(chan struct{})}
}

// add writes one event down.
func (h *history) add(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checker.Add(e)
	if h.reached != nil && len(h.checker.events) >= h.target {
		close(h.reached)
		h.reached = nil
	}
	if len(h.checker.violations) > 0 {
		select {
		case <-h.failed:
		default:
			close(h.failed)
		}
	}
}

// after returns a channel that is closed when n more events were written.
func (h *history) after(n int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	reached := make(chan struct{})
	h.reached, h.target = reached, len(h.checker.events)+n
	return reached
}

// due returns how many messages a client has still to get.
func (h *history) due(clientID string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checker.Due(clientID)
}

func (h *history) violations() []Violation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checker.Violations()
}

func (h *history) events() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clip(h.checker.Events()) // it only grows
}
