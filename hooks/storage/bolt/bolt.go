// Package bolt is the kv engine over bbolt: one file, the most boring of all
// formats, and half to a quarter of the default engine's speed. For stores that
// must be one file, or small. Only internal/app and users of the library import it.
package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/linnetmq/linnet/hooks/storage/internal/gate"
	"github.com/linnetmq/linnet/hooks/storage/internal/health"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

const fileName = "linnet.bolt"

var bucketName = []byte("kv")

// Options of a Store.
type Options struct {
	Dir string // needed; made if missing. The store is one file in it.
}

// Store is a kv.KV in one bbolt file. Every Apply is durable: bbolt's commit
// without a sync could leave a damaged file behind, not only an older one.
type Store struct {
	path   string
	db     *bbolt.DB
	gate   gate.Gate
	health health.Health
	mu     sync.Mutex // one Apply at a time
}

// Open opens the store in o.Dir, or makes a new one. The error may match
// kv.ErrLocked, kv.ErrFormat, *kv.CorruptError and what the file system said.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("bolt options: Dir is empty")
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{path: filepath.Join(o.Dir, fileName)}
	err := health.Guard(func() (err error) {
		s.db, err = bbolt.Open(s.path, 0o640, &bbolt.Options{Timeout: time.Millisecond, FreelistType: bbolt.FreelistMapType, NoStatistics: true})
		if err != nil {
			return err
		}
		return s.db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucketName)
			return err
		})
	})
	if err != nil {
		if s.db != nil {
			err = errors.Join(err, s.db.Close())
		}
		return nil, s.openError(err)
	}
	return s, nil
}

func (s *Store) openError(err error) error {
	if errors.Is(err, bolterrors.ErrTimeout) {
		return fmt.Errorf("open store: another linnet process uses %s: stop it or choose another directory: %w", s.path, kv.ErrLocked)
	}
	if errors.Is(err, bolterrors.ErrVersionMismatch) {
		return fmt.Errorf("open store %s: %w: %w", s.path, kv.ErrFormat, err)
	}
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) {
		return fmt.Errorf("open store: %w", &kv.CorruptError{File: s.path, Err: err})
	}
	return fmt.Errorf("open store %s: %w", s.path, s.damage(nil, err))
}

// Apply does as kv.KV says, always durably.
func (s *Store) Apply(b *kv.Batch, _ bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if b.Len() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := health.Guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error { return apply(tx.Bucket(bucketName), b) })
	})
	if err != nil {
		return s.health.Fail(fmt.Errorf("commit to store %s: %w", s.path, s.damage(nil, err)))
	}
	return nil
}

func apply(bucket *bbolt.Bucket, b *kv.Batch) (err error) {
	for op := range b.Ops() {
		switch op.Kind {
		case kv.Put:
			err = bucket.Put(op.Key, op.Value)
		case kv.Delete:
			err = bucket.Delete(op.Key)
		case kv.DeleteRange:
			err = deleteRange(bucket, op.Key, op.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteRange collects keys before it deletes them: a cursor that deletes skips.
func deleteRange(bucket *bbolt.Bucket, from, to []byte) error {
	for {
		var keys [][]byte
		c := bucket.Cursor()
		for k, _ := c.Seek(from); k != nil && bytes.Compare(k, to) < 0 && len(keys) < 4096; k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
		}
		for _, k := range keys {
			if err := bucket.Delete(k); err != nil {
				return err
			}
		}
		if len(keys) < 4096 {
			return nil
		}
	}
}

// Get does as kv.KV says.
func (s *Store) Get(key, dst []byte) ([]byte, error) {
	got, found := dst, false
	err := s.view(func(bucket *bbolt.Bucket) error {
		if len(key) == 0 {
			return nil
		}
		if v := bucket.Get(key); v != nil {
			got, found = append(dst, v...), true
		}
		return nil
	})
	if err != nil {
		return dst, s.damage(key, err)
	}
	if !found {
		return dst, kv.ErrNotFound
	}
	return got, nil
}

// Range does as kv.KV says. It reads in portions and calls fn between its
// transactions: one that is kept open would block the writer when the file
// grows, and a second one inside fn would then block for ever.
func (s *Store) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error {
	p := portion{from: bytes.Clone(from), to: bytes.Clone(to), reverse: reverse}
	for more := true; more; {
		p.reset()
		if err := s.view(func(bucket *bbolt.Bucket) error { more = p.read(bucket.Cursor()); return nil }); err != nil {
			return s.damage(nil, err)
		}
		if !p.visit(fn) {
			return nil
		}
	}
	return nil
}

func (s *Store) view(read func(*bbolt.Bucket) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return health.Guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return read(tx.Bucket(bucketName)) })
	})
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

// damage names file and key in a CorruptError and leaves other errors alone.
func (s *Store) damage(key []byte, err error) error {
	if d, ok := errors.AsType[*kv.CorruptError](err); ok {
		return &kv.CorruptError{File: s.path, Key: bytes.Clone(key), Err: d.Err}
	}
	return err
}

// Close does as kv.KV says.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	return s.db.Close()
}

// Snapshot does as kv.Snapshotter says.
func (s *Store) Snapshot(dir string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := os.Mkdir(dir, 0o750); err != nil {
		return fmt.Errorf("snapshot store: %w", err)
	}
	return s.db.View(func(tx *bbolt.Tx) error { return copyFile(tx, filepath.Join(dir, fileName)) })
}

func copyFile(tx *bbolt.Tx, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("snapshot store: %w", err)
	}
	if _, err := tx.WriteTo(f); err != nil {
		return errors.Join(fmt.Errorf("snapshot store: %w", err), f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// Stats does as kv.Stater says.
func (s *Store) Stats() kv.Stats {
	info, err := os.Stat(s.path)
	if err != nil {
		return kv.Stats{}
	}
	return kv.Stats{DiskBytes: uint64(info.Size())}
}

var (
	_ kv.KV          = (*Store)(nil)
	_ kv.Snapshotter = (*Store)(nil)
	_ kv.Stater      = (*Store)(nil)
)
