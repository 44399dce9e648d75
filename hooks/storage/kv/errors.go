package kv

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound is returned by Get when there is no such key.
	ErrNotFound = errors.New("key not found")
	// ErrClosed is matched by whatever is asked of a closed store.
	ErrClosed = errors.New("store is closed")
	// ErrFailed is matched by every error after a write has failed, until the
	// store has been opened anew.
	ErrFailed = errors.New("store has failed")
	// ErrFenced is matched when another process has taken the store over.
	ErrFenced = errors.New("another process has taken the store over")
	// ErrLocked is matched by open when another process uses the store.
	ErrLocked = errors.New("store is in use")
	// ErrFormat is matched by open when the store's format is too new or too old.
	ErrFormat = errors.New("store format is not supported")
	// ErrNoSpace refuses a batch that would eat into the free-space reserve.
	ErrNoSpace = errors.New("free space is below the reserve")
	// ErrKey refuses a batch with an empty key or one longer than MaxKey.
	ErrKey = errors.New("key is empty or too long")
	// ErrChecksum is returned by Unseal for a damaged record.
	ErrChecksum = errors.New("record checksum does not match")
)

// Refused reports whether err says that a batch was turned away before anything
// was written, so that the store is as well as before.
func Refused(err error) bool {
	return errors.Is(err, ErrNoSpace) || errors.Is(err, ErrKey)
}

// CorruptError names what cannot be read. The rest of the store is served.
type CorruptError struct {
	File string // the damaged file, empty if unknown
	Key  []byte // the key asked for, nil if it was none or is unknown
	Err  error  // what the engine said
}

// Error names the file and the key.
func (e *CorruptError) Error() string {
	what := "damaged data"
	if e.File != "" {
		what = "damaged file " + e.File
	}
	if e.Key != nil {
		what += fmt.Sprintf(", key %q", e.Key)
	}
	return fmt.Sprintf("%s: %v", what, e.Err)
}

// Unwrap returns the engine's error.
func (e *CorruptError) Unwrap() error { return e.Err }
