package mqtt

import (
	"time"

	"github.com/linnetmq/linnet/packets"
)

// watchMemory compares, a few times a second, what clients' queues and buffers
// hold with the budget. It is started by Serve and ends with the server.
func (s *Server) watchMemory() {
	timer := time.NewTimer(memoryInterval)
	defer timer.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-timer.C:
		}
		begin := s.clock.now()
		s.checkMemory()
		took := time.Duration(s.clock.now() - begin)
		timer.Reset(max(memoryInterval, 20*took)) // a million connections take a while
	}
}

const (
	memoryInterval = 100 * time.Millisecond
	slowReading    = 10 * time.Millisecond
)

// checkMemory counts what is held: a message once for each receiver, the bytes
// that wait for each connection, and retained messages.
func (s *Server) checkMemory() {
	held := s.stats.queuedBytes.Load() + s.retained.bytes.Load()
	for i := range s.stats.shards {
		held += s.stats.shards[i].inflightBytes.Load()
	}
	for _, c := range s.connections() {
		held += c.out.pendingHint.Load()
	}
	s.stats.held.Store(held)
	s.spent.Store(held >= s.options.MemoryBudget)
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

// errNoRoomRetained refuses a message that would be retained beyond the budget.
var errNoRoomRetained = protocolErrorf(packets.ErrQuotaExceeded, "there is no memory for another retained message")

// mayRetain tells whether the memory budget lets m become its topic's retained
// message. Such messages may take three quarters of it, so that they alone do
// not shut clients out, and grow while memory is not short.
func (s *Server) mayRetain(m *Message) bool {
	if s.options.MemoryBudget == 0 || len(m.Payload) == 0 {
		return true
	}
	growth := m.size() - s.retained.sizeOf(m.Topic)
	return growth <= 0 || !s.tight.Load() && s.retained.bytes.Load()+growth <= s.options.MemoryBudget/4*3
}

// mayPend is how many bytes may wait for a connection before QoS 0 messages to
// it are dropped.
func (s *Server) mayPend() int {
	most := int(s.options.Capabilities.MaximumClientWritesPending)
	if s.spent.Load() {
		return min(most, largeBuffer)
	}
	return most
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
	s.awaitStore()
	if !s.tight.Load() {
		return
	}
	s.wait(slowReading)
}
