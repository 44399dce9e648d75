package limits

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Rate is so many events per second, on average; the zero value is no limit.
type Rate struct {
	PerSecond float64
	// Burst is how many may come at once after a silence; default PerSecond,
	// and at least 1.
	Burst float64
}

func (r Rate) limited() bool { return r.PerSecond > 0 }

func (r Rate) burst() float64 {
	if r.Burst == 0 {
		return max(r.PerSecond, 1)
	}
	return r.Burst
}

func (r Rate) validate(name string) error {
	if r.PerSecond < 0 || r.Burst < 0 || r.Burst > 0 && r.Burst < 1 || r.PerSecond == 0 && r.Burst > 0 {
		return fmt.Errorf("limits: %s is %v a second with bursts of %v: want positive numbers, and bursts of at least 1", name, r.PerSecond, r.Burst)
	}
	return nil
}

// bucket counts what a rate leaves over. The zero value is full.
type bucket struct {
	used float64   // below zero never; above the burst it is debt
	at   time.Time // of used
}

// drain forgets what time has paid for.
func (b *bucket) drain(r Rate, now time.Time) {
	if b.used > 0 {
		b.used = max(0, b.used-now.Sub(b.at).Seconds()*r.PerSecond)
	}
	b.at = now
}

// take takes n if there is room for it.
func (b *bucket) take(r Rate, n float64, now time.Time) bool {
	if !r.limited() {
		return true
	}
	b.drain(r, now)
	if b.used > 0 && b.used+n > r.burst() { // one that is larger than all bursts may pass alone
		return false
	}
	b.used += n
	return true
}

// owe takes n, room or not, and returns how long it takes to pay what is too much.
func (b *bucket) owe(r Rate, n float64, now time.Time) time.Duration {
	if !r.limited() {
		return 0
	}
	b.drain(r, now)
	b.used += n
	return time.Duration(max(0, b.used-r.burst()) / r.PerSecond * float64(time.Second))
}

// table has a bucket for each of a bounded number of keys.
type table[K comparable] struct {
	rate Rate
	most int

	mu      sync.Mutex
	buckets map[K]*bucket
}

// take takes one for a key. When the table is full, those that are paid for
// are forgotten, and if there are none, some other.
func (t *table[K]) take(key K, now time.Time) bool {
	if !t.rate.limited() {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buckets[key]
	if b == nil {
		if len(t.buckets) >= t.most {
			t.makeRoomLocked(now)
		}
		if t.buckets == nil {
			t.buckets = make(map[K]*bucket)
		}
		b = new(bucket)
		t.buckets[key] = b
	}
	return b.take(t.rate, 1, now)
}

// makeRoomLocked looks at a few, so that a flood of addresses costs little.
func (t *table[K]) makeRoomLocked(now time.Time) {
	looked, freed := 0, false
	for key, b := range t.buckets {
		b.drain(t.rate, now)
		looked++
		last := looked == 64
		if b.used == 0 || last && !freed {
			delete(t.buckets, key)
			freed = true
		}
		if last {
			return
		}
	}
}

// addressKey is what counts as one place: an IPv4 address, or the /64 that one
// customer has of IPv6; ok is false for clients without an address.
func addressKey(addr netip.Addr) (key netip.Prefix, ok bool) {
	if !addr.IsValid() {
		return netip.Prefix{}, false
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	key, err := addr.Prefix(bits)
	return key, err == nil
}
