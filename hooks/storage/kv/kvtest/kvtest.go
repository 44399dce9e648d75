// Package kvtest is the suite that every kv engine passes: Run checks the
// contract, History plays a random history on two engines and compares them.
// Tests of engines inside and outside this module may use it.
package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
)

// Open opens the store in dir, a directory of this test alone, or fails the
// test. A second call with the same dir opens the same store again.
type Open func(t *testing.T, dir string) kv.KV

// Run checks an engine that keeps what it stored when it is closed.
func Run(t *testing.T, open Open) {
	RunVolatile(t, open)
	t.Run("reopen keeps everything", func(t *testing.T) { t.Parallel(); testReopen(t, open) })
	t.Run("history with reopening", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		History(t, 2, 600, open(t, dir), memory.New(), func() kv.KV { return open(t, dir) })
	})
}

// RunVolatile checks an engine that forgets at Close.
func RunVolatile(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, kv.KV)
	}{
		{"get, put, overwrite, delete", testGet},
		{"get appends to dst", testGetAppends},
		{"operations take effect in order", testOrder},
		{"an empty batch does nothing", testEmptyBatch},
		{"a batch may be reused at once", testReuse},
		{"a bad key refuses the whole batch", testBadKey},
		{"keys are any bytes up to the longest", testKeys},
		{"values of any size", testValues},
		{"range bounds", testRangeBounds},
		{"range stops when told", testRangeStops},
		{"range may read", testRangeNested},
		{"delete range", testDeleteRange},
		{"delete range of many keys", testDeleteMany},
		{"readers see whole batches", testAtomic},
		{"after close", testClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := open(t, t.TempDir())
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test.run(t, store)
		})
	}
	t.Run("history", func(t *testing.T) {
		t.Parallel()
		History(t, 1, 600, open(t, t.TempDir()), memory.New(), nil)
	})
}

// fill makes a batch of puts: k, v, k, v.
func fill(pairs ...string) *kv.Batch {
	var b kv.Batch
	for pair := range slices.Chunk(pairs, 2) {
		b.Put([]byte(pair[0]), []byte(pair[1]))
	}
	return &b
}

func mustApply(t *testing.T, store kv.KV, b *kv.Batch) {
	t.Helper()
	if err := store.Apply(b, true); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

// pairs lists what Range visits as "k=v".
func pairs(t *testing.T, store kv.KV, from, to string, reverse bool) []string {
	t.Helper()
	var got []string
	err := store.Range([]byte(from), []byte(to), reverse, func(k, v []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		return true
	})
	if err != nil {
		t.Fatalf("Range(%q, %q, %v): %v", from, to, reverse, err)
	}
	return got
}

func wantValue(t *testing.T, store kv.KV, key, want string) {
	t.Helper()
	got, err := store.Get([]byte(key), nil)
	if err != nil || !bytes.Equal(got, []byte(want)) {
		t.Fatalf("Get(%.40q) = %.40q, %v; want %.40q", key, got, err, want)
	}
}

func wantMissing(t *testing.T, store kv.KV, key string) {
	t.Helper()
	if got, err := store.Get([]byte(key), nil); !errors.Is(err, kv.ErrNotFound) || len(got) > 0 {
		t.Fatalf("Get(%.40q) = %.40q, %v; want ErrNotFound", key, got, err)
	}
}
