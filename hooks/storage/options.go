package storage

import (
	"log/slog"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Options of a Store. The zero value is good.
type Options struct {
	// Name is what messages call the store: engine and place. "store" if empty.
	Name string
	// Logger hears of damage and of the state of the engine; nil: nobody does.
	Logger *slog.Logger
	// Commit tunes the group committer. Its OnState is called beside the store's.
	Commit kv.Options
	// SweepAfter is how long after New the store looks for message bodies that
	// nobody needs any more, and the least time between two such looks; 1 min.
	SweepAfter time.Duration
	// TrackedReferences bounds how many references to shared bodies are
	// remembered, so that a body goes with the last of them; the sweep finds the
	// others. 262,144, which is about 16 MiB at the most.
	TrackedReferences int
}

func (o Options) fill() Options {
	if o.Name == "" {
		o.Name = "store"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SweepAfter <= 0 {
		o.SweepAfter = time.Minute
	}
	if o.TrackedReferences <= 0 {
		o.TrackedReferences = 1 << 18
	}
	return o
}
