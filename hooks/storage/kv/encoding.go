package kv

import (
	"encoding/binary"
	"errors"
)

var errEncoding = errors.New("malformed batch")

// AppendTo appends the batch's flat form to dst, for engines that must keep a
// batch as a whole (a redo record). UnmarshalBatch reads it.
func (b *Batch) AppendTo(dst []byte) []byte { return append(dst, b.buf...) }

// UnmarshalBatch replaces the batch by the flat form in data, which is copied.
// An error means that data is not what AppendTo wrote; the batch is empty then.
func (b *Batch) UnmarshalBatch(data []byte) error {
	b.Reset()
	n, puts := 0, 0
	for rest := data; len(rest) > 0; n++ {
		kind := Kind(rest[0])
		if kind < Put || kind > DeleteRange {
			return errEncoding
		}
		key, after, ok := checkedField(rest[1:])
		if !ok || len(key) == 0 || len(key) > MaxKey {
			return errEncoding
		}
		value, after, ok := checkedField(after)
		if !ok || kind == Delete && len(value) > 0 || kind == DeleteRange && len(value) > MaxKey {
			return errEncoding
		}
		if kind == Put {
			puts++
		}
		rest = after
	}
	b.buf, b.n, b.puts = append(b.buf, data...), n, puts
	return nil
}

func checkedField(b []byte) (value, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	value, rest = field(b)
	return value, rest, true
}
