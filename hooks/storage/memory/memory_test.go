package memory_test

import (
	"slices"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/kv/kvtest"
	"github.com/linnetmq/linnet/hooks/storage/memory"
)

func TestContract(t *testing.T) {
	kvtest.RunVolatile(t, func(*testing.T, string) kv.KV { return memory.New() })
}

// TestTruth compares the engine that all others are compared to with a map.
func TestTruth(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		kvtest.History(t, seed, 400, memory.New(), naive{}, nil)
	}
}

func TestRangeIsASnapshot(t *testing.T) {
	t.Parallel()
	store := memory.New()
	var b kv.Batch
	b.Put([]byte("a"), nil)
	b.Put([]byte("b"), nil)
	if err := store.Apply(&b, false); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := store.Range(nil, nil, false, func(k, _ []byte) bool {
		n++
		var b kv.Batch
		b.Put(append([]byte("c"), k...), nil)
		b.Delete([]byte("b"))
		return store.Apply(&b, false) == nil
	})
	if err != nil || n != 2 {
		t.Errorf("visited %d, %v; want the 2 of the beginning", n, err)
	}
}

func TestDurability(t *testing.T) {
	t.Parallel()
	if got := kv.DurabilityOf(memory.New()); got != kv.Volatile || got.String() != "memory" {
		t.Errorf("durability %v", got)
	}
}

// naive is a map, sorted for each Range.
type naive map[string]string

func (n naive) Apply(b *kv.Batch, _ bool) error {
	for op := range b.Ops() {
		switch op.Kind {
		case kv.Put:
			n[string(op.Key)] = string(op.Value)
		case kv.Delete:
			delete(n, string(op.Key))
		case kv.DeleteRange:
			for k := range n {
				if k >= string(op.Key) && k < string(op.Value) {
					delete(n, k)
				}
			}
		}
	}
	return nil
}

func (n naive) Get(key, dst []byte) ([]byte, error) {
	v, ok := n[string(key)]
	if !ok {
		return dst, kv.ErrNotFound
	}
	return append(dst, v...), nil
}

func (n naive) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error {
	var keys []string
	for k := range n {
		if k >= string(from) && (len(to) == 0 || k < string(to)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if reverse {
		slices.Reverse(keys)
	}
	for _, k := range keys {
		if !fn([]byte(k), []byte(n[k])) {
			break
		}
	}
	return nil
}

func (naive) Close() error { return nil }
