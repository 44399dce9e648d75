package guard

import (
	"net/netip"
	"sync"
	"time"
)

// verdict of the limiter on an attempt.
type verdict int

const (
	admitted verdict = iota
	tooManyFailures
	tooManyAtOnce
)

// limiter counts failures. Its clock is the caller's.
type limiter struct {
	perAddress, perUser, perPair Rate

	mu        sync.Mutex
	addresses table[netip.Prefix, bucket]
	users     table[string, bucket]
	pairs     table[pair, bucket] // of users who logged in from there before
}

// pair is a user at an address.
type pair struct {
	user    string
	address netip.Prefix
}

func newLimiter(o *Options) *limiter {
	return &limiter{
		perAddress: o.PerAddress, perUser: o.PerUser, perPair: o.PerPair,
		addresses: newTable[netip.Prefix, bucket](o.Remember),
		users:     newTable[string, bucket](o.Remember),
		pairs:     newTable[pair, bucket](o.Remember),
	}
}

// counted are the buckets an attempt goes by.
type counted struct {
	buckets [2]*bucket // the second may be nil
	rates   [2]Rate
}

// bucketsLocked finds what an attempt goes by, brought up to now. The lock is held.
func (l *limiter) bucketsLocked(p pair, now time.Time) counted {
	var c counted
	if known := l.pairs.find(p); known != nil {
		c.buckets[0], c.rates[0] = known, l.perPair
	} else {
		c.buckets = [2]*bucket{l.addresses.get(p.address), l.users.get(p.user)}
		c.rates = [2]Rate{l.perAddress, l.perUser}
	}
	for i, b := range c.buckets {
		if b != nil {
			b.refill(c.rates[i], now)
		}
	}
	return c
}

// check tells whether an attempt may be looked at, without counting it.
func (l *limiter) check(p pair, now time.Time) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.bucketsLocked(p, now).buckets {
		if b != nil && b.exhausted() {
			return tooManyFailures
		}
	}
	return admitted
}

// begin counts an attempt as pending. If it is admitted, end must follow.
func (l *limiter) begin(p pair, now time.Time) (counted, verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.bucketsLocked(p, now)
	for _, b := range c.buckets {
		switch {
		case b == nil:
		case b.exhausted():
			return c, tooManyFailures
		case b.crowded():
			return c, tooManyAtOnce
		}
	}
	for _, b := range c.buckets {
		if b != nil {
			b.pending++
		}
	}
	return c, admitted
}

// end takes back what begin counted.
func (l *limiter) end(c counted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range c.buckets {
		if b != nil {
			b.pending--
		}
	}
}

// failed counts a wrong password.
func (l *limiter) failed(p pair, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.bucketsLocked(p, now).buckets {
		if b != nil {
			b.fail()
		}
	}
}

// succeeded remembers that the user logs in from there.
func (l *limiter) succeeded(p pair, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pairs.get(p).refill(l.perPair, now)
}
