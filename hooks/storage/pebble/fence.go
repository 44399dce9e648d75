package pebble

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// fence is the file system Pebble writes through. Its first write or sync inside
// the store's directory that fails is its last: the goroutine that made it, and
// every other that tries to write later, is held for ever. So Pebble never sees
// a write error, which it could only answer by ending the process (its Fatalf,
// its panics in WAL rotation) or by going on with a log it cannot trust, and an
// abandoned handle cannot touch files that a new one has opened. The price is
// the memory of the abandoned handle; failures are rare and reopening backs off.
type fence struct {
	vfs.FS
	dir string

	down   chan struct{} // closed at the first failure
	once   sync.Once
	reason atomic.Pointer[error]

	mu    sync.RWMutex // read: a write is under way
	ended bool         // no write may begin any more

	filesMu sync.Mutex
	files   map[*file]struct{}
}

func newFence(inner vfs.FS, dir string) *fence {
	return &fence{FS: inner, dir: filepath.Clean(dir), down: make(chan struct{}), files: map[*file]struct{}{}}
}

// fail condemns the handle; the first reason stays.
func (f *fence) fail(reason error) {
	f.once.Do(func() {
		err := fmt.Errorf("%w: %w", kv.ErrFailed, reason)
		f.reason.Store(&err)
		close(f.down)
	})
}

// err returns why the handle is condemned, nil if it is well.
func (f *fence) err() error {
	if reason := f.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

// end waits for writes under way and lets no other begin.
func (f *fence) end() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
}

// abandon ends writing and closes the files an abandoned handle still holds.
func (f *fence) abandon() {
	f.end()
	f.filesMu.Lock()
	defer f.filesMu.Unlock()
	for file := range f.files {
		_ = file.File.Close() // the handle is lost already, its data is on the disk or is not
	}
	f.files = nil
}

// write runs do, an operation that changes path. It does not return after a
// failure: see fence.
func (f *fence) write(op, path string, do func() error) error {
	f.mu.RLock()
	if f.ended || f.err() != nil {
		f.mu.RUnlock()
		select {} // held for ever
	}
	err := do()
	f.mu.RUnlock()
	if err == nil || !f.inside(path) {
		return err
	}
	f.fail(fmt.Errorf("%s %s: %w", op, path, err))
	select {} // held for ever
}

// try is write for operations whose failure Pebble knows how to live with.
func (f *fence) try(do func() error) error {
	f.mu.RLock()
	if f.ended || f.err() != nil {
		f.mu.RUnlock()
		select {} // held for ever
	}
	defer f.mu.RUnlock()
	return do()
}

// inside reports whether path belongs to the store: a full disk under a snapshot
// must not fail it.
func (f *fence) inside(path string) bool {
	path = filepath.Clean(path)
	return path == f.dir || strings.HasPrefix(path, f.dir+string(filepath.Separator))
}

func (f *fence) open(name string, open func() (vfs.File, error)) (vfs.File, error) {
	inner, err := open()
	if err != nil {
		return nil, err
	}
	opened := &file{File: inner, fence: f, path: name}
	f.filesMu.Lock()
	defer f.filesMu.Unlock()
	if f.files == nil {
		_ = inner.Close() // nobody will use it
		return nil, fs.ErrClosed
	}
	f.files[opened] = struct{}{}
	return opened, nil
}

func (f *fence) create(op, name string, create func() (vfs.File, error)) (opened vfs.File, err error) {
	err = f.write(op, name, func() error {
		opened, err = f.open(name, create)
		return err
	})
	return opened, err
}

// Create is a write.
func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create("create", name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// OpenReadWrite is a write.
func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.create("open", name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite is a write.
func (f *fence) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create("reuse", name, func() (vfs.File, error) { return f.FS.ReuseForWrite(old, name, c) })
}

// Rename is a write.
func (f *fence) Rename(old, name string) error {
	return f.write("rename", name, func() error { return f.FS.Rename(old, name) })
}

// Open only reads, but the file is closed with the handle.
func (f *fence) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.Open(name, opts...) })
}

// OpenDir opens a directory to sync it.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

// Link, Remove, RemoveAll and MkdirAll may fail; they may not come late.
func (f *fence) Link(old, name string) error {
	return f.try(func() error { return f.FS.Link(old, name) })
}

// Remove may fail.
func (f *fence) Remove(name string) error {
	return f.try(func() error { return f.FS.Remove(name) })
}

// RemoveAll may fail.
func (f *fence) RemoveAll(name string) error {
	return f.try(func() error { return f.FS.RemoveAll(name) })
}

// MkdirAll may fail.
func (f *fence) MkdirAll(dir string, perm fs.FileMode) error {
	return f.try(func() error { return f.FS.MkdirAll(dir, perm) })
}

// Lock gives Pebble nothing to hold: the Store holds the real lock, and releases
// it only when the fence has ended.
func (f *fence) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap returns the file system behind the fence.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// file is an open file behind the fence.
type file struct {
	vfs.File
	fence *fence
	path  string
}

func (x *file) Write(p []byte) (n int, err error) {
	err = x.fence.write("write", x.path, func() error { n, err = x.File.Write(p); return err })
	return n, err
}

func (x *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = x.fence.write("write", x.path, func() error { n, err = x.File.WriteAt(p, off); return err })
	return n, err
}

func (x *file) Sync() error { return x.fence.write("sync", x.path, x.File.Sync) }

func (x *file) SyncData() error { return x.fence.write("sync", x.path, x.File.SyncData) }

func (x *file) SyncTo(length int64) (full bool, err error) {
	err = x.fence.write("sync", x.path, func() error { full, err = x.File.SyncTo(length); return err })
	return full, err
}

func (x *file) Preallocate(offset, length int64) error {
	return x.fence.try(func() error { return x.File.Preallocate(offset, length) })
}

func (x *file) Close() error {
	x.fence.filesMu.Lock()
	_, ours := x.fence.files[x]
	delete(x.fence.files, x)
	x.fence.filesMu.Unlock()
	if !ours {
		return errors.New("file " + x.path + " is closed already")
	}
	return x.File.Close()
}

var _ vfs.FS = (*fence)(nil)
