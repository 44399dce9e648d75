package pebble

import (
	"errors"
	"fmt"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// The free space is asked for again after so many bytes or so much time.
const (
	spaceBytes = 1 << 20
	spaceTime  = 250 * time.Millisecond
)

// space keeps the reserve. Store.mu guards it.
type space struct {
	reserve uint64
	maximum uint64 // of used, 0: no bound
	used    uint64 // bytes of the store when last asked
	free    uint64 // when last asked
	asked   time.Time
	since   int // bytes applied since
}

func (p *space) init(o Options) { p.reserve, p.maximum = uint64(max(o.Reserve, 0)), o.MaximumBytes }

// refuse returns kv.ErrNoSpace if b must not be written now. What only removes
// may use three quarters of the reserve, for nothing else makes room.
func (p *space) refuse(s *Store, b *kv.Batch) error {
	if p.reserve == 0 && p.maximum == 0 {
		return nil
	}
	if err := p.ask(s, b.Size()); err != nil {
		return err
	}
	if p.maximum > 0 && p.used+uint64(p.since) > p.maximum && b.Grows() {
		return fmt.Errorf("store %s: %d bytes, the maximum is %d: %w", s.opts.Dir, p.used, p.maximum, kv.ErrNoSpace)
	}
	if p.reserve == 0 {
		return nil
	}
	floor := p.reserve
	if !b.Grows() {
		floor /= 4
	}
	if p.free < floor+uint64(b.Size()) {
		return fmt.Errorf("store %s: %d bytes free, reserve %d: %w", s.opts.Dir, p.free, p.reserve, kv.ErrNoSpace)
	}
	return nil
}

// ask renews free if it is old, or if it was low: then every batch asks.
func (p *space) ask(s *Store, size int) error {
	p.since += size
	now := time.Now()
	if p.since < spaceBytes && now.Sub(p.asked) < spaceTime && p.free > 2*p.reserve {
		return nil
	}
	if p.maximum > 0 {
		p.used = s.db.Metrics().DiskSpaceUsage()
	}
	if p.reserve == 0 {
		p.free, p.asked, p.since = 1, now, 0
		return nil
	}
	free, err := s.FreeSpace()
	if errors.Is(err, errors.ErrUnsupported) {
		p.reserve = 0 // nobody knows: the full disk itself must tell
		return nil
	}
	if err != nil {
		return fmt.Errorf("free space of %s: %w", s.opts.Dir, err)
	}
	p.free, p.asked, p.since = free, now, 0
	return nil
}
