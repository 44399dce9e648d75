package bench

import (
	"bytes"
	"encoding/binary"
)

// stampSize is the length of the stamp at the start of every payload: the
// publisher (4 bytes), the number of its message (4), the time it was due in
// nanoseconds of the run (6) and a check of all that with the run's tag (2).
const stampSize = 16

// stamp says whose message a payload is, and when it was due.
type stamp struct {
	publisher uint32
	number    uint32
	due       int64
}

const (
	maximumDue = 1<<48 - 1 // 78 hours
	mixer      = 0x9E3779B97F4A7C15
)

func check(tag, a, b uint64) uint16 {
	h := (a ^ tag) * mixer
	h = (h ^ h>>29 ^ b) * mixer
	return uint16(h >> 48)
}

// put writes the stamp to the first bytes of payload.
func (s stamp) put(payload []byte, tag uint64) {
	a := uint64(s.publisher)<<32 | uint64(s.number)
	b := uint64(s.due&maximumDue) << 16
	binary.BigEndian.PutUint64(payload, a)
	binary.BigEndian.PutUint64(payload[8:], b|uint64(check(tag, a, b)))
}

// readStamp reads the stamp of a payload. ok is false if the payload is not one
// of this run's, or not as it was sent.
func readStamp(payload []byte, tag uint64, filler []byte) (s stamp, ok bool) {
	if len(payload) != stampSize+len(filler) {
		return s, false
	}
	a := binary.BigEndian.Uint64(payload)
	b := binary.BigEndian.Uint64(payload[8:])
	sum := uint16(b)
	b &^= 0xFFFF
	s = stamp{publisher: uint32(a >> 32), number: uint32(a), due: int64(b >> 16)}
	return s, sum == check(tag, a, b) && bytes.Equal(payload[stampSize:], filler)
}

// newFiller returns what stands behind the stamp in a payload of a size.
func newFiller(size int) []byte {
	b := make([]byte, size-stampSize)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}
