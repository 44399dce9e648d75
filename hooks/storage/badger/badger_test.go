package badger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/badger"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/kv/kvtest"
)

func mustOpen(t *testing.T, dir string) *badger.Store {
	t.Helper()
	store, err := badger.Open(badger.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func mustClose(t *testing.T, store kv.KV) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func put(key, value string) *kv.Batch {
	var b kv.Batch
	b.Put([]byte(key), []byte(value))
	return &b
}

func TestContract(t *testing.T) {
	kvtest.Run(t, func(t *testing.T, dir string) kv.KV { return mustOpen(t, dir) })
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := mustOpen(t, dir)
	if _, err := badger.Open(badger.Options{Dir: dir}); !errors.Is(err, kv.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second Open = %v; want ErrLocked with the directory", err)
	}
	mustClose(t, store)
	if _, err := badger.Open(badger.Options{}); err == nil {
		t.Error("Open without Dir succeeded")
	}
	manifest := filepath.Join(dir, "MANIFEST")
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	data[0] ^= 0xff
	if err := os.WriteFile(manifest, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = badger.Open(badger.Options{Dir: dir})
	if damage, ok := errors.AsType[*kv.CorruptError](err); !ok || damage.File != dir {
		t.Errorf("Open of a damaged store = %v; want a CorruptError that names %s", err, dir)
	}
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	store := mustOpen(t, t.TempDir())
	if err := store.Apply(put("a", "1"), true); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	if err := store.Snapshot(dir); err != nil {
		t.Fatal(err)
	}
	if err := store.Snapshot(dir); err == nil {
		t.Error("Snapshot over another succeeded")
	}
	if err := store.Apply(put("a", "2"), true); err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
	snapshot := mustOpen(t, dir)
	if v, err := snapshot.Get([]byte("a"), nil); err != nil || string(v) != "1" {
		t.Errorf("in the snapshot a = %q, %v; want 1", v, err)
	}
	mustClose(t, snapshot)
}
