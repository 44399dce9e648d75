// Package kv is the ordered key-value contract under Linnet's durable store,
// with the two things every engine shares: the Batch they apply and the
// Committer that joins many writers' batches into one synced write.
//
// It knows nothing of MQTT: keys and values are bytes. It imports the standard
// library only, so that an engine compiles nothing but itself. The engines live
// beside it (pebble, bolt, badger, redis, memory) and all pass kvtest.Run.
package kv

// MaxKey is the length of the longest key in bytes, the least that every
// engine can hold. A layer with longer names must shorten them (by a hash).
const MaxKey = 32<<10 - 256

// KV is an ordered map from keys to values that survives what its engine
// promises to survive. All methods may be called from any goroutine, except
// that Apply has one caller at a time (the Committer is that caller).
//
// After Close every method returns an error that matches ErrClosed.
type KV interface {
	// Apply makes all of b visible at once, or nothing of it. Operations take
	// effect in the order in which they were put into b. With durable, a nil
	// error means that b, and everything applied before it, survives a crash of
	// the machine; without, a crash may lose b and whatever follows it, but
	// never b alone. An empty batch does nothing.
	//
	// b is neither kept nor changed. An error for which Refused is true says
	// that nothing happened and the store is well; after any other error the
	// outcome is unknown and the handle must be closed and opened anew.
	Apply(b *Batch, durable bool) error

	// Get appends the value of key to dst and returns the extended slice. It
	// returns dst unchanged and ErrNotFound when there is no such key, and a
	// *CorruptError when there is one that cannot be read.
	Get(key, dst []byte) ([]byte, error)

	// Range calls fn for every key k with from <= k < to, in ascending order or,
	// if reverse, in descending order, until fn returns false. An empty from or
	// to is no bound. k and v are valid only until fn returns and must not be
	// changed. fn may call Get and Range; it must not call Apply or Close.
	//
	// What was applied before Range began is seen; what is applied meanwhile may
	// or may not be seen.
	Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error

	// Close waits for running calls and releases the store. A second call
	// returns nil. After a failure Close writes nothing more.
	Close() error
}

// Snapshotter is implemented by engines that can copy themselves while in use.
type Snapshotter interface {
	// Snapshot writes a consistent copy into dir, which must not exist yet. The
	// same engine can open it. Everything applied before the call is in it.
	Snapshot(dir string) error
}

// Compacter is implemented by engines that can give space back when told.
type Compacter interface {
	// Compact rewrites what holds deleted data. It may take minutes, during which
	// the store can be used.
	Compact() error
}

// Stater is implemented by engines that can tell their size and health.
type Stater interface {
	Stats() Stats
}

// Stats are an engine's figures; what it does not know is zero.
type Stats struct {
	DiskBytes        uint64 // files, or the server's memory
	MemoryBytes      uint64 // caches and write buffers
	Corruptions      uint64 // damaged blocks met since open
	BackgroundErrors uint64 // errors outside of any call since open
}

// FreeSpacer is implemented by engines that know how much they can still store.
type FreeSpacer interface {
	// FreeSpace returns the bytes available to this process where the store
	// lives. The error matches errors.ErrUnsupported when that is unknown.
	FreeSpace() (uint64, error)
}

// DeletesRanges reports whether a DeleteRange costs store the same whatever lies
// in the range: what it says itself through a method DeletesRanges() bool, and
// false for an engine without that method.
func DeletesRanges(store KV) bool {
	r, ok := store.(interface{ DeletesRanges() bool })
	return ok && r.DeletesRanges()
}

// Durability is what a nil error from Apply with durable set really means.
type Durability uint8

const (
	// Volatile data is lost when the process, or the server it uses, ends.
	Volatile Durability = iota
	// Disk data survives a crash of the machine.
	Disk
)

// String returns "memory" or "disk", the words of the documentation.
func (d Durability) String() string {
	if d == Disk {
		return "disk"
	}
	return "memory"
}

// DurabilityOf returns what kv itself reports through a method
// Durability() Durability, and Disk for an engine without that method.
func DurabilityOf(store KV) Durability {
	if r, ok := store.(interface{ Durability() Durability }); ok {
		return r.Durability()
	}
	return Disk
}

// PrefixEnd returns the least key greater than every key that begins with
// prefix, so that Range(prefix, PrefixEnd(prefix), ...) visits exactly those. It
// returns nil, no bound, when there is no such key (prefix is all 0xff).
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}
