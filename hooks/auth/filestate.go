package auth

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"time"
)

// fileState knows what a file looked like when it was read, and what of it is
// in force.
type fileState struct {
	path string

	mu    sync.Mutex
	tried stamp // what was read last, valid or not
	seen  stamp // what changed saw last
	sum   [sha256.Size]byte
}

// stamp is what a look at a file costs little to learn.
type stamp struct {
	size     int64
	modified time.Time
	missing  bool
}

func (x *fileState) look() stamp {
	info, err := os.Stat(x.path)
	if err != nil {
		return stamp{missing: true}
	}
	return stamp{size: info.Size(), modified: info.ModTime()}
}

// read returns the content, and its sum for applied; fresh is false if it is
// what is in force.
func (x *fileState) read() (content []byte, sum [sha256.Size]byte, fresh bool, err error) {
	now := x.look()
	content, err = readWhole(x.path)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tried, x.seen = now, now // a file that is not valid is complained about once
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

// changed tells that the file is another than was read, and looked the same
// when it was looked at before: nobody is writing it.
func (x *fileState) changed() bool {
	now := x.look()
	x.mu.Lock()
	defer x.mu.Unlock()
	settled := now == x.seen
	x.seen = now
	return settled && now != x.tried
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
