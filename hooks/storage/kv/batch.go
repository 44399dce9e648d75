package kv

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Kind tells what an Op does.
type Kind byte

// The three operations of a Batch.
const (
	Put Kind = iota + 1
	Delete
	DeleteRange
)

// Op is one operation of a Batch. Key and Value are views into the batch.
type Op struct {
	Kind  Kind
	Key   []byte // DeleteRange: the first key deleted
	Value []byte // DeleteRange: the first key after it that stays
}

// Batch is a list of operations which is applied as a whole. The zero value is
// empty and ready. It is one flat buffer, so that joining two is one copy, and
// Reset keeps the buffer for the next use. Not for use by two goroutines at once.
type Batch struct {
	buf  []byte // per operation: kind, uvarint length and bytes of key, the same of value
	n    int
	puts int
	err  error
}

// Put sets key to value. Both are copied. A key that is empty or longer than
// MaxKey leaves the batch as it was and makes Err return ErrKey.
func (b *Batch) Put(key, value []byte) {
	if b.add(Put, key, value) {
		b.puts++
	}
}

// Delete removes key if it is there.
func (b *Batch) Delete(key []byte) { b.add(Delete, key, nil) }

// DeleteRange removes every key k with from <= k < to. Other than in Range both
// bounds are needed, and from must be a valid key; an empty to or a reversed
// range removes nothing.
func (b *Batch) DeleteRange(from, to []byte) {
	if len(to) > MaxKey {
		b.fail(to)
		return
	}
	b.add(DeleteRange, from, to)
}

// Append adds the operations of other behind those of b.
func (b *Batch) Append(other *Batch) {
	b.buf = append(b.buf, other.buf...)
	b.n += other.n
	b.puts += other.puts
	if b.err == nil {
		b.err = other.err
	}
}

// Len returns the number of operations.
func (b *Batch) Len() int { return b.n }

// Size returns the bytes the operations take, headers included.
func (b *Batch) Size() int { return len(b.buf) }

// Grows reports whether the batch stores anything, rather than only removing.
func (b *Batch) Grows() bool { return b.puts > 0 }

// Err returns the first mistake made while filling the batch, nil if none.
// Apply refuses a batch with a mistake.
func (b *Batch) Err() error { return b.err }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.buf, b.n, b.puts, b.err = b.buf[:0], 0, 0, nil
}

// Ops returns the operations in order. They are views, valid until the batch is
// changed. A DeleteRange that removes nothing is left out.
func (b *Batch) Ops() iter.Seq[Op] {
	return func(yield func(Op) bool) {
		for rest := b.buf; len(rest) > 0; {
			var op Op
			op.Kind = Kind(rest[0])
			op.Key, rest = field(rest[1:])
			op.Value, rest = field(rest)
			if op.Kind == DeleteRange && string(op.Key) >= string(op.Value) {
				continue
			}
			if !yield(op) {
				return
			}
		}
	}
}

func (b *Batch) add(kind Kind, key, value []byte) bool {
	if len(key) == 0 || len(key) > MaxKey {
		b.fail(key)
		return false
	}
	b.buf = append(b.buf, byte(kind))
	b.buf = binary.AppendUvarint(b.buf, uint64(len(key)))
	b.buf = append(b.buf, key...)
	b.buf = binary.AppendUvarint(b.buf, uint64(len(value)))
	b.buf = append(b.buf, value...)
	b.n++
	return true
}

func (b *Batch) fail(key []byte) {
	if b.err == nil {
		b.err = fmt.Errorf("key of %d bytes: %w", len(key), ErrKey)
	}
}

// field splits a length-prefixed field off a buffer that this package wrote.
func field(b []byte) (value, rest []byte) {
	size, n := binary.Uvarint(b)
	end := n + int(size)
	return b[n:end:end], b[end:]
}
