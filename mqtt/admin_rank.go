package mqtt

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrBadCursor is returned for a cursor that this run of the server did not
// give out for the same order.
var ErrBadCursor = errors.New("mqtt: the cursor is not one of this listing, begin without one")

// The bounds of a page.
const (
	defaultPage = 100
	maximumPage = 10_000
)

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maximumPage)
}

// rank is a place in a listing: what comes first has the smaller number, then
// the smaller ClientID, then the smaller filter.
type rank struct {
	N      int64  `json:"n,omitempty"`
	ID     string `json:"i,omitempty"`
	Filter string `json:"f,omitempty"`
}

func (a rank) compare(b rank) int {
	return cmp.Or(cmp.Compare(a.N, b.N), strings.Compare(a.ID, b.ID), strings.Compare(a.Filter, b.Filter))
}

// cursorText is what stands in a cursor.
type cursorText struct {
	Run   int64 `json:"r"` // of which run of the server
	Order int   `json:"o"`
	After rank  `json:"a"`
}

func (s *Server) cursor(order int, after rank) string {
	b, err := json.Marshal(cursorText{s.started.UnixNano(), order, after})
	if err != nil {
		return "" // numbers and strings always have an encoding
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor returns the place a cursor names, nil for an empty one.
func (s *Server) parseCursor(text string, order int) (*rank, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is the beginning
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	var c cursorText
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	if c.Run != s.started.UnixNano() || c.Order != order {
		return nil, ErrBadCursor
	}
	return &c.After, nil
}

// ranked is something with its place.
type ranked[T any] struct {
	at    rank
	value T
}

// selection keeps the first of what it is offered, in the memory of twice as
// many, so that one page out of a million costs no list of a million.
type selection[T any] struct {
	keep  int
	after *rank // nothing up to here is wanted; nil: everything
	list  []ranked[T]
	bound *rank // nothing from here on can be among the first; nil: unknown
}

func (x *selection[T]) offer(at rank, value T) {
	if x.after != nil && at.compare(*x.after) <= 0 || x.bound != nil && at.compare(*x.bound) >= 0 {
		return
	}
	x.list = append(x.list, ranked[T]{at, value})
	if len(x.list) >= 2*x.keep+64 {
		x.trim()
	}
}

func (x *selection[T]) trim() {
	slices.SortFunc(x.list, func(a, b ranked[T]) int { return a.at.compare(b.at) })
	if len(x.list) > x.keep {
		clear(x.list[x.keep:])
		x.list = x.list[:x.keep]
	}
	if len(x.list) == x.keep && x.keep > 0 {
		last := x.list[x.keep-1].at
		x.bound = &last
	}
}

// full tells that the selection has all it keeps.
func (x *selection[T]) full() bool { return len(x.list) >= x.keep }

// sorted returns the first, in order.
func (x *selection[T]) sorted() []ranked[T] {
	x.trim()
	return x.list
}
