package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// prepare makes the directory and takes its lock; errors name it and the cure.
func prepare(o Options) (*pebble.Lock, error) {
	err := o.FS.MkdirAll(o.Dir, 0o750)
	if err == nil {
		err = syncParents(o.FS, o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w%s", o.Dir, err, hint(err))
	}
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err == nil {
		return lock, nil
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) && !errors.Is(err, fs.ErrPermission) ||
		strings.Contains(err.Error(), "lock held by current process") {
		return nil, fmt.Errorf("open store: another linnet process uses %s: stop it or choose another directory: %w", o.Dir, kv.ErrLocked)
	}
	return nil, fmt.Errorf("open store %s: %w%s", o.Dir, err, hint(err))
}

// syncParents makes the directory itself survive a crash of the machine: an
// entry is on the disk when the directory that has it was synced. Somebody else
// may just have made any of them. It ends at one that may not be opened.
func syncParents(files vfs.FS, dir string) error {
	for parent := files.PathDir(dir); parent != dir; dir, parent = parent, files.PathDir(parent) {
		d, err := files.OpenDir(parent)
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return fmt.Errorf("sync directory %s: %w", parent, err)
		}
	}
	return nil
}

// hint says what an operator can do about err, "" if we do not know.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.EROFS):
		return " (mount the file system writable or choose another directory)"
	case errors.Is(err, fs.ErrPermission):
		return " (give linnet's user write permission or choose another directory)"
	case errors.Is(err, syscall.ENOSPC):
		return " (free some space on this disk)"
	}
	return ""
}

const versionMarker = "marker.format-version."

// storeFormat returns the format of the store in o.Dir, 0 if there is none yet. It
// refuses one that this Pebble cannot read before it is touched.
func storeFormat(o Options) (version int, err error) {
	names, err := o.FS.List(o.Dir)
	if err != nil {
		return 0, fmt.Errorf("open store %s: %w%s", o.Dir, err, hint(err))
	}
	for _, name := range names {
		if name == "CURRENT" {
			version = max(version, 1)
		}
		if marker, ok := strings.CutPrefix(name, versionMarker); ok {
			_, digits, _ := strings.Cut(marker, ".")
			if n, err := strconv.Atoi(digits); err == nil && n > version {
				version = n
			}
		}
	}
	switch {
	case version > int(pebble.FormatNewest):
		return 0, fmt.Errorf("open store %s: written by a newer linnet in format %d, this one reads up to %d: run that release or restore a backup: %w",
			o.Dir, version, int(pebble.FormatNewest), kv.ErrFormat)
	case version > 0 && version < int(pebble.FormatMinSupported):
		return 0, fmt.Errorf("open store %s: written in format %d, this linnet reads from %d on: open it once with an older release first: %w",
			o.Dir, version, int(pebble.FormatMinSupported), kv.ErrFormat)
	}
	return version, nil
}

// openError explains why Pebble did not open o.Dir.
func openError(o Options, err error) error {
	switch text := err.Error(); {
	case missingTable.MatchString(text):
		err = &kv.CorruptError{File: damagedFile(o.FS, o.Dir, err), Err: fmt.Errorf("missing, or %s is damaged: %w", manifest(o.FS, o.Dir), err)}
	case pebble.IsCorruptionError(err), wrongSize.MatchString(text):
		err = &kv.CorruptError{File: damagedFile(o.FS, o.Dir, err), Err: err}
	}
	return fmt.Errorf("open store %s: %w%s", o.Dir, err, hint(err))
}

var (
	walNumber    = regexp.MustCompile(`replaying wal (\d+)`)
	walLog       = regexp.MustCompile(`\b\d{6,}\.(log|sst|blob)\b`)
	manifestName = regexp.MustCompile(`MANIFEST-\d+`)

	// What Pebble finds when it compares its list of tables with the files.
	missingTable = regexp.MustCompile(`file (\d+) \(type sstable\) unknown to the objstorage provider`)
	wrongSize    = regexp.MustCompile(`object size mismatch`)
	// What it says of an OPTIONS file, without naming it.
	wrongOptions = regexp.MustCompile(`invalid (key=value syntax|section)|pebble: (unknown|invalid) option`)
)

// manifest returns the name of the file that lists the others.
func manifest(files vfs.FS, dir string) string {
	if desc, err := pebble.Peek(dir, files); err == nil && desc.Exists {
		return desc.ManifestFilename
	}
	return "the manifest"
}

// damagedFile finds the file in what Pebble says about err; failing that the
// manifest, which is the only one that is read without being named.
func damagedFile(files vfs.FS, dir string, err error) string {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil && info.Path != "" {
		return info.Path
	}
	text := fmt.Sprintf("%+v", err)
	desc, peekErr := pebble.Peek(dir, files)
	if m := missingTable.FindStringSubmatch(text); m != nil {
		return filepath.Join(dir, m[1]+".sst")
	}
	if peekErr == nil && wrongOptions.MatchString(text) {
		return filepath.Join(dir, files.PathBase(desc.OptionsFilename))
	}
	if m := walNumber.FindStringSubmatch(text); m != nil {
		if n, err := strconv.ParseUint(m[1], 10, 64); err == nil {
			return filepath.Join(dir, fmt.Sprintf("%06d.log", n))
		}
	}
	for _, re := range []*regexp.Regexp{walLog, manifestName} {
		if name := re.FindString(text); name != "" {
			return filepath.Join(dir, name)
		}
	}
	if peekErr == nil && desc.Exists {
		return desc.ManifestFilename
	}
	return ""
}

// readError names the file and the key of what could not be read.
func (s *Store) readError(key []byte, err error) error {
	if failed := s.fence.err(); failed != nil {
		return failed
	}
	if !pebble.IsCorruptionError(err) {
		return fmt.Errorf("read store %s: %w", s.opts.Dir, err)
	}
	file := ""
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		file = info.Path
	}
	return &kv.CorruptError{File: file, Key: key, Err: err}
}
