package bolt_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/bolt"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/kv/kvtest"
)

func mustOpen(t *testing.T, dir string) *bolt.Store {
	t.Helper()
	store, err := bolt.Open(bolt.Options{Dir: dir})
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
	if _, err := bolt.Open(bolt.Options{Dir: dir}); !errors.Is(err, kv.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second Open = %v; want ErrLocked with the directory", err)
	}
	mustClose(t, store)
	if _, err := bolt.Open(bolt.Options{}); err == nil {
		t.Error("Open without Dir succeeded")
	}
	garbage := t.TempDir()
	path := filepath.Join(garbage, "linnet.bolt")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a store ", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := bolt.Open(bolt.Options{Dir: garbage})
	if damage, ok := errors.AsType[*kv.CorruptError](err); !ok || damage.File != path {
		t.Errorf("Open of garbage = %v; want a CorruptError that names %s", err, path)
	}
	if _, err := bolt.Open(bolt.Options{Dir: filepath.Join(path, "below a file")}); err == nil {
		t.Error("Open below a file succeeded")
	}
}

// TestDamagedPage overwrites the middle of the file: reading says so, whatever
// bbolt makes of it.
func TestDamagedPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := mustOpen(t, dir)
	var b kv.Batch
	for i := range 20000 {
		b.Put([]byte{'k', byte(i >> 8), byte(i)}, []byte("value"))
	}
	if err := store.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
	path := filepath.Join(dir, "linnet.bolt")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	junk := []byte(strings.Repeat("\xee", int(info.Size())-16384))
	if _, err := f.WriteAt(junk, 16384); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	store, err = bolt.Open(bolt.Options{Dir: dir})
	if err == nil {
		err = store.Range(nil, nil, false, func(_, _ []byte) bool { return true })
		_ = store.Close() // of a damaged file: any answer will do
	}
	if damage, ok := errors.AsType[*kv.CorruptError](err); !ok || damage.File != path {
		t.Errorf("%v; want a CorruptError that names %s", err, path)
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
	if store.Stats().DiskBytes == 0 {
		t.Error("no size")
	}
	mustClose(t, store)
	snapshot := mustOpen(t, dir)
	if v, err := snapshot.Get([]byte("a"), nil); err != nil || string(v) != "1" {
		t.Errorf("in the snapshot a = %q, %v; want 1", v, err)
	}
	mustClose(t, snapshot)
}

// TestRangeWhileTheFileGrows reads inside a Range while a writer makes the file
// grow: with a transaction held open this would block for ever.
func TestRangeWhileTheFileGrows(t *testing.T) {
	t.Parallel()
	store := mustOpen(t, t.TempDir())
	if err := store.Apply(put("a", "1"), true); err != nil {
		t.Fatal(err)
	}
	err := store.Range(nil, nil, false, func(k, _ []byte) bool {
		grown := make(chan error)
		go func() { grown <- store.Apply(put("z", strings.Repeat("v", 40<<20)), true) }()
		if err := <-grown; err != nil {
			t.Errorf("Apply: %v", err)
		}
		_, err := store.Get(k, nil)
		return err == nil && string(k) != "z"
	})
	if err != nil {
		t.Error(err)
	}
	mustClose(t, store)
}
