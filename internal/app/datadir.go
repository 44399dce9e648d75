package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errLocked is the system's answer when another process holds the lock.
var errLocked = errors.New("locked by another process")

// dataDir is a data directory that belongs to this process until Close.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the directory if it is missing, for its owner only, and
// locks it. The lock ends with the process, however that ends.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s: %w; make it, or name another with --data", path, plainPath(err))
	}
	name := filepath.Join(path, "lock")
	lock, err := lockFile(name)
	if errors.Is(err, errLocked) {
		return nil, &inUseError{path, holder(name)}
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s: lock it: %w; see that this user may write there, or name another with --data", path, plainPath(err))
	}
	if err := writePID(lock); err != nil {
		_ = lock.Close() // the error that matters is the one before
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	return &dataDir{path, lock}, nil
}

// inUseError says who uses a data directory.
type inUseError struct{ path, holder string }

func (e *inUseError) Error() string {
	return fmt.Sprintf("data directory %s is in use by %s: stop that one, or give this one a directory of its own with --data", e.path, e.holder)
}

// Unwrap returns errLocked.
func (*inUseError) Unwrap() error { return errLocked }

// writePID notes who holds the lock.
func writePID(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process that holds a lock.
func holder(name string) string {
	file, err := os.Open(name)
	if err != nil {
		return "another process"
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, 32))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return "process " + pid
	}
	return "another process"
}

// Close gives the directory free. The file stays: to remove it would let two
// processes lock two files of the same name.
func (d *dataDir) Close() error { return d.lock.Close() }

// plainPath drops the path, which stands in the message already.
func plainPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
