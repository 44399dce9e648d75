package pebble_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
)

const dir = "/store"

func mustOpen(t *testing.T, files vfs.FS) *pebble.Store {
	t.Helper()
	store, err := pebble.Open(pebble.Options{Dir: dir, FS: files, MemTableSize: 256 << 10})
	if err != nil {
		t.Fatalf("Open: %v", err)
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

// key orders like its number.
func key(i int) string { return fmt.Sprintf("k%08d", i) }

// stored returns how many of key(0), key(1), ... are there without a gap, and
// fails the test if one behind the gap is.
func stored(t *testing.T, store kv.KV) int {
	t.Helper()
	n := 0
	err := store.Range(nil, nil, false, func(k, _ []byte) bool {
		if string(k) != key(n) {
			t.Errorf("found %s after %d keys: a batch in between was lost", k, n)
			return false
		}
		n++
		return true
	})
	if err != nil {
		t.Errorf("Range: %v", err)
	}
	return n
}

// submitAll submits key(0), key(1), ... to c, some Lazy, and returns when all are
// done. synced is kept at the number of keys that are surely on the disk; at is
// called before each submission.
func submitAll(c *kv.Committer, rng *rand.Rand, keys int, synced *atomic.Int64, at func(i int)) (failed int64) {
	var refused atomic.Int64
	for i := range keys {
		at(i)
		level := kv.Sync
		if rng.IntN(3) == 0 {
			level = kv.Lazy
		}
		wait := make(chan struct{})
		c.Submit(put(key(i), strings.Repeat("v", rng.IntN(1000))), level, func(err error) {
			switch {
			case err != nil:
				refused.Add(1)
			case level == kv.Sync:
				synced.Store(int64(i) + 1)
			}
			close(wait)
		})
		if level == kv.Sync && rng.IntN(20) == 0 {
			<-wait
		}
	}
	return refused.Load()
}

// TestCrash cuts the power at a random moment: what was done with Sync is there,
// and whatever is there has no gap.
func TestCrash(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		disk := vfs.NewCrashableMem()
		c, err := kv.NewCommitter(func() (kv.KV, error) { return mustOpen(t, disk), nil }, kv.Options{MaxBatch: 64})
		if err != nil {
			t.Fatal(err)
		}
		const keys = 2500
		crashAt, unsynced := 1+rng.IntN(keys-1), int(seed%3)*50
		var synced atomic.Int64
		var atLeast int64
		var crashed *vfs.MemFS
		submitAll(c, rng, keys, &synced, func(i int) {
			if i == crashAt {
				atLeast = synced.Load()
				crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(seed, 1))})
			}
		})
		if err := c.Close(); err != nil {
			t.Errorf("seed %d: Close: %v", seed, err)
		}
		after := mustOpen(t, crashed)
		if n := stored(t, after); n < int(atLeast) || n > crashAt {
			t.Errorf("seed %d: %d keys after the crash at %d, want at least the %d acknowledged", seed, n, crashAt, atLeast)
		}
		mustClose(t, after)
	}
}

// TestCrashLosesWhatWasNotSynced shows that the disk of these tests forgets:
// else TestCrash could not fail.
func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	disk := vfs.NewCrashableMem()
	store := mustOpen(t, disk)
	for i := range 10 {
		if err := store.Apply(put(key(i), "v"), i < 5); err != nil {
			t.Fatal(err)
		}
	}
	after := mustOpen(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	if n := stored(t, after); n < 5 || n == 10 {
		t.Errorf("%d keys after the crash, want the 5 synced and not all 10", n)
	}
	mustClose(t, after)
	mustClose(t, store)
	again := mustOpen(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	if n := stored(t, again); n != 10 {
		t.Errorf("%d keys after Close and crash, want 10: Close syncs", n)
	}
	mustClose(t, again)
}

// TestCrashInNewDirectory: what is synced in a directory that was just made is
// there, and so is the directory.
func TestCrashInNewDirectory(t *testing.T) {
	t.Parallel()
	for _, parents := range []string{"", "/a", "/a/b/c"} {
		disk := vfs.NewCrashableMem()
		if parents != "" { // some of them made by others before
			if err := disk.MkdirAll("/a", 0o750); err != nil {
				t.Fatal(err)
			}
		}
		open := func(files vfs.FS) *pebble.Store {
			store, err := pebble.Open(pebble.Options{Dir: parents + dir, FS: files})
			if err != nil {
				t.Fatalf("Open below %q: %v", parents, err)
			}
			return store
		}
		store := open(disk)
		if err := store.Apply(put(key(0), "v"), true); err != nil {
			t.Fatal(err)
		}
		after := open(disk.CrashClone(vfs.CrashCloneCfg{}))
		if n := stored(t, after); n != 1 {
			t.Errorf("below %q: %d keys after the crash, want the one that was synced", parents, n)
		}
		mustClose(t, after)
		mustClose(t, store)
	}
}

// TestTornTail cuts the log in the middle of its last record.
func TestTornTail(t *testing.T) {
	t.Parallel()
	for _, cut := range []int{1, 5, 100, 300} {
		disk := vfs.NewCrashableMem()
		store := mustOpen(t, disk)
		for i := range 4 {
			if err := store.Apply(put(key(i), strings.Repeat("v", 400)), true); err != nil {
				t.Fatal(err)
			}
		}
		crashed := disk.CrashClone(vfs.CrashCloneCfg{})
		mustClose(t, store)
		edit(t, crashed, newest(t, crashed, ".log"), func(data []byte) []byte { return data[:len(data)-cut] })
		after := mustOpen(t, crashed)
		if n := stored(t, after); n != 3 {
			t.Errorf("%d bytes cut: %d keys, want 3", cut, n)
		}
		mustClose(t, after)
	}
}

// TestDamagedLog: a log with damage before synced data must not be served as if
// it had ended there.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	disk := vfs.NewCrashableMem()
	store := mustOpen(t, disk)
	for i := range 400 {
		if err := store.Apply(put(key(i), strings.Repeat("v", 400)), true); err != nil {
			t.Fatal(err)
		}
	}
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, store)
	log := newest(t, crashed, ".log")
	edit(t, crashed, log, func(data []byte) []byte { data[1000] ^= 0xff; return data })
	_, err := pebble.Open(pebble.Options{Dir: dir, FS: crashed})
	damage, ok := errors.AsType[*kv.CorruptError](err)
	if !ok || damage.File != dir+"/"+log {
		t.Errorf("Open = %v; want a CorruptError that names %s", err, log)
	}
}

// TestDamagedTable: the damaged key is named, the rest is served, and the store
// goes on.
func TestDamagedTable(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	store := mustOpen(t, disk)
	noise := rand.NewChaCha8([32]byte{})
	for i := range 800 {
		value := make([]byte, 400)
		_, _ = noise.Read(value) // never fails
		if err := store.Apply(put(key(i), string(value)), false); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, store)
	store = mustOpen(t, disk) // the log becomes a table
	mustClose(t, store)
	table := newest(t, disk, ".sst")
	edit(t, disk, table, func(data []byte) []byte { data[len(data)/8] ^= 0xff; return data })
	store = mustOpen(t, disk)
	good, bad := 0, 0
	for i := range 800 {
		_, err := store.Get([]byte(key(i)), nil)
		damage, ok := errors.AsType[*kv.CorruptError](err)
		switch {
		case err == nil:
			good++
		case ok && string(damage.Key) == key(i) && strings.HasSuffix(damage.File, table):
			bad++
		default:
			t.Fatalf("Get(%s) = %v; want a CorruptError with key and file %s", key(i), err, table)
		}
	}
	if good == 0 || bad == 0 {
		t.Errorf("%d keys served, %d damaged; want some of each", good, bad)
	}
	err := store.Range(nil, nil, false, func(_, _ []byte) bool { return true })
	if _, ok := errors.AsType[*kv.CorruptError](err); !ok {
		t.Errorf("Range = %v, want a CorruptError", err)
	}
	if err := store.Apply(put("new", "v"), true); err != nil {
		t.Errorf("Apply after damage was met: %v", err)
	}
	if store.Stats().Corruptions == 0 {
		t.Error("no corruption counted")
	}
	mustClose(t, store)
}

// newest returns the name of the last file with the extension.
func newest(t *testing.T, disk vfs.FS, ext string) string {
	t.Helper()
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, name := range names {
		if strings.HasSuffix(name, ext) && name > last {
			last = name
		}
	}
	if last == "" {
		t.Fatalf("no %s file among %q", ext, names)
	}
	return last
}

func edit(t *testing.T, disk vfs.FS, name string, change func([]byte) []byte) {
	t.Helper()
	f, err := disk.Open(dir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	w, err := disk.Create(dir+"/"+name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(change(data)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
}
