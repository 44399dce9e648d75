package mqtt

import "sync"

// Buffers that connections borrow come in two sizes. A buffer of any other
// capacity was grown for a backlog and is left to the garbage collector.
const (
	smallBuffer = 2 << 10
	largeBuffer = 64 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// borrow returns an empty buffer with room for at least n bytes.
func borrow(n int) []byte {
	switch {
	case n <= smallBuffer:
		b, _ := smallBuffers.Get().(*[smallBuffer]byte) // the pool holds nothing else
		return b[:0]
	case n <= largeBuffer:
		b, _ := largeBuffers.Get().(*[largeBuffer]byte) // the pool holds nothing else
		return b[:0]
	}
	return make([]byte, 0, n)
}

// giveBack returns a borrowed buffer. Nobody may hold a slice of it any more.
func giveBack(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case largeBuffer:
		largeBuffers.Put((*[largeBuffer]byte)(b[:largeBuffer]))
	}
}

// withRoom returns b with room for n more bytes, moved to a larger borrowed
// buffer if need be; the old one is given back.
func withRoom(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	need := len(b) + n
	if need > largeBuffer {
		need = max(need, 2*cap(b))
	}
	grown := append(borrow(need), b...)
	giveBack(b)
	return grown
}

// shrink keeps of a buffer what a waiting connection needs: nothing if it holds
// no bytes, else about as much as it holds.
func shrink(buf []byte) []byte {
	if len(buf) == 0 {
		giveBack(buf)
		return nil
	}
	if cap(buf) <= smallBuffer || cap(buf) <= 2*len(buf) {
		return buf
	}
	small := append(borrow(len(buf)), buf...)
	if cap(small) == cap(buf) {
		small = append(make([]byte, 0, len(buf)), buf...)
	}
	giveBack(buf)
	return small
}
