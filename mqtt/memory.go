package mqtt

import (
	"time"

	"github.com/linnetmq/linnet/packets"
)

// watchMemory compares, a few times a second, what clients' queues and buffers
// hold with the budget. It is started by Serve and ends with the server.
func (s *Server) watchMemory() {
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
		s.checkMemory()
	}
}

const (
	memoryInterval = 100 * time.Millisecond
	slowReading    = 10 * time.Millisecond
)

func (s *Server) checkMemory() {
	held := s.stats.queuedBytes.Load()
	for _, c := range s.connections() {
		c.out.mu.Lock()
		held += int64(c.out.pending)
		c.out.mu.Unlock()
	}
	tight := held >= s.options.MemoryBudget/8*7
	if tight != s.tight.Swap(tight) {
		if tight {
			s.log.Warn("the memory budget is nearly spent: new connections and large packets are refused, publishers slowed down",
				"held_bytes", held, "budget_bytes", s.options.MemoryBudget)
		} else {
			s.log.Info("memory is back within the budget", "held_bytes", held)
		}
	}
}

// admitPartial refuses a packet that is large and not complete while memory is short.
func (s *Server) admitPartial(size int) error {
	if size > largeBuffer && s.tight.Load() {
		return protocolErrorf(packets.ErrQuotaExceeded, "the server is short of memory for a packet of %d bytes", size)
	}
	return nil
}

// slowDown makes a reader wait a little while memory is short.
func (s *Server) slowDown() {
	if !s.tight.Load() {
		return
	}
	timer := time.NewTimer(slowReading)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
}
