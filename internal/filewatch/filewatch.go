// Package filewatch tells when files on disk have changed, for what is
// reloaded without a restart: password files, certificates. It looks when it is
// asked, at most once in a while, so it needs no goroutine and no system's
// notification, and works with the symbolic links of mounted secrets. It does
// not know what is in the files.
package filewatch

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Every is how often a Watcher looks at most, unless told otherwise.
const Every = time.Second

// Watcher remembers how files looked. It is safe for concurrent use.
type Watcher struct {
	every time.Duration
	next  atomic.Int64 // unix nanoseconds before which nobody looks

	mu    sync.Mutex
	paths []string
	seen  []stamp
}

// stamp is what changes with a file's content. A missing file has the zero one.
type stamp struct {
	modified time.Time
	size     int64
	info     os.FileInfo
}

// New returns a Watcher that takes the files as they are now for known. Take it
// before reading the files, so that a change in between is not missed. every 0
// means Every.
func New(every time.Duration, paths ...string) *Watcher {
	if every <= 0 {
		every = Every
	}
	return &Watcher{every: every, paths: paths, seen: look(paths)}
}

// Changed reports whether a file differs from when that was last asked, which
// one caller alone is told. Between looks it costs one atomic load.
func (w *Watcher) Changed(now time.Time) bool {
	due := w.next.Load()
	if now.UnixNano() < due || !w.next.CompareAndSwap(due, now.Add(w.every).UnixNano()) {
		return false
	}
	return w.Look()
}

// Look is Changed, without waiting until it is time to look again.
func (w *Watcher) Look() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := look(w.paths)
	changed := false
	for i, s := range now {
		changed = changed || !s.same(w.seen[i])
	}
	w.seen = now
	return changed
}

func look(paths []string) []stamp {
	all := make([]stamp, len(paths))
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			all[i] = stamp{info.ModTime(), info.Size(), info}
		}
	}
	return all
}

func (s stamp) same(other stamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return s.size == other.size && s.modified.Equal(other.modified) && os.SameFile(s.info, other.info)
}
