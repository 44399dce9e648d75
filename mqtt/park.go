package mqtt

import (
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
)

// An idle connection is parked: its goroutine ends, and one poller for all
// parked sockets starts another when the first byte comes. What is left of it
// is its Client, its session and the socket. Only sockets park, plain or with
// TLS and WebSocket above, and only where there is a poller for them.

// parkAfter is how long a connection must have been silent to be parked. Short,
// since the runtime keeps the descriptor of every goroutine that ever ran beside
// the others, half a KiB each.
const parkAfter = 500 * time.Millisecond

// waveSize is how many connections must have parked in a row for the memory of
// their goroutines to be given back to the system.
const waveSize = 1000

// errParked is returned by inbound.run when the connection was parked.
var errParked = errors.New("the connection is parked")

// parker parks the connections of one server.
type parker struct {
	server *Server
	poller *parkPoller

	mu    sync.Mutex
	slots []parkSlot // by descriptor
	awake map[*Client]struct{}
	wave  int // parked since memory was last given back
}

// parkSlot remembers who waits on a descriptor. The generation comes back with
// the event, since descriptor numbers are used again.
type parkSlot struct {
	client     *Client
	generation uint32
}

// startParker starts parking when the first raw socket comes: until then a
// server has neither the poller nor its goroutines.
func (s *Server) startParker() *parker {
	s.parkOnce.Do(func() {
		poller, err := newParkPoller()
		if err != nil {
			s.log.Warn("idle connections keep their goroutines", "err", err)
			return
		}
		if poller == nil {
			return // no poller on this system
		}
		p := &parker{server: s, poller: poller, awake: make(map[*Client]struct{})}
		if s.spawn(p.wait) && s.spawn(p.sweep) {
			s.parker.Store(p)
		} else {
			poller.close()
		}
	})
	return s.parker.Load()
}

// wait is the goroutine that wakes parked connections. It ends when the poller
// is closed, which sweep does last.
func (p *parker) wait() {
	p.poller.wait(func(fd int32, generation uint32) {
		p.mu.Lock()
		var c *Client
		if int(fd) < len(p.slots) && p.slots[fd].generation == generation {
			c = p.slots[fd].client
			p.slots[fd].client = nil
		}
		p.mu.Unlock()
		if c != nil {
			c.wake()
			// The runtime starts the newest goroutine first, so who was heard first
			// would be served last without this.
			runtime.Gosched()
		}
	})
}

// sweep asks silent connections to park, a few times a second. It looks at those
// that are awake only, and ends with the server.
func (p *parker) sweep() {
	defer p.poller.close()
	ticker := time.NewTicker(parkAfter / 2)
	defer ticker.Stop()
	for {
		select {
		case <-p.server.done:
			return
		case <-ticker.C:
		}
		asked := 0
		before := p.server.clock.now() - instant(parkAfter)
		for _, c := range p.wakeful() {
			if c.askToPark(before) {
				asked++
			}
		}
		p.giveMemoryBack(asked)
	}
}

func (p *parker) wakeful() []*Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.awake))
}

// note remembers a connection that has a goroutine.
func (p *parker) note(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awake[c] = struct{}{}
}

// giveMemoryBack returns the memory of ended goroutines once a wave of parking
// is over.
func (p *parker) giveMemoryBack(asked int) {
	p.mu.Lock()
	over := asked == 0 && p.wave >= waveSize
	if over {
		p.wave = 0
	}
	p.mu.Unlock()
	if over {
		freeOSMemory()
	}
}

// askToPark wakes the reader of a connection that was silent since a moment, so
// that it parks.
func (c *Client) askToPark(before instant) bool {
	if c.parked.Load() || !c.parkable || c.session.Load() == nil || instant(c.heard.Load()) > before || c.isEnding() {
		return false
	}
	return c.conn.SetReadDeadline(time.Now()) == nil
}

// park ends the reader's duty if the connection can wait without it. After it
// returns true another goroutine may already read.
func (in *inbound) park() bool {
	c := in.client
	p := in.server.parker.Load()
	raw, ok := c.transport.(interface{ descriptor() (int32, bool) })
	if p == nil || !ok || len(in.buf) > 0 || in.auth != nil || c.session.Load() == nil || in.acks != nil && in.acks.len() > 0 {
		return false
	}
	fd, ok := raw.descriptor()
	if !ok {
		return false
	}
	giveBack(in.buf)
	in.buf = nil
	in.session().trim()
	c.inbound = in.aliases
	again := c.polled
	c.polled, c.fd = true, fd
	generation := p.occupy(fd, c)
	c.parked.Store(true)
	err := p.poller.arm(fd, generation, again)
	if err == nil && !c.isEnding() { // stop may have looked before it was parked
		return true
	}
	if !c.parked.CompareAndSwap(true, false) {
		return true // somebody woke it, so it is his
	}
	c.polled = err == nil
	p.note(c)
	return false
}

// vacate forgets a connection that is over.
func (p *parker) vacate(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.awake, c)
	if int(c.fd) < len(p.slots) && p.slots[c.fd].client == c {
		p.slots[c.fd].client = nil
	}
}

// occupy notes who waits on a descriptor.
func (p *parker) occupy(fd int32, c *Client) (generation uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for int(fd) >= len(p.slots) {
		p.slots = append(p.slots, parkSlot{})
	}
	delete(p.awake, c)
	slot := &p.slots[fd]
	slot.client = c
	slot.generation++
	p.wave++
	return slot.generation
}

// wake gives a parked connection a goroutine again.
func (c *Client) wake() {
	if !c.parked.CompareAndSwap(true, false) {
		return
	}
	c.server.parker.Load().note(c)
	if !c.server.spawn(func() { c.server.resumeReading(c).serve() }) {
		_ = c.conn.Close() // the server has stopped and waits for nobody
	}
}

// resumeReading makes the reader of a connection that was parked.
func (s *Server) resumeReading(c *Client) *inbound {
	in := &inbound{router: router{server: s, self: c.session.Load(), shard: c.shard}, client: c}
	in.handle, in.maximum = (*inbound).connected, int(s.options.Capabilities.MaximumPacketSize)
	in.aliases, c.inbound = c.inbound, inboundAliases{}
	return in
}

// trim lets go of room that an idle session does not use.
func (s *session) trim() {
	s.mu.Lock()
	defer s.unlock()
	if s.window.used == 0 {
		s.window.slots = nil
	}
	if s.queue.len == 0 {
		s.queue.ring = nil
	}
	if b := s.backlog; b != nil && b.window.len == 0 {
		b.window.ring = nil
	}
	if len(s.received) == 0 {
		s.received = nil
	}
	if len(s.resend) == 0 {
		s.resend = nil
	}
}
