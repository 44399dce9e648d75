package rest

import (
	"net/netip"
	"sync"
	"time"
)

// throttle bounds how often an address may fail to log in: a number of times at
// once, and then once in a while. Guessing becomes hopeless, and a mistyped
// password does not lock anybody out for long.
type throttle struct {
	mu       sync.Mutex
	failures map[netip.Addr]failures
}

type failures struct {
	count float64
	at    time.Time
}

const (
	freeFailures     = 20
	forgiveEvery     = time.Second // one failure
	rememberedFailed = 10_000      // addresses
)

// blocked tells how long an address must wait before it may try again; 0: not
// at all.
func (t *throttle) blocked(addr netip.Addr, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.failures[network(addr)]
	if !ok {
		return 0
	}
	over := f.left(now) - (freeFailures - 1)
	return max(0, time.Duration(over*float64(forgiveEvery)))
}

// failed counts a failure.
func (t *throttle) failed(addr netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures == nil {
		t.failures = make(map[netip.Addr]failures)
	}
	if len(t.failures) >= rememberedFailed {
		t.forget(now)
	}
	a := network(addr)
	t.failures[a] = failures{t.failures[a].left(now) + 1, now}
}

// forget makes room: who has been forgiven goes first, then anybody.
func (t *throttle) forget(now time.Time) {
	for a, f := range t.failures {
		if f.left(now) == 0 {
			delete(t.failures, a)
		}
	}
	for a := range t.failures {
		if len(t.failures) < rememberedFailed {
			return
		}
		delete(t.failures, a)
	}
}

func (f failures) left(now time.Time) float64 {
	return max(0, f.count-float64(now.Sub(f.at))/float64(forgiveEvery))
}

// network is what one visitor may have many of: an address, or a /64 of IPv6.
func network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return p.Addr()
}
