package storage

import (
	"bytes"
	"errors"
	"math/big"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// beyond finds where a range can be read again when the engine meets damage at
// its start: the least key from which on it can, as near as is worth the search,
// nil if there is none. Engines lose whole blocks, so it steps over the range in
// growing strides and then narrows the last one down.
func (s *Store) beyond(from, to []byte) ([]byte, error) {
	size := max(len(from), len(to)) + 2
	end := new(big.Int).Lsh(big.NewInt(1), uint(8*size))
	if len(to) > 0 {
		end = number(to, size)
	}
	start := number(from, size)
	low, high := start, end
	for stride := big.NewInt(1); ; stride = new(big.Int).Lsh(stride, 1) {
		at := new(big.Int).Add(start, stride)
		if at.Cmp(end) >= 0 {
			break
		}
		readable, err := s.readable(at, size, to)
		if err != nil {
			return nil, err
		}
		if readable {
			high = at
			break
		}
		low = at
	}
	for range 8 * size {
		gap := new(big.Int).Sub(high, low)
		if gap.Cmp(big.NewInt(1)) <= 0 {
			break
		}
		at := new(big.Int).Add(low, gap.Rsh(gap, 1))
		readable, err := s.readable(at, size, to)
		if err != nil {
			return nil, err
		}
		if readable {
			high = at
		} else {
			low = at
		}
	}
	if high == end {
		return nil, nil
	}
	return text(high, size), nil
}

// readable reports whether the first key at or after at can be read.
func (s *Store) readable(at *big.Int, size int, to []byte) (bool, error) {
	err := s.committer.Range(text(at, size), to, false, func(_, _ []byte) bool { return false })
	if _, damaged := errors.AsType[*kv.CorruptError](err); damaged {
		return false, nil
	}
	return err == nil, err
}

// number takes a key of at most size bytes as a number of size bytes.
func number(key []byte, size int) *big.Int {
	return new(big.Int).SetBytes(append(bytes.Clone(key), make([]byte, size-len(key))...))
}

// text is the key of a number: zeros at its end do not matter to the order of
// what follows.
func text(n *big.Int, size int) []byte {
	return bytes.TrimRight(n.FillBytes(make([]byte, size)), "\x00")
}
