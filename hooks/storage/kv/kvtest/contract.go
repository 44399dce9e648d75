package kvtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

func testGet(t *testing.T, store kv.KV) {
	wantMissing(t, store, "a")
	mustApply(t, store, fill("a", "1", "b", "", "c", "3"))
	wantValue(t, store, "a", "1")
	wantValue(t, store, "b", "")
	mustApply(t, store, fill("a", "one"))
	wantValue(t, store, "a", "one")
	var b kv.Batch
	b.Delete([]byte("a"))
	b.Delete([]byte("not there"))
	if err := store.Apply(&b, false); err != nil {
		t.Fatalf("Apply without durable: %v", err)
	}
	wantMissing(t, store, "a")
	wantValue(t, store, "c", "3")
}

func testGetAppends(t *testing.T, store kv.KV) {
	mustApply(t, store, fill("a", "value"))
	got, err := store.Get([]byte("a"), []byte("dst "))
	if err != nil || string(got) != "dst value" {
		t.Errorf("Get = %q, %v", got, err)
	}
	got, err = store.Get([]byte("b"), []byte("dst"))
	if !errors.Is(err, kv.ErrNotFound) || string(got) != "dst" {
		t.Errorf("Get of a missing key = %q, %v; want dst unchanged", got, err)
	}
}

func testOrder(t *testing.T, store kv.KV) {
	mustApply(t, store, fill("a", "old", "b", "old", "d", "old"))
	b := fill("a", "1", "a", "2", "c", "1")
	b.Delete([]byte("b"))
	b.Put([]byte("b"), []byte("again"))
	b.DeleteRange([]byte("c"), []byte("e"))
	b.Put([]byte("d"), []byte("after"))
	b.Put([]byte("x"), []byte("1"))
	b.Delete([]byte("x"))
	mustApply(t, store, b)
	if got, want := pairs(t, store, "", "", false), []string{"a=2", "b=again", "d=after"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func testEmptyBatch(t *testing.T, store kv.KV) {
	mustApply(t, store, fill("a", "1"))
	mustApply(t, store, new(kv.Batch))
	if err := store.Apply(new(kv.Batch), false); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	wantValue(t, store, "a", "1")
}

func testReuse(t *testing.T, store kv.KV) {
	var b kv.Batch
	for i := range 20 {
		b.Reset()
		b.Put(fmt.Appendf(nil, "k%02d", i), fmt.Appendf(nil, "v%02d", i))
		mustApply(t, store, &b)
	}
	for i := range 20 {
		wantValue(t, store, fmt.Sprintf("k%02d", i), fmt.Sprintf("v%02d", i))
	}
}

func testBadKey(t *testing.T, store kv.KV) {
	for name, key := range map[string]string{"empty": "", "too long": strings.Repeat("k", kv.MaxKey+1)} {
		b := fill("a", "1", key, "2")
		if err := store.Apply(b, true); !errors.Is(err, kv.ErrKey) || !kv.Refused(err) {
			t.Errorf("%s: Apply = %v, want ErrKey", name, err)
		}
		wantMissing(t, store, "a")
	}
	mustApply(t, store, fill("a", "1"))
}

func testKeys(t *testing.T, store kv.KV) {
	keys := []string{
		"\x00", "\x00\x00", "\x00\xff", "!badger!x", "a\x00b", "a\xff\xff", "{tag}\r\n*1",
		strings.Repeat("k", kv.MaxKey), "\xc3\xa4", "\xff", "\xff\xff",
	}
	b := new(kv.Batch)
	for _, k := range keys {
		b.Put([]byte(k), []byte("of "+k))
	}
	mustApply(t, store, b)
	var got []string
	err := store.Range(nil, nil, false, func(k, v []byte) bool {
		if string(v) != "of "+string(k) {
			t.Errorf("value of %.20q is %.20q", k, v)
		}
		got = append(got, string(k))
		return true
	})
	if slices.Sort(keys); err != nil || !slices.Equal(got, keys) {
		t.Errorf("Range visits %d keys %.200q, %v", len(got), got, err)
	}
}

func testValues(t *testing.T, store kv.KV) {
	for _, size := range []int{0, 1, 511, 4096, 1 << 16, 3 << 20, 17 << 20} {
		value := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		mustApply(t, store, fill("v", value))
		wantValue(t, store, "v", value)
	}
}

func testRangeBounds(t *testing.T, store kv.KV) {
	mustApply(t, store, fill("a", "", "b", "", "ba", "", "c", "", "c\xff", "", "d", ""))
	for _, test := range []struct{ from, to, want string }{
		{"", "", "a b ba c c\xff d"},
		{"b", "", "b ba c c\xff d"},
		{"", "c", "a b ba"},
		{"b", "c", "b ba"},
		{"b\x00", "c\x00", "ba c"},
		{"c", "d", "c c\xff"},
		{"b", "b", ""},
		{"d", "a", ""},
		{"e", "", ""},
		{"", "a", ""},
	} {
		want := strings.Fields(test.want)
		for _, reverse := range []bool{false, true} {
			var got []string
			for _, p := range pairs(t, store, test.from, test.to, reverse) {
				got = append(got, strings.TrimSuffix(p, "="))
			}
			if !slices.Equal(got, want) {
				t.Errorf("Range(%q, %q, %v) = %q, want %q", test.from, test.to, reverse, got, want)
			}
			slices.Reverse(want)
		}
	}
}

func testRangeStops(t *testing.T, store kv.KV) {
	b := new(kv.Batch)
	for i := range 3000 {
		b.Put(fmt.Appendf(nil, "k%04d", i), []byte("v"))
	}
	mustApply(t, store, b)
	for _, test := range []struct {
		reverse bool
		after   int
		last    string
	}{{false, 1, "k0000"}, {false, 2000, "k1999"}, {true, 1, "k2999"}, {true, 2000, "k1000"}} {
		n, last := 0, ""
		err := store.Range(nil, nil, test.reverse, func(k, _ []byte) bool {
			n, last = n+1, string(k)
			return n < test.after
		})
		if err != nil || n != test.after || last != test.last {
			t.Errorf("reverse %v: %d keys, last %q, %v; want %d, %q", test.reverse, n, last, err, test.after, test.last)
		}
	}
}

func testRangeNested(t *testing.T, store kv.KV) {
	mustApply(t, store, fill("a", "b", "b", "c", "c", "a"))
	n := 0
	err := store.Range(nil, nil, false, func(_, v []byte) bool {
		wantValue(t, store, string(v), map[string]string{"a": "b", "b": "c", "c": "a"}[string(v)])
		n += len(pairs(t, store, "", "", true))
		return true
	})
	if err != nil || n != 9 {
		t.Errorf("visited %d, %v; want 9", n, err)
	}
}

func testDeleteRange(t *testing.T, store kv.KV) {
	for _, test := range []struct{ name, from, to, want string }{
		{"inner", "b", "d", "a d e"},
		{"one key", "b", "b\x00", "a c d e"},
		{"empty", "b", "b", "a b c d e"},
		{"reversed", "d", "b", "a b c d e"},
		{"without end", "b", "", "a b c d e"},
		{"all", "\x00", "\xff", ""},
	} {
		mustApply(t, store, fill("a", "", "b", "", "c", "", "d", "", "e", ""))
		var b kv.Batch
		b.DeleteRange([]byte(test.from), []byte(test.to))
		mustApply(t, store, &b)
		got := strings.ReplaceAll(strings.Join(pairs(t, store, "", "", false), " "), "=", "")
		if got != test.want {
			t.Errorf("%s: left %q, want %q", test.name, got, test.want)
		}
	}
}

// testDeleteMany removes and rewrites more keys than one transaction of some
// engines can hold.
func testDeleteMany(t *testing.T, store kv.KV) {
	const keys = 150_000
	b := new(kv.Batch)
	for i := range keys {
		b.Put(fmt.Appendf(nil, "k%06d", i), []byte("v"))
	}
	mustApply(t, store, b)
	b.Reset()
	b.DeleteRange([]byte("k000010"), []byte("k149990"))
	b.Put([]byte("k000500"), []byte("after"))
	mustApply(t, store, b)
	if got := pairs(t, store, "", "", false); len(got) != 21 || got[10] != "k000500=after" {
		t.Errorf("%d keys left, %.200q; want 21", len(got), got)
	}
}

// testAtomic writes two keys together and lets readers look for a difference
// inside one Range and, going up, between Gets in the order of the writes.
func testAtomic(t *testing.T, store kv.KV) {
	mustApply(t, store, fill("x", "0000", "y", "0000"))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for last := ""; ; {
				select {
				case <-stop:
					return
				default:
				}
				x, errX := store.Get([]byte("x"), nil)
				y, errY := store.Get([]byte("y"), nil)
				if errX != nil || errY != nil || string(y) < string(x) || string(x) < last {
					t.Errorf("x = %q %v, y = %q %v after %q: y must not be older", x, errX, y, errY, last)
					return
				}
				last = string(y)
			}
		})
	}
	for i := range 200 {
		v := fmt.Sprintf("%04d", i)
		if err := store.Apply(fill("y", v, "x", v), i%8 == 0); err != nil {
			t.Errorf("Apply: %v", err)
			break
		}
	}
	close(stop)
	readers.Wait()
}

func testClosed(t *testing.T, store kv.KV) {
	mustApply(t, store, fill("a", "1"))
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	_, get := store.Get([]byte("a"), nil)
	for name, err := range map[string]error{
		"Apply": store.Apply(fill("a", "2"), true),
		"Get":   get,
		"Range": store.Range(nil, nil, false, func(_, _ []byte) bool { return true }),
	} {
		if !errors.Is(err, kv.ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", name, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func testReopen(t *testing.T, open Open) {
	dir := t.TempDir()
	store := open(t, dir)
	mustApply(t, store, fill("a", "1", "b", "2", "c", "3"))
	b := fill("d", "4")
	b.DeleteRange([]byte("b"), []byte("c"))
	if err := store.Apply(b, false); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	want := []string{"a=1", "c=3", "d=4"}
	for range 3 {
		if err := store.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		store = open(t, dir)
		if got := pairs(t, store, "", "", false); !slices.Equal(got, want) {
			t.Fatalf("after reopen %q, want %q", got, want)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}
