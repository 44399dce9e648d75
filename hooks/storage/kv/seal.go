package kv

import (
	"encoding/binary"
	"hash/crc32"
)

// SealSize is how many bytes Seal adds to a record.
const SealSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal appends record and its CRC-32C to dst and returns the extended slice.
// Engines check their own blocks; this catches what passes them by: a bit that
// flipped in memory, a value under the wrong length, a redis that lost a byte.
func Seal(dst, record []byte) []byte {
	dst = append(dst, record...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(record, castagnoli))
}

// SealFrom appends the CRC-32C of b[start:] to b: Seal without a copy, for a
// record that was built in place.
func SealFrom(b []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// Unseal returns the record inside sealed, a view into it, or ErrChecksum.
func Unseal(sealed []byte) ([]byte, error) {
	n := len(sealed) - SealSize
	if n < 0 {
		return nil, ErrChecksum
	}
	record := sealed[:n:n]
	if binary.LittleEndian.Uint32(sealed[n:]) != crc32.Checksum(record, castagnoli) {
		return nil, ErrChecksum
	}
	return record, nil
}
