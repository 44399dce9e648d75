package app

import (
	"os"
	"runtime"
)

// heapSlack is how many bytes the broker may allocate between two garbage
// collections however small its heap is.
const heapSlack = 32 << 20

// slackHeap makes collections of a small heap rare: Go collects when the heap
// has doubled, and a broker with few clients has a heap of a few MiB which QoS 1
// traffic doubles hundreds of times a second. A block that is never touched
// takes part in that sum and no memory. Whoever sets GOGC decides himself. The
// caller calls release at the end of the process.
func slackHeap() (release func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	block := make([]byte, heapSlack)
	return func() { runtime.KeepAlive(block) }
}
