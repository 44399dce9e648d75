// Package badger is the kv engine over Badger: an alternative to the default one
// for those who already run and back up Badger. It takes more memory, and on an
// internal contradiction Badger ends the process, which nobody can prevent. Only
// internal/app and users of the library import it.
package badger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/y"

	"github.com/linnetmq/linnet/hooks/storage/internal/gate"
	"github.com/linnetmq/linnet/hooks/storage/internal/health"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Badger refuses keys with a prefix of its own, so all of ours get one too.
const (
	dataPrefix = 'd'
	redoPrefix = 'r'
)

var redoKey = []byte{redoPrefix}

// collectEvery is how often space in the value log is looked for.
const collectEvery = 5 * time.Minute

// Options of a Store. Zero fields mean the default.
type Options struct {
	Dir       string // needed; made if missing
	CacheSize int64  // block cache in bytes; 16 MiB
}

// Store is a kv.KV in a Badger directory. Every Apply is durable: Badger's own
// sync does not reach what it has moved to another write buffer.
//
// A batch with more operations than one Badger transaction holds (some hundred
// thousand, or 9 MiB without the values above 1 MiB) is written down whole first
// and then applied in pieces: a crash cannot divide it, but a reader may see it
// half done.
type Store struct {
	dir    string
	db     *badger.DB
	gate   gate.Gate
	health health.Health
	mu     sync.Mutex // one Apply at a time
	stop   chan struct{}
	wg     sync.WaitGroup
}

// Open opens the store in o.Dir, or makes a new one. The error may match
// kv.ErrLocked, *kv.CorruptError and what the file system said.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("badger options: Dir is empty")
	}
	db, err := openDB(o)
	if err != nil {
		return nil, openError(o.Dir, err)
	}
	s := &Store{dir: o.Dir, db: db, stop: make(chan struct{})}
	if err := s.redo(); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", o.Dir, err), db.Close())
	}
	s.wg.Go(s.collect)
	return s, nil
}

func openDB(o Options) (db *badger.DB, err error) {
	if o.CacheSize <= 0 {
		o.CacheSize = 16 << 20
	}
	engine := badger.DefaultOptions(o.Dir).
		WithSyncWrites(true).
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithCompression(options.None).
		WithBlockCacheSize(o.CacheSize).
		WithNumCompactors(2).
		WithLogger(nil)
	err = health.Guard(func() error { db, err = badger.Open(engine); return err })
	return db, err
}

func openError(dir string, err error) error {
	if strings.Contains(err.Error(), "Another process is using") || strings.Contains(err.Error(), "directory lock") {
		return fmt.Errorf("open store: another linnet process uses %s: stop it or choose another directory: %w", dir, kv.ErrLocked)
	}
	return fmt.Errorf("open store %s: %w", dir, damage(dir, nil, err))
}

// damage makes a CorruptError of what Badger says about damage. It does not tell
// the file, so the directory must do.
func damage(dir string, key []byte, err error) error {
	if d, ok := errors.AsType[*kv.CorruptError](err); ok {
		return &kv.CorruptError{File: dir, Key: bytes.Clone(key), Err: d.Err}
	}
	if errors.Is(err, y.ErrChecksumMismatch) || strings.Contains(err.Error(), "checksum") || strings.Contains(err.Error(), "has bad magic") {
		return &kv.CorruptError{File: dir, Key: bytes.Clone(key), Err: err}
	}
	return err
}

// collect is started by Open and ends at Close.
func (s *Store) collect() {
	ticker := time.NewTicker(collectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		for s.db.RunValueLogGC(0.5) == nil { // an error says that nothing more is to be won
		}
	}
}

// Get does as kv.KV says.
func (s *Store) Get(key, dst []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return dst, err
	}
	defer s.gate.Leave()
	got := dst
	err := health.Guard(func() error {
		return s.db.View(func(txn *badger.Txn) error {
			item, err := txn.Get(dataKey(key))
			if err != nil {
				return err
			}
			return item.Value(func(v []byte) error { got = append(dst, v...); return nil })
		})
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return dst, kv.ErrNotFound
	}
	if err != nil {
		return dst, fmt.Errorf("read store: %w", damage(s.dir, key, err))
	}
	return got, nil
}

// Range does as kv.KV says; it sees the state when it was called.
func (s *Store) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Reverse: reverse, PrefetchValues: true, PrefetchSize: 64})
	defer it.Close()
	advance := func() { seek(it, from, to, reverse) }
	var k, value []byte
	for {
		// Only Badger is guarded: a panic of fn is the caller's.
		err := health.Guard(func() (err error) {
			advance()
			if k = nil; it.Valid() {
				k = it.Item().Key()
				value, err = it.Item().ValueCopy(value[:0])
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read store: %w", damage(s.dir, bytes.TrimPrefix(k, []byte{dataPrefix}), err))
		}
		if k == nil || k[0] != dataPrefix || !inside(k[1:], from, to) || !fn(k[1:], value) {
			return nil
		}
		advance = it.Next
	}
}

func dataKey(key []byte) []byte {
	return append(append(make([]byte, 0, len(key)+1), dataPrefix), key...)
}

// seek puts the iterator on the first key of the range.
func seek(it *badger.Iterator, from, to []byte, reverse bool) {
	switch {
	case !reverse:
		it.Seek(dataKey(from))
	case len(to) == 0:
		it.Seek([]byte{dataPrefix + 1})
		if it.Valid() && it.Item().Key()[0] != dataPrefix {
			it.Next()
		}
	default:
		it.Seek(dataKey(to))
		if it.Valid() && bytes.Equal(it.Item().Key()[1:], to) {
			it.Next()
		}
	}
}

func inside(k, from, to []byte) bool {
	return bytes.Compare(k, from) >= 0 && (len(to) == 0 || bytes.Compare(k, to) < 0)
}

func (s *Store) enter() error {
	if !s.gate.Enter() {
		return kv.ErrClosed
	}
	if err := s.health.Err(); err != nil {
		s.gate.Leave()
		return err
	}
	return nil
}

// Close does as kv.KV says, except that after a failure Badger still tries to
// write what it holds in memory: it gives the directory back in no other way.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	close(s.stop)
	s.wg.Wait()
	return health.Guard(s.db.Close)
}

// Snapshot does as kv.Snapshotter says.
func (s *Store) Snapshot(dir string) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return fmt.Errorf("snapshot store: %w", err)
	}
	target, err := openDB(Options{Dir: dir})
	if err != nil {
		return fmt.Errorf("snapshot store: %w", err)
	}
	batch := target.NewWriteBatch()
	defer batch.Cancel()
	var failed error
	err = s.Range(nil, nil, false, func(k, v []byte) bool {
		failed = batch.Set(dataKey(k), bytes.Clone(v))
		return failed == nil
	})
	if err = errors.Join(err, failed); err == nil {
		err = batch.Flush()
	}
	if err = errors.Join(err, target.Close()); err != nil {
		return fmt.Errorf("snapshot store: %w", err)
	}
	return nil
}

// Compact does as kv.Compacter says.
func (s *Store) Compact() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return health.Guard(func() error {
		if err := s.db.Flatten(2); err != nil {
			return fmt.Errorf("compact store %s: %w", s.dir, err)
		}
		for s.db.RunValueLogGC(0.1) == nil { // an error says that nothing more is to be won
		}
		return nil
	})
}

// Stats does as kv.Stater says.
func (s *Store) Stats() kv.Stats {
	if s.enter() != nil {
		return kv.Stats{}
	}
	defer s.gate.Leave()
	tables, values := s.db.Size()
	return kv.Stats{DiskBytes: uint64(tables + values)}
}

var (
	_ kv.KV          = (*Store)(nil)
	_ kv.Snapshotter = (*Store)(nil)
	_ kv.Stater      = (*Store)(nil)
	_ kv.Compacter   = (*Store)(nil)
)
