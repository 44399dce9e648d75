package bolt

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// A portion is up to so many pairs or bytes of a Range.
const (
	portionPairs = 512
	portionBytes = 256 << 10
)

// portion is what one transaction of a Range has read, and where the next goes on.
type portion struct {
	from, to []byte // what is left
	reverse  bool
	buf      []byte
	ends     []int // of key, value, key, value in buf
}

func (p *portion) reset() { p.buf, p.ends = p.buf[:0], p.ends[:0] }

// read fills the portion and reports whether there is more.
func (p *portion) read(c *bbolt.Cursor) bool {
	k, v := p.first(c)
	for k != nil && p.inside(k) {
		p.buf = append(p.buf, k...)
		p.ends = append(p.ends, len(p.buf))
		p.buf = append(p.buf, v...)
		p.ends = append(p.ends, len(p.buf))
		if len(p.ends) >= 2*portionPairs || len(p.buf) >= portionBytes {
			p.advance(bytes.Clone(k))
			return true
		}
		if p.reverse {
			k, v = c.Prev()
		} else {
			k, v = c.Next()
		}
	}
	return false
}

func (p *portion) first(c *bbolt.Cursor) (k, v []byte) {
	switch {
	case !p.reverse && len(p.from) == 0:
		return c.First()
	case !p.reverse:
		return c.Seek(p.from)
	case len(p.to) == 0:
		return c.Last()
	}
	if k, _ := c.Seek(p.to); k == nil {
		return c.Last()
	}
	return c.Prev()
}

func (p *portion) inside(k []byte) bool {
	return bytes.Compare(k, p.from) >= 0 && (len(p.to) == 0 || bytes.Compare(k, p.to) < 0)
}

// advance takes what has been read, up to last, off the range.
func (p *portion) advance(last []byte) {
	if p.reverse {
		p.to = last
	} else {
		p.from = append(last, 0)
	}
}

// visit calls fn for each pair until it returns false, and reports whether it
// never did.
func (p *portion) visit(fn func(k, v []byte) bool) bool {
	start := 0
	for i := 0; i < len(p.ends); i += 2 {
		mid, end := p.ends[i], p.ends[i+1]
		if !fn(p.buf[start:mid:mid], p.buf[mid:end:end]) {
			return false
		}
		start = end
	}
	return true
}
