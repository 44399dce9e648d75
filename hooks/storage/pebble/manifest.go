package pebble

import (
	"io"
	"path"

	"github.com/cockroachdb/pebble/v2/record"
)

// warnOfManifest says in the log if the end of the list of files cannot be read.
// Pebble takes that for a write which a power cut has interrupted, which is
// harmless: what that write listed is still in the logs. If the file was damaged
// later, what it listed is lost, and nobody else would say so.
func warnOfManifest(o Options) {
	name := manifest(o.FS, o.Dir)
	f, err := o.FS.Open(path.Join(o.Dir, path.Base(name)))
	if err != nil {
		return // there is none yet, or opening the store says why not
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return // as above
	}
	if read := readRecords(f); read < info.Size() {
		o.Logger.Warn("the end of the list of files cannot be read: harmless if the power was cut while it was written, else messages may be missing; compare with a backup",
			"file", path.Join(o.Dir, path.Base(name)), "bytes", info.Size(), "read", read)
	}
}

// readRecords returns the place up to which a list of files can be read.
func readRecords(in io.Reader) (read int64) {
	r := newLogReader(record.NewReader, in, 0)
	for {
		next, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, next)
		}
		if err != nil {
			return read
		}
		read = r.Offset()
	}
}
