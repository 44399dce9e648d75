// Package health remembers the first failure of a store: after it the handle is
// not used again. For engines only.
package health

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Health is well when zero.
type Health struct {
	failure atomic.Pointer[error]
}

// Fail condemns the store for reason, unless it is condemned already, and
// returns the error that everybody gets from now on.
func (h *Health) Fail(reason error) error {
	if !errors.Is(reason, kv.ErrFailed) {
		reason = fmt.Errorf("%w: %w", kv.ErrFailed, reason)
	}
	h.failure.CompareAndSwap(nil, &reason)
	return *h.failure.Load()
}

// Err returns why the store is condemned, nil if it is well.
func (h *Health) Err() error {
	if err := h.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Guard runs do and turns a panic into an error, among them the fault of a read
// from a mapped file that the disk cannot serve: engines that map their file
// meet damage that way.
func Guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &kv.CorruptError{Err: fmt.Errorf("engine panics: %v", r)}
		}
	}()
	return do()
}
