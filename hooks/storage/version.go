package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// formatVersion is the version of keys and records together. oldestVersion is
// the oldest that this release can read.
const (
	formatVersion = 1
	oldestVersion = 1
)

// checkVersion refuses a store of another format and marks an empty one with
// ours. A version that cannot be read is left to the records, each of which
// tells its own.
func (s *Store) checkVersion() error {
	value, err := s.committer.Get(keyVersion, nil)
	if errors.Is(err, kv.ErrNotFound) {
		return s.writeVersion()
	}
	if damage, ok := errors.AsType[*kv.CorruptError](err); ok {
		s.damaged(keyVersion, damage)
		return nil
	}
	if err != nil {
		return fmt.Errorf("open store %s: %w", s.opts.Name, err)
	}
	version, err := decodeVersion(value)
	switch {
	case err != nil:
		s.damaged(keyVersion, err)
	case version > formatVersion:
		return fmt.Errorf("open store %s: its format is version %d, this release reads versions %d to %d: run the release that wrote it, or a newer one: %w",
			s.opts.Name, version, oldestVersion, formatVersion, kv.ErrFormat)
	case version < oldestVersion:
		return fmt.Errorf("open store %s: its format is version %d, this release reads versions %d to %d: open it once with an older release that reads both: %w",
			s.opts.Name, version, oldestVersion, formatVersion, kv.ErrFormat)
	}
	return nil
}

// writeVersion marks a store without a version, which must be empty.
func (s *Store) writeVersion() error {
	var found []byte
	err := s.committer.Range(nil, nil, false, func(k, _ []byte) bool {
		found = append(found, k...)
		return false
	})
	if err != nil {
		return fmt.Errorf("open store %s: %w", s.opts.Name, err)
	}
	if found != nil {
		return fmt.Errorf("open store %s: it has no version, but the key %q: it belongs to another program or is damaged: choose another place, or restore a backup: %w",
			s.opts.Name, found, kv.ErrFormat)
	}
	var b kv.Batch
	b.Put(keyVersion, kv.SealFrom(versionRecord(formatVersion), 0))
	if err := s.await(&b, kv.Sync); err != nil {
		return fmt.Errorf("open store %s: %w", s.opts.Name, err)
	}
	return nil
}

// versionRecord returns the one record that keeps its shape for ever.
func versionRecord(version uint64) []byte {
	return append(binary.AppendUvarint([]byte{1}, version), "linnet store"...)
}

func decodeVersion(value []byte) (uint64, error) {
	record, err := kv.Unseal(value)
	if err != nil {
		return 0, err
	}
	d := decoder{rest: record}
	d.byte()
	version := d.uvarint()
	return version, d.err
}

// appendMark appends the number of prefixSessions.
func appendMark(dst []byte, mark uint64) []byte {
	return binary.AppendUvarint(append(dst, format), mark)
}
