package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage/internal/gate"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Store is a kv.KV in a directory of its own.
type Store struct {
	opts   Options
	db     *pebble.DB
	fence  *fence
	events *events
	lock   *pebble.Lock
	gate   gate.Gate
	space  space

	mu      sync.Mutex // one Apply at a time; guards the batches
	batch   *pebble.Batch
	indexed *pebble.Batch // for batches that delete ranges
	work    chan write    // to writer; unbuffered
	results chan error    // from writer; holds one, for a caller who has gone
	writer  chan struct{} // closed when the writer has ended
}

// write is what the writer goroutine is asked to commit.
type write struct {
	batch *pebble.Batch
	opts  *pebble.WriteOptions
}

// Open opens the store in o.Dir, or makes a new one. What the error may match:
// kv.ErrLocked, kv.ErrFormat, *kv.CorruptError with the damaged file, and what
// the file system said.
func Open(o Options) (*Store, error) {
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	lock, err := prepare(o)
	if err != nil {
		return nil, err
	}
	s, err := openLocked(o, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// openLocked opens the store while the directory's lock is held.
func openLocked(o Options, lock *pebble.Lock) (*Store, error) {
	version, err := storeFormat(o)
	if err != nil {
		return nil, err
	}
	warnOfManifest(o)
	s, err := openOnce(o, lock)
	if err != nil || version >= int(formatVersion) {
		return s, err
	}
	// Pebble begins its log before it raises the format, so this session's log
	// would lack what tells damage from a torn tail. The next one has it.
	if err := s.shut(); err != nil {
		return nil, openError(o, err)
	}
	return openOnce(o, lock)
}

func openOnce(o Options, lock *pebble.Lock) (*Store, error) {
	f := newFence(o.FS, o.Dir)
	e := &events{log: o.Logger, fence: f}
	db, err := openEngine(o, f, e)
	if err != nil {
		f.abandon()
		return nil, openError(o, err)
	}
	s := &Store{
		opts: o, db: db, fence: f, events: e, lock: lock, batch: db.NewBatch(), indexed: db.NewIndexedBatch(),
		work: make(chan write), results: make(chan error, 1), writer: make(chan struct{}),
	}
	s.space.init(o)
	go s.write() //arch:ok ends at Close, or is held by the fence: then Close does not wait
	return s, nil
}

// openEngine runs Pebble's Open aside, since the fence may hold it for ever.
func openEngine(o Options, f *fence, e *events) (*pebble.DB, error) {
	type opened struct {
		db  *pebble.DB
		err error
	}
	result := make(chan opened, 1)
	go func() { //arch:ok ends with pebble.Open, or is held by the fence
		db, err := pebble.Open(o.Dir, o.engine(f, e))
		result <- opened{db, err}
	}()
	select {
	case r := <-result:
		return r.db, r.err
	case <-f.down:
		return nil, f.err()
	}
}

// Get does as kv.KV says.
func (s *Store) Get(key, dst []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return dst, err
	}
	defer s.gate.Leave()
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, kv.ErrNotFound
	}
	if err != nil {
		return dst, s.readError(bytes.Clone(key), err)
	}
	got := append(dst, value...)
	if err := closer.Close(); err != nil {
		return dst, s.readError(bytes.Clone(key), err)
	}
	return got, nil
}

// Range does as kv.KV says; it sees the state when it was called.
func (s *Store) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) (err error) {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	it, err := s.db.NewIter(bounds(from, to))
	if err != nil {
		return s.readError(nil, err)
	}
	var last []byte
	defer func() {
		if closed := it.Close(); err == nil && closed != nil {
			err = s.readError(last, closed)
		}
	}()
	first, next := it.First, it.Next
	if reverse {
		first, next = it.Last, it.Prev
	}
	for ok := first(); ok; ok = next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return s.readError(bytes.Clone(it.Key()), err)
		}
		if !fn(it.Key(), value) {
			return nil
		}
	}
	if err := it.Error(); err != nil {
		return s.readError(last, err)
	}
	return nil
}

func bounds(from, to []byte) *pebble.IterOptions {
	o := new(pebble.IterOptions)
	if len(from) > 0 {
		o.LowerBound = from
	}
	if len(to) > 0 {
		o.UpperBound = to
	}
	return o
}

// enter lets a reader in unless the store is closed or has failed.
func (s *Store) enter() error {
	if !s.gate.Enter() {
		return kv.ErrClosed
	}
	if err := s.fence.err(); err != nil {
		s.gate.Leave()
		return err
	}
	return nil
}

// Close does as kv.KV says. A store that has failed is abandoned rather than
// closed: nothing more is written, and the lock is released when writes that
// were under way have come back from the operating system.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	return errors.Join(s.shut(), s.lock.Close())
}

// shut closes or abandons the engine; nobody is inside and the lock is held.
func (s *Store) shut() error {
	close(s.work) // nobody sends: the gate is closed
	var err error
	if s.fence.err() == nil {
		err = s.closeEngine()
	}
	if s.fence.err() != nil {
		s.fence.abandon()
	} else {
		s.fence.end()
	}
	return err
}

// closeEngine closes Pebble aside, since the fence may hold it for ever.
func (s *Store) closeEngine() error {
	result := make(chan error, 1)
	go func() { //arch:ok ends with Pebble's Close, or is held by the fence
		<-s.writer
		result <- errors.Join(s.batch.Close(), s.indexed.Close(), s.db.Close())
	}()
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("close store %s: %w", s.opts.Dir, err)
		}
		return nil
	case <-s.fence.down:
		return s.fence.err()
	}
}

// Snapshot does as kv.Snapshotter says: files are linked where the file system
// can, copied where not.
func (s *Store) Snapshot(dir string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if s.fence.inside(dir) {
		return fmt.Errorf("snapshot store %s: %s lies inside it", s.opts.Dir, dir)
	}
	result := make(chan error, 1)
	go func() { //arch:ok ends with the checkpoint, or is held by the fence
		result <- s.db.Checkpoint(filepath.Clean(dir), pebble.WithFlushedWAL())
	}()
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("snapshot store %s: %w", s.opts.Dir, err)
		}
		return nil
	case <-s.fence.down:
		return s.fence.err()
	}
}

// Compact does as kv.Compacter says.
func (s *Store) Compact() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	result := make(chan error, 1)
	go func() { //arch:ok ends with the compaction, or is held by the fence
		result <- s.db.Compact(context.Background(), []byte{0}, bytes.Repeat([]byte{0xff}, 32), true)
	}()
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("compact store %s: %w", s.opts.Dir, err)
		}
		return nil
	case <-s.fence.down:
		return s.fence.err()
	}
}

// Stats does as kv.Stater says.
func (s *Store) Stats() kv.Stats {
	if s.enter() != nil {
		return kv.Stats{}
	}
	defer s.gate.Leave()
	m := s.db.Metrics()
	return kv.Stats{
		DiskBytes:        m.DiskSpaceUsage(),
		MemoryBytes:      m.MemTable.Size + uint64(m.BlockCache.Size),
		Corruptions:      s.events.corruptions.Load(),
		BackgroundErrors: s.events.background.Load(),
	}
}

// DeletesRanges returns true: a range is one record until it is compacted.
func (s *Store) DeletesRanges() bool { return true }

// FreeSpace does as kv.FreeSpacer says.
func (s *Store) FreeSpace() (uint64, error) {
	usage, err := s.opts.FS.GetDiskUsage(s.opts.Dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return 0, errors.ErrUnsupported
	}
	return usage.AvailBytes, err
}

var (
	_ kv.KV          = (*Store)(nil)
	_ kv.Snapshotter = (*Store)(nil)
	_ kv.Stater      = (*Store)(nil)
	_ kv.Compacter   = (*Store)(nil)
	_ kv.FreeSpacer  = (*Store)(nil)
)
