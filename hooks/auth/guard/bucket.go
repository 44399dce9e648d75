package guard

import "time"

// Rate is how many failures are tolerated: Burst at once, one more after each
// Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// bucket counts what is left of a Rate. Attempts that are being verified count
// as failures until they have an answer, so that a thousand at once cannot pass.
type bucket struct {
	left    float64
	at      time.Time // when left was right
	pending int
}

// refill brings the bucket up to now.
func (b *bucket) refill(r Rate, now time.Time) {
	if b.at.IsZero() {
		b.left = float64(r.Burst)
	} else if passed := now.Sub(b.at); passed > 0 {
		b.left = min(float64(r.Burst), b.left+float64(passed)/float64(r.Every))
	}
	b.at = now
}

// exhausted tells that there were too many failures.
func (b *bucket) exhausted() bool { return b.left < 1 }

// crowded tells that there could be, were all pending attempts to fail.
func (b *bucket) crowded() bool { return b.left < float64(b.pending+1) }

// fail takes one out. It may go below zero by what was pending.
func (b *bucket) fail() { b.left-- }
