package pebble_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
)

// breaker fails one write operation, the nth after it was armed, and if it stays
// broken every one after it.
type breaker struct {
	left  atomic.Int64
	stays bool
	err   error
	broke atomic.Bool
	only  func(errorfs.Op) bool
}

func (*breaker) String() string { return "breaker" }

func (b *breaker) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose || op.Kind == errorfs.OpFilePreallocate ||
		b.only != nil && !b.only(op) {
		return nil
	}
	n := b.left.Add(-1)
	if n == 0 || n < 0 && b.stays {
		b.broke.Store(true)
		return b.err
	}
	return nil
}

// TestEveryFailure fails the nth write, sync, create or rename, for n all over
// the life of a store with flushes, compactions and log rotations, cuts the power
// in the end and looks for what was acknowledged.
func TestEveryFailure(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	broke := 0
	for n := int64(1); n < 6000; n += 1 + n/10 + rng.Int64N(1+n/20) {
		b := &breaker{err: syscall.EIO}
		if failOnce(t, n, b) {
			broke++
		}
	}
	if broke < 20 {
		t.Errorf("only %d runs failed a write", broke)
	}
}

func failOnce(t *testing.T, n int64, b *breaker) bool {
	disk := vfs.NewCrashableMem()
	b.left.Store(n)
	files := errorfs.Wrap(disk, b)
	open := func() (kv.KV, error) {
		return pebble.Open(pebble.Options{Dir: dir, FS: files, MemTableSize: 64 << 10})
	}
	c, err := kv.NewCommitter(open, kv.Options{MaxBatch: 16, ReopenAfter: time.Millisecond})
	if err != nil {
		if !b.broke.Load() {
			t.Fatalf("write %d: open: %v", n, err)
		}
		return true
	}
	acked := make([]bool, 600)
	for i := range acked {
		done := make(chan error, 1)
		c.Submit(put(key(i), strings.Repeat("v", 1000)), kv.Sync, func(err error) { done <- err })
		if i%8 == 7 { // wait now and then, so that batches differ
			err := <-done
			acked[i] = err == nil
			if err != nil && !errors.Is(err, kv.ErrFailed) {
				t.Errorf("write %d: %v, want ErrFailed", n, err)
			}
		}
	}
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	if err := c.Close(); err != nil && !b.broke.Load() {
		t.Errorf("write %d: Close: %v", n, err)
	}
	after := mustOpen(t, crashed)
	for i, ok := range acked {
		if _, err := after.Get([]byte(key(i)), nil); ok && err != nil {
			t.Errorf("write %d failed: %s was acknowledged and is lost: %v", n, key(i), err)
		}
	}
	mustClose(t, after)
	return b.broke.Load()
}

// TestFailedStore shows what a caller without Committer sees, for each kind of
// file that can fail.
func TestFailedStore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		only func(errorfs.Op) bool
	}{
		{"log sync", func(op errorfs.Op) bool {
			return strings.HasSuffix(op.Path, ".log") && op.Kind >= errorfs.OpFileSync
		}},
		{"log write", func(op errorfs.Op) bool {
			return strings.HasSuffix(op.Path, ".log") && op.Kind == errorfs.OpFileWrite
		}},
		{"log create", func(op errorfs.Op) bool {
			return strings.HasSuffix(op.Path, ".log") && (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite)
		}},
		{"table", func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".sst") }},
		{"manifest", func(op errorfs.Op) bool { return strings.Contains(op.Path, "MANIFEST") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &breaker{err: syscall.EIO, stays: true, only: test.only}
			b.left.Store(1 << 40)
			disk := vfs.NewCrashableMem()
			store, err := pebble.Open(pebble.Options{Dir: dir, FS: errorfs.Wrap(disk, b), MemTableSize: 64 << 10})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Apply(put("before", "v"), true); err != nil {
				t.Fatal(err)
			}
			b.left.Store(1)
			for i := 0; err == nil && i < 5000; i++ {
				err = store.Apply(put(key(i), strings.Repeat("v", 1000)), i%2 == 0)
			}
			if !errors.Is(err, kv.ErrFailed) || !errors.Is(err, syscall.EIO) {
				t.Errorf("Apply = %v, want ErrFailed and the cause", err)
			}
			b.left.Store(1 << 40) // the disk is well again, the handle is not
			if err := store.Apply(put("late", "v"), true); !errors.Is(err, kv.ErrFailed) {
				t.Errorf("Apply later = %v, want ErrFailed", err)
			}
			if _, err := store.Get([]byte("before"), nil); !errors.Is(err, kv.ErrFailed) {
				t.Errorf("Get later = %v, want ErrFailed", err)
			}
			mustClose(t, store)
			again := mustOpen(t, disk)
			if _, err := again.Get([]byte("before"), nil); err != nil {
				t.Errorf("after reopening: %v", err)
			}
			if _, err := again.Get([]byte("late"), nil); !errors.Is(err, kv.ErrNotFound) {
				t.Errorf("what came after the failure: %v, want ErrNotFound", err)
			}
			mustClose(t, again)
		})
	}
}

// TestDiskFull runs into ENOSPC without a reserve: it is a failure like others,
// and when there is room again the Committer goes on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	b := &breaker{err: syscall.ENOSPC, stays: true}
	b.left.Store(1 << 40)
	disk := vfs.NewCrashableMem()
	well := make(chan struct{}, 1)
	c, err := kv.NewCommitter(func() (kv.KV, error) {
		return pebble.Open(pebble.Options{Dir: dir, FS: errorfs.Wrap(disk, b), Reserve: -1})
	}, kv.Options{ReopenAfter: time.Millisecond, ReopenMax: time.Millisecond, OnState: func(err error) {
		switch {
		case err == nil:
			well <- struct{}{}
		case !errors.Is(err, syscall.ENOSPC):
			t.Errorf("state %v, want ENOSPC", err)
		default:
			b.left.Store(1 << 40) // the operator makes room
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	submit := func(name string) error {
		done := make(chan error, 1)
		c.Submit(put(name, "v"), kv.Sync, func(err error) { done <- err })
		return <-done
	}
	if err := submit("a"); err != nil {
		t.Fatal(err)
	}
	b.left.Store(1)
	if err := submit("b"); !errors.Is(err, kv.ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v, want ErrFailed and ENOSPC", err)
	}
	<-well
	if err := submit("c"); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
	for _, name := range []string{"a", "c"} {
		if _, err := c.Get([]byte(name), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// smallDisk tells how much is free.
type smallDisk struct {
	vfs.FS
	free atomic.Uint64
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

func TestReserve(t *testing.T) {
	t.Parallel()
	disk := &smallDisk{FS: vfs.NewMem()}
	disk.free.Store(100 << 20)
	store, err := pebble.Open(pebble.Options{Dir: dir, FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	var removal kv.Batch
	removal.Delete([]byte("a"))
	for _, test := range []struct {
		name         string
		free         uint64
		puts, delete bool
	}{
		{"plenty", 100 << 20, true, true},
		{"below the reserve", 63 << 20, false, true},
		{"below a quarter of it", 15 << 20, false, false},
		{"room again", 65 << 20, true, true},
	} {
		disk.free.Store(test.free)
		for _, try := range []struct {
			b    *kv.Batch
			want bool
		}{{put("a", "v"), test.puts}, {&removal, test.delete}} {
			err := store.Apply(try.b, true)
			if try.want && err != nil || !try.want && (!errors.Is(err, kv.ErrNoSpace) || !kv.Refused(err)) {
				t.Errorf("%s: Apply of %d puts: %v", test.name, try.b.Len(), err)
			}
		}
	}
	if free, err := store.FreeSpace(); err != nil || free != 65<<20 {
		t.Errorf("FreeSpace = %d, %v", free, err)
	}
	mustClose(t, store)
}
