package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// format is the first byte of every record. A record whose checksum is good and
// whose format is higher was written by a newer release.
const format = 1

var (
	errShort    = errors.New("record ends too early")
	errTrailing = errors.New("record is longer than its contents")
	errKeyShape = errors.New("key has a wrong length")
)

// newerFormatError tells that a newer release wrote a record.
type newerFormatError byte

func (e newerFormatError) Error() string {
	return fmt.Sprintf("record in format %d, this release reads format %d", byte(e), format)
}

// openRecord checks the seal and the format of a record and returns a decoder of what
// is inside, whose slices are views into value.
func openRecord(value []byte) (decoder, error) {
	record, err := kv.Unseal(value)
	switch {
	case err != nil:
		return decoder{}, err
	case len(record) == 0:
		return decoder{}, errShort
	case record[0] > format:
		return decoder{}, newerFormatError(record[0])
	case record[0] < format:
		return decoder{}, fmt.Errorf("record in unknown format %d", record[0])
	}
	return decoder{rest: record[1:]}, nil
}

// decoder reads a record from front to back. After the first mistake it returns
// zeros, and end tells the mistake.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail() { d.rest, d.err = nil, errShort }

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// bytes returns a view of a field with its length in front.
func (d *decoder) bytes() []byte {
	size := d.uvarint()
	if size > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:size:size]
	d.rest = d.rest[size:]
	return b
}

func (d *decoder) text() string { return string(d.bytes()) }

// remaining returns a view of all that is left.
func (d *decoder) remaining() []byte {
	b := d.rest
	d.rest = nil
	return b
}

// end returns the first mistake; bytes left over are one.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		return errTrailing
	}
	return d.err
}

func appendField[T string | []byte](dst []byte, field T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(field))), field...)
}
