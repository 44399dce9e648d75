package kv

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func describe(b *Batch) (ops []string) {
	for op := range b.Ops() {
		ops = append(ops, fmt.Sprintf("%d %s %s", op.Kind, op.Key, op.Value))
	}
	return ops
}

func TestBatch(t *testing.T) {
	t.Parallel()
	var a, b Batch
	a.Put([]byte("k"), []byte("v"))
	a.Delete([]byte("d"))
	b.DeleteRange([]byte("a"), []byte("c"))
	b.DeleteRange([]byte("c"), []byte("a")) // removes nothing
	b.DeleteRange([]byte("c"), nil)         // removes nothing
	if a.Grows() == false || b.Grows() {
		t.Errorf("Grows: %v, %v; want true, false", a.Grows(), b.Grows())
	}
	b.Append(&a)
	if got, want := describe(&b), []string{"3 a c", "1 k v", "2 d "}; !slices.Equal(got, want) {
		t.Errorf("ops %q, want %q", got, want)
	}
	if b.Len() != 5 || b.Size() == 0 || !b.Grows() || b.Err() != nil {
		t.Errorf("Len %d, Size %d, Grows %v, Err %v", b.Len(), b.Size(), b.Grows(), b.Err())
	}
	b.Reset()
	if b.Len() != 0 || b.Size() != 0 || b.Grows() || len(describe(&b)) != 0 {
		t.Errorf("not empty after Reset: %d, %d", b.Len(), b.Size())
	}
}

func TestBatchRefusesKeys(t *testing.T) {
	t.Parallel()
	long := []byte(strings.Repeat("k", MaxKey+1))
	for name, fill := range map[string]func(*Batch){
		"put empty":           func(b *Batch) { b.Put(nil, []byte("v")) },
		"put too long":        func(b *Batch) { b.Put(long, nil) },
		"delete empty":        func(b *Batch) { b.Delete(nil) },
		"range from empty":    func(b *Batch) { b.DeleteRange(nil, []byte("z")) },
		"range to a long key": func(b *Batch) { b.DeleteRange([]byte("a"), long) },
	} {
		var b, joined Batch
		fill(&b)
		joined.Append(&b)
		if !errors.Is(b.Err(), ErrKey) || !errors.Is(joined.Err(), ErrKey) || b.Len() != 0 {
			t.Errorf("%s: Err %v, joined %v, Len %d", name, b.Err(), joined.Err(), b.Len())
		}
		b.Reset()
		if b.Err() != nil {
			t.Errorf("%s: Err %v after Reset", name, b.Err())
		}
	}
}

func TestBatchReuseAllocatesNothing(t *testing.T) {
	key, value := []byte("key"), bytes.Repeat([]byte("v"), 256)
	var a, b Batch
	n := testing.AllocsPerRun(100, func() {
		a.Reset()
		b.Reset()
		a.Put(key, value)
		a.Delete(key)
		b.Append(&a)
		for op := range b.Ops() {
			if op.Kind == 0 {
				t.Fatal("no kind")
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzUnmarshalBatch(f *testing.F) {
	var b Batch
	b.Put([]byte("k"), []byte("v"))
	b.Delete([]byte("d"))
	b.DeleteRange([]byte("a"), []byte("c"))
	f.Add(b.AppendTo(nil))
	f.Add([]byte{})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{2, 1, 'a', 1, 'b'})
	f.Fuzz(func(t *testing.T, data []byte) {
		var b, again Batch
		if err := b.UnmarshalBatch(data); err != nil {
			if b.Len() != 0 || b.Size() != 0 {
				t.Fatalf("an error leaves %d operations", b.Len())
			}
			return
		}
		for op := range b.Ops() {
			switch op.Kind {
			case Put:
				again.Put(op.Key, op.Value)
			case Delete:
				again.Delete(op.Key)
			case DeleteRange:
				again.DeleteRange(op.Key, op.Value)
			}
		}
		if !slices.Equal(describe(&b), describe(&again)) || again.Err() != nil || b.Grows() != again.Grows() {
			t.Fatalf("%q is not %q: %v", describe(&b), describe(&again), again.Err())
		}
	})
}

func TestSeal(t *testing.T) {
	t.Parallel()
	for _, record := range []string{"", "a", strings.Repeat("record", 1000)} {
		sealed := Seal([]byte("before"), []byte(record))[len("before"):]
		if len(sealed) != len(record)+SealSize || !bytes.Equal(sealed, SealFrom([]byte(record), 0)) {
			t.Errorf("%d bytes sealed to %d, SealFrom differs: %v", len(record), len(sealed), SealFrom([]byte(record), 0))
		}
		if got, err := Unseal(sealed); err != nil || string(got) != record {
			t.Errorf("Unseal = %.20q, %v; want %.20q", got, err, record)
		}
		for bit := range min(len(sealed), 12) * 8 {
			bad := bytes.Clone(sealed)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := Unseal(bad); !errors.Is(err, ErrChecksum) {
				t.Errorf("bit %d flipped: %v, want ErrChecksum", bit, err)
			}
		}
	}
	for _, short := range []string{"", "a", "abc"} {
		if _, err := Unseal([]byte(short)); !errors.Is(err, ErrChecksum) {
			t.Errorf("Unseal(%q) = %v, want ErrChecksum", short, err)
		}
	}
}

func TestPrefixEnd(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"a": "b", "a\xff": "b", "ab": "ac", "\xff": "", "": "", "a\x00": "a\x01"} {
		if got := PrefixEnd([]byte(prefix)); string(got) != want {
			t.Errorf("PrefixEnd(%q) = %q, want %q", prefix, got, want)
		}
	}
}

func TestCorruptError(t *testing.T) {
	t.Parallel()
	cause := errors.New("bad block")
	err := fmt.Errorf("read: %w", &CorruptError{File: "000012.sst", Key: []byte("m|1"), Err: cause})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "000012.sst") || !strings.Contains(err.Error(), "m|1") {
		t.Errorf("%v does not name file, key and cause", err)
	}
}
