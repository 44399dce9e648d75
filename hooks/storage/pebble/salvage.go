package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// OpenSalvage opens a repaired copy of the store in dir, which Open refuses or
// which has damaged logs. The copy is made in work, which must not exist yet;
// dir is only read. lost is told what of the logs cannot be read. What is damaged
// in tables is for the reader of the copy to step over. The caller closes the
// store and removes work.
func OpenSalvage(dir, work string, lost func(what string)) (*Store, error) {
	lock, err := prepare(Options{Dir: dir, FS: vfs.Default}) // no broker writes meanwhile
	if err != nil {
		return nil, err
	}
	r := repair{from: dir, to: work, lost: lost}
	if err := errors.Join(r.run(), lock.Close()); err != nil {
		return nil, fmt.Errorf("salvage store %s: %w", dir, err)
	}
	store, err := Open(Options{Dir: work, Reserve: -1})
	if err == nil {
		return store, nil
	}
	lost(fmt.Sprintf("%v: rebuilding it from its tables and logs", err))
	return rebuild(work, filepath.Join(work, "rebuilt"), lost)
}

// repair copies a store file by file.
type repair struct {
	from, to string
	lost     func(string)
}

func (r *repair) run() error {
	entries, err := os.ReadDir(r.from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(r.to, 0o750); err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || name == "LOCK" {
			continue
		}
		if err := r.file(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (r *repair) file(name string) error {
	from, to := filepath.Join(r.from, name), filepath.Join(r.to, name)
	base, ext, _ := strings.Cut(name, ".")
	if ext == "log" {
		if number, err := strconv.ParseUint(base, 10, 64); err == nil {
			return r.log(from, to, number)
		}
	}
	if ext == "sst" || ext == "blob" { // never changed once written
		if os.Link(from, to) == nil {
			return nil
		}
	}
	return copyWhole(from, to)
}

func copyWhole(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, in.Close(), out.Close())
}

// log writes those batches of a write-ahead log that can be read into a new one.
func (r *repair) log(from, to string, number uint64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	w := record.NewWriter(out)
	s := logScan{in: in, number: number, keep: func(batch []byte) error {
		_, err := w.WriteRecord(batch)
		return err
	}}
	err = s.run()
	for _, gap := range s.gaps {
		r.lost(fmt.Sprintf("%s: %s", from, gap))
	}
	return errors.Join(err, w.Close(), out.Close())
}

// logBlock is the unit of a log: chunks do not cross it, so that reading can
// begin anew at the next one.
const logBlock = 32 << 10

// logScan finds the batches in a log, those behind damage too.
type logScan struct {
	in     *os.File
	number uint64
	keep   func(batch []byte) error
	gaps   []string
}

func (s *logScan) run() error {
	info, err := s.in.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	for start := int64(0); start < size; {
		good, ended, err := s.section(start, size)
		if err != nil || ended || s.emptyFrom(good, size) {
			return err
		}
		next := (good/logBlock + 1) * logBlock
		if len(s.gaps) == 0 {
			s.gaps = append(s.gaps, fmt.Sprintf("bytes %d to %d cannot be read", good, min(next, size)))
		} else {
			s.gaps = append(s.gaps, fmt.Sprintf("nor can %d to %d", good, min(next, size)))
		}
		start = next
	}
	return nil
}

// emptyFrom reports whether there are only zeros: space set aside for the log.
func (s *logScan) emptyFrom(start, size int64) bool {
	rest, err := io.ReadAll(io.NewSectionReader(s.in, start, size-start))
	return err == nil && len(bytes.Trim(rest, "\x00")) == 0
}

// section keeps what can be read from start on. It returns where the last batch
// ends, and whether the log ends there as it should.
func (s *logScan) section(start, size int64) (good int64, ended bool, err error) {
	r := newLogReader(record.NewReader, io.NewSectionReader(s.in, start, size-start), s.number)
	for {
		good = start + r.Offset()
		next, err := r.Next()
		if errors.Is(err, io.EOF) {
			return good, true, nil
		}
		var batch []byte
		if err == nil {
			batch, err = io.ReadAll(next)
		}
		if err != nil {
			return good, false, nil
		}
		if wholeBatch(batch) {
			if err := s.keep(batch); err != nil {
				return good, false, err
			}
		}
	}
}

// newLogReader gets around that the type of a file's number has no public name.
func newLogReader[N ~uint64](open func(io.Reader, N) *record.Reader, r io.Reader, number uint64) *record.Reader {
	return open(r, N(number))
}

// wholeBatch reports whether a batch can be read to its end.
func wholeBatch(batch []byte) bool {
	h, ok := batchrepr.ReadHeader(batch)
	if !ok {
		return false
	}
	n := uint32(0)
	for r := batchrepr.Read(batch); ; n++ {
		if _, _, _, ok, err := r.Next(); !ok {
			return err == nil && n == h.Count
		}
	}
}
