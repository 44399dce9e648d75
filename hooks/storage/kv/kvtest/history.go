package kvtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// History plays steps random operations on got and on want and fails the test at
// the first different answer. Now and then it closes got and goes on with what
// reopen returns, unless reopen is nil. Both are closed at the end. The same seed
// plays the same history.
func History(t *testing.T, seed uint64, steps int, got, want kv.KV, reopen func() kv.KV) {
	t.Helper()
	h := &history{t: t, rng: rand.New(rand.NewPCG(seed, 0)), reopen: reopen, got: got, want: want}
	for h.step = 0; h.step < steps && !t.Failed(); h.step++ {
		switch p := h.rng.IntN(100); {
		case p < 50:
			h.apply()
		case p < 75:
			h.get()
		case p < 98:
			h.scan()
		default:
			h.restart()
		}
	}
	h.compare(nil, nil, false, -1)
	if err := errors.Join(h.got.Close(), h.want.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
}

type history struct {
	t         *testing.T
	rng       *rand.Rand
	step      int
	reopen    func() kv.KV
	got, want kv.KV
}

// key is short and made of few bytes, so that operations meet.
func (h *history) key() []byte {
	k := make([]byte, 1+h.rng.IntN(4))
	for i := range k {
		k[i] = "\x00ab\xff"[h.rng.IntN(4)]
	}
	return k
}

// bound is a key or, at times, none.
func (h *history) bound() []byte {
	if h.rng.IntN(5) == 0 {
		return nil
	}
	return h.key()
}

func (h *history) apply() {
	var b kv.Batch
	for range h.rng.IntN(12) {
		switch p := h.rng.IntN(10); {
		case p < 6:
			b.Put(h.key(), fmt.Appendf(nil, "%d.%d%*s", h.step, b.Len(), h.rng.IntN(2000), ""))
		case p < 9:
			b.Delete(h.key())
		default:
			b.DeleteRange(h.key(), h.key())
		}
	}
	durable := h.rng.IntN(2) == 0
	if err := errors.Join(h.got.Apply(&b, durable), h.want.Apply(&b, durable)); err != nil {
		h.t.Errorf("step %d: Apply: %v", h.step, err)
	}
}

func (h *history) get() {
	key := h.key()
	got, gotErr := h.got.Get(key, nil)
	want, wantErr := h.want.Get(key, nil)
	same := gotErr == nil && wantErr == nil || errors.Is(gotErr, kv.ErrNotFound) && errors.Is(wantErr, kv.ErrNotFound)
	if !same || string(got) != string(want) {
		h.t.Errorf("step %d: Get(%q) = %.30q, %v; want %.30q, %v", h.step, key, got, gotErr, want, wantErr)
	}
}

func (h *history) scan() {
	h.compare(h.bound(), h.bound(), h.rng.IntN(2) == 0, h.rng.IntN(400)-1)
}

func (h *history) compare(from, to []byte, reverse bool, limit int) {
	got, gotErr := take(h.got, from, to, reverse, limit)
	want, wantErr := take(h.want, from, to, reverse, limit)
	if gotErr != nil || wantErr != nil || !slices.Equal(got, want) {
		h.t.Errorf("step %d: Range(%q, %q, %v) of %d: %d pairs, %v; want %d, %v",
			h.step, from, to, reverse, limit, len(got), gotErr, len(want), wantErr)
	}
}

func take(store kv.KV, from, to []byte, reverse bool, limit int) (pairs []string, err error) {
	err = store.Range(from, to, reverse, func(k, v []byte) bool {
		pairs = append(pairs, string(k), string(v))
		return len(pairs)/2 != limit
	})
	return pairs, err
}

func (h *history) restart() {
	if h.reopen == nil {
		return
	}
	if err := h.got.Close(); err != nil {
		h.t.Errorf("step %d: Close: %v", h.step, err)
	}
	h.got = h.reopen()
}
