package auth

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"

	"github.com/linnetmq/linnet/internal/filewatch"
)

// fileState knows which content of a file is in force, and whether the file has
// another by now.
type fileState struct {
	path  string
	watch *filewatch.Watcher

	mu    sync.Mutex
	dirty bool // it has changed since it was read last, valid or not
	sum   [sha256.Size]byte
}

func newFileState(path string) *fileState {
	return &fileState{path: path, watch: filewatch.New(0, path)}
}

// read returns the content, and its sum for applied; fresh is false if it is
// what is in force.
func (x *fileState) read() (content []byte, sum [sha256.Size]byte, fresh bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.watch.Look() // before it is read, so that what comes later is seen
	x.dirty = false
	content, err = readWhole(x.path)
	if err != nil {
		return nil, sum, false, err
	}
	sum = sha256.Sum256(content)
	return content, sum, sum != x.sum, nil
}

// applied notes that a content is in force.
func (x *fileState) applied(sum [sha256.Size]byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sum = sum
}

// changed tells that the file has changed since it was read, and not since
// changed was asked before: nobody is writing it.
func (x *fileState) changed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.watch.Look() {
		x.dirty = true
		return false
	}
	return x.dirty
}

// readWhole reads a file that is expected to be small.
func readWhole(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	return os.ReadFile(path)
}

// readFirst reads a Source that was just made.
func readFirst(x Reloader) error {
	apply, err := x.Prepare()
	if err == nil && apply != nil {
		apply()
	}
	return err
}
