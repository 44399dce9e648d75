// Package logfile writes log lines to a file that is put away when it has grown
// large, under a name with the time, and thrown away when it is old. It knows
// nothing of log lines but that one Write is one of them.
package logfile

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say when files are put away and how long they are kept. A zero is no
// limit.
type Options struct {
	MaximumSize    int64         // bytes, at which the file is put away
	MaximumAge     time.Duration // of files that were put away
	MaximumBackups int           // files that are kept, besides the current one
	Compress       bool          // with gzip, what was put away
}

// File is a log file. Its methods may be called by several goroutines.
type File struct {
	name string
	opts Options

	mu   sync.Mutex
	file *os.File // nil after Close
	size int64

	tidy     sync.Mutex     // held by the one goroutine that looks after old files
	tidying  sync.WaitGroup // waited for by Close
	lastTidy error          // of the last one; guarded by tidy
}

const (
	filePermission = 0o640
	stamp          = "20060102-150405.000"
	compressed     = ".gz"
)

// Open opens a file to append to, or makes it together with its directory.
func Open(name string, opts Options) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	f := &File{name: name, opts: opts}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f, f.openLocked()
}

func (f *File) openLocked() error {
	file, err := os.OpenFile(f.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, filePermission)
	if err != nil {
		return fmt.Errorf("open log file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open log file: %w", err), file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// Write appends a line. If the file would grow beyond its size, it is put away
// first; if that fails, the line goes into the large file rather than nowhere.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return 0, os.ErrClosed
	}
	var mishap error
	if most := f.opts.MaximumSize; most > 0 && f.size > 0 && f.size+int64(len(line)) > most {
		mishap = f.rotateLocked()
	}
	n, err := f.file.Write(line)
	f.size += int64(n)
	return n, errors.Join(err, mishap)
}

// rotateLocked puts the file away and begins a new one.
func (f *File) rotateLocked() error {
	old := f.file
	if err := os.Rename(f.name, f.freeName()); err != nil {
		return fmt.Errorf("put log file away: %w", err)
	}
	if err := f.openLocked(); err != nil {
		return err // old is still written to, under its new name
	}
	f.tidying.Go(f.removeOld) // ends when old files are compressed and removed
	return old.Close()
}

// freeName is a name with the time in it that no file has.
func (f *File) freeName() string {
	for at := time.Now(); ; at = at.Add(time.Millisecond) {
		name := f.prefix() + at.UTC().Format(stamp) + filepath.Ext(f.name)
		_, plain := os.Lstat(name)
		_, zipped := os.Lstat(name + compressed)
		if errors.Is(plain, os.ErrNotExist) && errors.Is(zipped, os.ErrNotExist) {
			return name
		}
	}
}

// prefix is how the names of files that were put away begin.
func (f *File) prefix() string { return strings.TrimSuffix(f.name, filepath.Ext(f.name)) + "-" }

// Reopen opens the file by its name anew, after another program moved it.
func (f *File) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return os.ErrClosed
	}
	old := f.file
	if err := f.openLocked(); err != nil {
		return err // old is still written to
	}
	return old.Close()
}

// Close closes the file, when old ones are compressed and removed. A second call
// does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	file := f.file
	f.file = nil
	f.mu.Unlock()
	f.tidying.Wait()
	f.tidy.Lock()
	defer f.tidy.Unlock()
	if file == nil {
		return nil
	}
	return errors.Join(file.Close(), f.lastTidy)
}

// removeOld compresses and removes files that were put away.
func (f *File) removeOld() {
	f.tidy.Lock()
	defer f.tidy.Unlock()
	f.lastTidy = nil
	names := f.backups()
	for i, name := range names {
		newer := len(names) - 1 - i
		if f.opts.MaximumBackups > 0 && newer >= f.opts.MaximumBackups || f.tooOld(name) {
			f.lastTidy = errors.Join(f.lastTidy, os.Remove(name))
		} else if f.opts.Compress && !strings.HasSuffix(name, compressed) {
			f.lastTidy = errors.Join(f.lastTidy, compress(name))
		}
	}
}

// backups are the names of the files that were put away, the oldest first.
func (f *File) backups() []string {
	entries, err := os.ReadDir(filepath.Dir(f.name))
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(f.name), e.Name())
		if _, ok := f.timeOf(name); ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// timeOf is the time in the name of a file that was put away.
func (f *File) timeOf(name string) (at time.Time, ok bool) {
	rest, ours := strings.CutPrefix(name, filepath.Clean(f.prefix()))
	rest, proper := strings.CutSuffix(strings.TrimSuffix(rest, compressed), filepath.Ext(f.name))
	at, err := time.Parse(stamp, rest)
	return at, ours && proper && err == nil
}

func (f *File) tooOld(name string) bool {
	at, ok := f.timeOf(name)
	return ok && f.opts.MaximumAge > 0 && time.Since(at) > f.opts.MaximumAge
}

// compress replaces a file by its gzip form.
func compress(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("compress log file: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	unfinished := name + compressed + ".part"
	out, err := os.OpenFile(unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, filePermission)
	if err != nil {
		return fmt.Errorf("compress log file: %w", err)
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err := errors.Join(err, z.Close(), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("compress log file: %w", err), os.Remove(unfinished))
	}
	return errors.Join(os.Rename(unfinished, name+compressed), os.Remove(name))
}

var _ io.WriteCloser = (*File)(nil)
