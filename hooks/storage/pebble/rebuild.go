package pebble

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// rebuild makes a new store in to of the tables and logs in from, without the
// list of files that says which of them count: every file does, and of two
// records of one key the one with the higher sequence number. What a table that
// Pebble had not yet removed brings back is old, not wrong.
func rebuild(from, to string, lost func(string)) (*Store, error) {
	store, err := Open(Options{Dir: to, Reserve: -1})
	if err != nil {
		return nil, err
	}
	b := rebuilder{from: from, to: store, lost: lost, seed: maphash.MakeSeed(), newest: map[uint64]uint64{}}
	if err := b.run(); err != nil {
		return nil, errors.Join(fmt.Errorf("rebuild store %s: %w", from, err), store.Close())
	}
	return store, nil
}

// rebuilder reads all files twice: to find the newest record of each key, and to
// write it.
type rebuilder struct {
	from   string
	to     *Store
	lost   func(string)
	seed   maphash.Seed
	newest map[uint64]uint64 // hash of a key to the highest number
	ranges []deletedRange
	batch  kv.Batch
	err    error
}

type deletedRange struct {
	from, to []byte
	number   uint64
}

func (b *rebuilder) run() error {
	names, err := filepath.Glob(filepath.Join(b.from, "*.*"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	b.each(names, b.note)
	b.lost = func(string) {} // it has been told
	b.each(names, b.write)
	b.flush()
	return b.err
}

// each calls f for each record in the files.
func (b *rebuilder) each(names []string, f func(kind pebble.InternalKeyKind, key, value []byte, number uint64)) {
	for _, name := range names {
		var err error
		switch filepath.Ext(name) {
		case ".sst":
			err = readTable(name, f)
		case ".log":
			err = readLog(name, f)
		}
		if err != nil {
			b.lost(fmt.Sprintf("%s: %v", name, err))
		}
	}
}

func (b *rebuilder) note(kind pebble.InternalKeyKind, key, value []byte, number uint64) {
	if kind == pebble.InternalKeyKindRangeDelete {
		b.ranges = append(b.ranges, deletedRange{slices.Clone(key), slices.Clone(value), number})
		return
	}
	hash := maphash.Bytes(b.seed, key)
	b.newest[hash] = max(b.newest[hash], number)
}

func (b *rebuilder) write(kind pebble.InternalKeyKind, key, value []byte, number uint64) {
	if kind != pebble.InternalKeyKindSet && kind != pebble.InternalKeyKindSetWithDelete || number < b.newest[maphash.Bytes(b.seed, key)] {
		return
	}
	for _, r := range b.ranges {
		if number < r.number && string(key) >= string(r.from) && string(key) < string(r.to) {
			return
		}
	}
	if b.batch.Put(key, value); b.batch.Size() >= 1<<20 {
		b.flush()
	}
}

func (b *rebuilder) flush() {
	if b.err == nil {
		b.err = b.to.Apply(&b.batch, true)
	}
	b.batch.Reset()
}

// readTable reads a table up to its end or to damage.
func readTable(name string, f func(kind pebble.InternalKeyKind, key, value []byte, number uint64)) error {
	file, err := vfs.Default.Open(name)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	o := (&pebble.Options{FormatMajorVersion: formatVersion})
	o.EnsureDefaults()
	table, err := sstable.NewReader(context.Background(), readable, o.MakeReaderOptions())
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	return errors.Join(readRanges(table, f), readPoints(table, f), table.Close())
}

func readPoints(table *sstable.Reader, f func(kind pebble.InternalKeyKind, key, value []byte, number uint64)) error {
	it, err := table.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err
	}
	for e := it.First(); e != nil; e = it.Next() {
		value, _, err := e.Value(nil)
		if err != nil {
			return errors.Join(err, it.Close())
		}
		f(e.Kind(), e.K.UserKey, value, uint64(e.SeqNum()))
	}
	return errors.Join(it.Error(), it.Close())
}

func readRanges(table *sstable.Reader, f func(kind pebble.InternalKeyKind, key, value []byte, number uint64)) error {
	it, err := table.NewRawRangeDelIter(context.Background(), sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil || it == nil {
		return err
	}
	defer it.Close()
	span, err := it.First()
	for ; span != nil && err == nil; span, err = it.Next() {
		for _, k := range span.Keys {
			f(pebble.InternalKeyKindRangeDelete, span.Start, span.End, uint64(k.SeqNum()))
		}
	}
	return err
}

// readLog reads a log that repair has cleaned.
func readLog(name string, f func(kind pebble.InternalKeyKind, key, value []byte, number uint64)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	scan := logScan{in: file, keep: func(batch []byte) error {
		number := uint64(batchrepr.ReadSeqNum(batch))
		for r := batchrepr.Read(batch); ; number++ {
			kind, key, value, ok, err := r.Next()
			if !ok {
				return err
			}
			f(kind, key, value, number)
		}
	}}
	return errors.Join(scan.run(), file.Close())
}
