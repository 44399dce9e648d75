package mqtt

import "time"

// restSlice is how often a reader that pauses looks whether its connection ends.
const restSlice = 250 * time.Millisecond

// pace asks the OnRead hooks how long the connection shall not be read.
func (in *inbound) pace(set *hookSet, publishes, bytes int) {
	var longest time.Duration
	for _, ask := range set.onRead {
		longest = max(longest, ask(in.client, publishes, bytes))
	}
	if longest > 0 {
		in.resume = in.server.clock.after(longest)
	}
}

// rest waits until the connection may be read again. A client that is not read
// is not silent, so its Keep Alive does not run out.
func (in *inbound) rest() {
	if in.resume == 0 {
		return
	}
	c, s := in.client, in.server
	if len(in.buf) == 0 {
		giveBack(in.buf)
		in.buf = nil
	}
	for !c.isEnding() {
		now := s.clock.now()
		c.heard.Store(int64(now))
		left := time.Duration(in.resume - now)
		if left <= 0 || !s.wait(min(left, restSlice)) {
			break
		}
	}
	in.resume = 0
}

// wait waits, and returns false at once when the server stops.
func (s *Server) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.done:
		return false
	case <-timer.C:
		return true
	}
}
