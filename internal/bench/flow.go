package bench

import "sync/atomic"

// flow bounds the messages of one publisher that are on their way, so that no
// broker has to hold more than the window. Receivers report by number rather
// than by count where each gets every message: a lost message then does not
// narrow the window for good.
type flow struct {
	window    int64 // 0: unbounded
	block     int64 // receivers report each time they passed that many messages
	receivers int32
	passed    [16]atomic.Int32 // how many receivers passed the block, by block modulo 16
	arrived   atomic.Int64     // messages that are no longer on their way
	wake      chan struct{}    // capacity 1: one token wakes the publisher
}

func newFlow(window, receivers int) *flow {
	f := &flow{window: int64(window), block: max(1, int64(window)/4), receivers: int32(receivers)}
	f.wake = make(chan struct{}, 1)
	if window == 0 {
		f.block = 1 << 40 // nobody waits for reports
	}
	return f
}

// pass notes that one receiver has seen all it will see up to message number,
// having reported the messages before from. It returns the new from.
func (f *flow) pass(from, number int64) int64 {
	for ; from+f.block <= number+1; from += f.block {
		passed := &f.passed[from/f.block%int64(len(f.passed))]
		if passed.Add(1) == f.receivers {
			passed.Store(0)
			f.arrived.Store(from + f.block)
			f.notify()
		}
	}
	return from
}

// add notes n messages that arrived at any of the receivers.
func (f *flow) add(n int64) {
	f.arrived.Add(n)
	f.notify()
}

func (f *flow) notify() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// room returns how many more messages may be sent after the first sent ones.
func (f *flow) room(sent int64) int64 {
	if f.window == 0 {
		return 1 << 30
	}
	return f.window - (sent - f.arrived.Load())
}
