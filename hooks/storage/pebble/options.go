package pebble

import (
	"errors"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion is what new stores are written in and older ones raised to. A
// higher one locks out earlier releases of Linnet: raise it in major ones only.
// This one has log chunks that tell damage from a torn tail, and table footers
// with a checksum.
const formatVersion = pebble.FormatTableFormatV6

// Options of a Store. Zero fields mean the default.
type Options struct {
	Dir          string // needed; made if missing
	CacheSize    int64  // block cache in bytes; 16 MiB
	MemTableSize uint64 // write buffer in bytes, up to two are held; 16 MiB

	// Reserve is the free space that is left alone: batches that store anything
	// are refused with kv.ErrNoSpace below it, batches that only remove below a
	// quarter of it. 64 MiB; negative for none.
	Reserve int64

	// MaximumBytes bounds the store's files: beyond it batches that store anything
	// are refused with kv.ErrNoSpace. Space comes back some time after something
	// was removed. 0 for no bound.
	MaximumBytes uint64

	Logger *slog.Logger // nil: none
	FS     vfs.FS       // nil: the operating system's; tests crash and fail others
}

// fill returns a copy with defaults, or an error that names the field.
func (o Options) fill() (Options, error) {
	switch {
	case o.Dir == "":
		return o, errors.New("pebble options: Dir is empty")
	case o.CacheSize < 0:
		return o, errors.New("pebble options: CacheSize is negative")
	case o.MemTableSize != 0 && (o.MemTableSize < 64<<10 || o.MemTableSize > 1<<30):
		return o, errors.New("pebble options: MemTableSize is not between 64 KiB and 1 GiB")
	}
	if o.CacheSize == 0 {
		o.CacheSize = 16 << 20
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = 16 << 20
	}
	if o.Reserve == 0 {
		o.Reserve = 64 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	return o, nil
}

// engine translates to Pebble's options.
func (o Options) engine(f *fence, events *events) *pebble.Options {
	return &pebble.Options{
		FS:                          f,
		CacheSize:                   o.CacheSize,
		MemTableSize:                o.MemTableSize,
		MemTableStopWritesThreshold: 4,
		FormatMajorVersion:          formatVersion,
		Logger:                      events,
		EventListener:               events.listener(),
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
}
