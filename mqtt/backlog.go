package mqtt

import (
	"time"

	"github.com/linnetmq/linnet/packets"
)

// backlog is the queue of a session that is kept in the store: all of it is
// there, and its oldest part also in memory while the session is connected. It
// knows no lock, clock or I/O.
//
// Each delivery has a place, which is its key in the store and gives it its
// packet identifier, so that a restart sends it again under the same one
// [MQTT-4.4.0-1].
type backlog struct {
	number uint64 // of the session
	opened bool   // next and what follows are known

	next       uint64 // place of the next delivery
	total      uint64 // size of all deliveries before next, in bytes
	sent       uint64 // deliveries before this place may have been sent
	sentBefore uint64 // those before this one by an earlier run

	// Every delivery before stable is in the store, or gone. Publishers store
	// side by side, so some beyond it may be too.
	stable uint64
	early  map[uint64]struct{}
	// gone are places whose delivery left before it was in the store.
	gone map[uint64]struct{}
	// failed are places of which nobody knows whether they are in the store.
	failed    map[uint64]struct{}
	unremoved []uint64 // those of them whose removal is not under way

	window     queue   // the oldest deliveries, those before from
	from       uint64  // the deliveries from this place on are in the store only
	fromTotal  uint64  // size of all deliveries before from
	spilled    int     // how many those are, about
	shared     int     // how many of them came by shared subscriptions, at least
	expires    instant // when the first of them does, or earlier; 0 never
	refilling  bool
	generation int // of what is read for the window: changes when it is emptied

	check *deliveryCheck // of what comes from the store, nil if all may be delivered

	will           *packets.Will // of the session's connection
	disconnectedAt time.Time     // zero while there is one

	// What the lock's holder changes is committed by unlock.
	tx       StoreTx
	released []uint16 // packet identifiers whose PUBREL waits for tx
}

func newBacklog(number uint64) *backlog {
	return &backlog{number: number, opened: true, next: 1, sent: 1, stable: 1, from: 1}
}

// The window is filled to windowMaximum messages and read again when
// windowMinimum are left.
const (
	windowMaximum = 512
	windowMinimum = 128
	windowBytes   = 1 << 20
)

// identifier is the packet identifier of the delivery at a place.
func identifier(place uint64) uint16 { return uint16((place-1)%identifiers) + 1 }

// idle tells that nothing waits.
func (b *backlog) idle() bool { return b.window.len == 0 && b.spilled == 0 }

func (b *backlog) len() int { return b.window.len + b.spilled }

// bytes is the size of what waits.
func (b *backlog) bytes() int64 {
	if b.spilled == 0 {
		return b.window.bytes
	}
	return b.window.bytes + int64(b.total-b.fromTotal)
}

// take gives d its place and returns what the store keeps of it.
func (b *backlog) take(d *delivery) StoredReference {
	d.seq = b.next
	b.next++
	b.total += uint64(d.msg.size())
	ref := StoredReference{
		Session: b.number, Place: d.seq, Total: b.total, QoS: d.qos, Retain: d.retain, IDs: d.ids,
	}
	if d.group != nil {
		ref.Share = d.group.entry.filter
	}
	return ref
}

// passed notes that the newest delivery does not wait.
func (b *backlog) passed() {
	if b.spilled == 0 {
		b.from, b.fromTotal = b.next, b.total
	}
}

// push lets the newest delivery wait: in memory, if that is wanted and there is
// room, which it reports, or in the store only.
func (b *backlog) push(d delivery, online bool) (inMemory bool) {
	if !online || b.spilled > 0 || b.window.len >= windowMaximum || b.window.bytes >= windowBytes {
		b.spilled++
		if d.group != nil {
			b.shared++
		}
		b.expire(&d)
		return false
	}
	b.window.append(d)
	b.passed()
	return true
}

// expire notes when a delivery that the store alone has expires.
func (b *backlog) expire(d *delivery) {
	if at := d.msg.expires; at != 0 && (b.expires == 0 || at < b.expires) {
		b.expires = at
	}
}

// spill forgets the window: from now on the store alone has it.
func (b *backlog) spill() {
	b.generation++
	b.refilling = false
	first := b.window.peek()
	if first == nil {
		return
	}
	for p := b.window.first; p < b.window.next; p++ {
		d := b.window.at(p)
		if d.msg == nil {
			continue
		}
		if d.group != nil {
			b.shared++
		}
		b.expire(d)
	}
	b.from = first.seq
	b.fromTotal -= uint64(b.window.bytes)
	b.spilled += b.window.len
	b.window = queue{}
}

// wantsMore tells that the window should be filled again, and can be.
func (b *backlog) wantsMore() bool {
	return b.spilled > 0 && !b.refilling && b.window.len <= windowMinimum && b.from < b.stable
}

// settle notes that the fate of the delivery at a place is decided. It tells
// whether the delivery has left in the meantime.
func (b *backlog) settle(place uint64) (gone bool) {
	if place == b.stable {
		b.stable++
		for len(b.early) > 0 {
			if _, ok := b.early[b.stable]; !ok {
				break
			}
			delete(b.early, b.stable)
			b.stable++
		}
	} else {
		if b.early == nil {
			b.early = make(map[uint64]struct{})
		}
		b.early[place] = struct{}{}
	}
	if len(b.gone) > 0 {
		_, gone = b.gone[place]
		delete(b.gone, place)
	}
	return gone
}

// settled tells whether the fate of the delivery at a place is decided.
func (b *backlog) settled(place uint64) bool {
	if place < b.stable {
		return true
	}
	_, ok := b.early[place]
	return ok
}

// leave notes that the delivery at a place has left. It tells whether it must be
// removed from the store now; else that is done when it is settled.
func (b *backlog) leave(place uint64) (now bool) {
	if b.settled(place) {
		return true
	}
	if b.gone == nil {
		b.gone = make(map[uint64]struct{})
	}
	b.gone[place] = struct{}{}
	return false
}

// removed notes that the store has none of the failed places any more.
func (b *backlog) removed(places []uint64) {
	for _, place := range places {
		delete(b.failed, place)
	}
}
