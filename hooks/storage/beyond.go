package storage

import (
	"bytes"
	"errors"
	"math/big"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// beyond finds where a range can be read again when the engine meets damage at
// from: a key, as low as is worth the search, nil if there is none. Engines lose
// whole blocks of keys, so it goes away from the damage in growing strides and
// then narrows the last one down. near tells that from is a key or follows one;
// else the search begins at what the other keys have in common.
func (w *walker) beyond(from, to []byte, near bool) ([]byte, error) {
	other, err := w.lastReadable(from, to)
	if err != nil {
		return nil, err
	}
	for n := len(other) - 1; !near && n > len(from); n-- {
		readable, err := w.readable(other[:n], to)
		if err != nil {
			return nil, err
		}
		if !readable {
			from, near = other[:n], true
		}
	}
	s := search{walker: w, size: max(len(from), len(to), len(other)) + 8, to: to}
	return s.run(from)
}

// lastReadable returns the last key of a range if it can be read, else nil.
func (w *walker) lastReadable(from, to []byte) (last []byte, err error) {
	err = w.from.Range(from, to, true, func(k, _ []byte) bool {
		last = bytes.Clone(k)
		return false
	})
	if _, damaged := errors.AsType[*kv.CorruptError](err); damaged {
		return nil, nil
	}
	return last, err
}

// readable reports whether the first key from at on can be read, or there is none.
func (w *walker) readable(at, to []byte) (bool, error) {
	err := w.from.Range(at, to, false, func(_, _ []byte) bool { return false })
	if _, damaged := errors.AsType[*kv.CorruptError](err); damaged {
		return false, nil
	}
	return err == nil, err
}

// search takes keys as numbers of size bytes.
type search struct {
	*walker
	size int
	to   []byte
}

var one = big.NewInt(1)

func (s *search) run(from []byte) ([]byte, error) {
	end := new(big.Int).Lsh(one, uint(8*s.size))
	if len(s.to) > 0 {
		end = s.number(s.to)
	}
	low, high, err := s.stride(s.number(from), end)
	if err != nil {
		return nil, err
	}
	for new(big.Int).Sub(high, low).Cmp(one) > 0 {
		at := new(big.Int).Add(low, high)
		at.Rsh(at, 1)
		readable, err := s.readable(s.key(at), s.to)
		if err != nil {
			return nil, err
		}
		if readable {
			high = at
		} else {
			low = at
		}
	}
	if high.Cmp(end) == 0 {
		return nil, nil
	}
	return s.key(high), nil
}

// stride returns a number that is damaged and a higher one that is not.
func (s *search) stride(start, end *big.Int) (low, high *big.Int, err error) {
	low = start
	for step := new(big.Int).Set(one); ; step.Lsh(step, 1) {
		at := new(big.Int).Add(start, step)
		if at.Cmp(end) >= 0 {
			return low, end, nil
		}
		readable, err := s.readable(s.key(at), s.to)
		if err != nil || readable {
			return low, at, err
		}
		low = at
	}
}

func (s *search) number(key []byte) *big.Int {
	return new(big.Int).SetBytes(append(bytes.Clone(key), make([]byte, s.size-len(key))...))
}

// key leaves out zeros at the end: what follows sorts behind it all the same.
func (s *search) key(n *big.Int) []byte {
	return bytes.TrimRight(n.FillBytes(make([]byte, s.size)), "\x00")
}
