package packets

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// maxString is the length of the longest UTF-8 Encoded String and of the
// longest Binary Data.
const maxString = math.MaxUint16

// bodyReader reads the fields of a packet one after the other. After the first
// error all fields read as zero, so that a packet's Decode checks err once.
// What it returns are views of the body.
type bodyReader struct {
	rest []byte
	t    Type
	err  error
}

func (r *bodyReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

func (r *bodyReader) byte(what string) byte {
	if len(r.rest) < 1 {
		r.fail(malformed("%s ends before its %s", r.t, what))
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *bodyReader) uint16(what string) uint16 {
	if len(r.rest) < 2 {
		r.fail(malformed("%s ends before its %s", r.t, what))
		return 0
	}
	v := binary.BigEndian.Uint16(r.rest)
	r.rest = r.rest[2:]
	return v
}

// binary reads Binary Data.
func (r *bodyReader) binary(what string) []byte {
	b, n := scanBinary(r.rest)
	if n == 0 {
		r.fail(malformed("%s ends inside its %s", r.t, what))
		return nil
	}
	r.rest = r.rest[n:]
	return b
}

// text reads a UTF-8 Encoded String and checks it [MQTT-1.5.4-1].
func (r *bodyReader) text(what string) []byte {
	b := r.binary(what)
	if !validText(b) {
		r.fail(malformed("%s of %s is not valid UTF-8", what, r.t))
		return nil
	}
	return b
}

func (r *bodyReader) packetID() uint16 {
	id := r.uint16("Packet Identifier")
	if id == 0 {
		r.fail(zeroPacketID(r.t))
	}
	return id
}

func (r *bodyReader) properties(p *Properties, t Type) {
	if r.err != nil {
		return
	}
	n, err := p.Decode(r.rest, t)
	if err != nil {
		r.fail(err)
		return
	}
	r.rest = r.rest[n:]
}

// end returns the first error, or one if the body has bytes left.
func (r *bodyReader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		return malformed("%s has %d bytes too many", r.t, len(r.rest))
	}
	return r.err
}

// scanBinary returns the Binary Data at the start of b and the bytes it took
// with its length, 0 if b is too short.
func scanBinary(b []byte) (data []byte, n int) {
	if len(b) < 2 {
		return nil, 0
	}
	n = 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, 0
	}
	return b[2:n:n], n
}

// scanVarint reads the Variable Byte Integer at the start of b. n is 0 if b is
// too short to tell, negative if the integer is malformed: longer than four
// bytes, or longer than needed [MQTT-1.5.5-1].
func scanVarint(b []byte) (v uint32, n int) {
	for i, c := range b {
		if i == 4 {
			return 0, -1
		}
		v |= uint32(c&0x7F) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				return 0, -1
			}
			return v, i + 1
		}
	}
	if len(b) >= 4 {
		return 0, -1
	}
	return 0, 0
}

func appendVarint(dst []byte, v uint32) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

func varintSize(v int) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	}
	return 4
}

func appendString(dst []byte, s string) []byte {
	return append(append(dst, byte(len(s)>>8), byte(len(s))), s...)
}

func appendBinary(dst, b []byte) []byte {
	return append(append(dst, byte(len(b)>>8), byte(len(b))), b...)
}

// view returns a string that shares b's memory.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf returns the bytes of s, which nobody may change.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// copyBytes returns a copy of b that is never nil: an empty value is a value.
func copyBytes(b []byte) []byte { return append([]byte{}, b...) }

// Eight bytes are looked at as one word: with all high bits clear, a byte of x
// is zero exactly if subtracting ones brings up a high bit.
const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	pluses = ones * '+'
	hashes = ones * '#'
)

// validText reports whether b is a UTF-8 Encoded String as MQTT allows it: well
// formed, no surrogates [MQTT-1.5.4-1], no U+0000 [MQTT-1.5.4-2]. Other control
// characters and U+FEFF are the application's business [MQTT-1.5.4-3].
func validText(b []byte) bool {
	rest := b
	for len(rest) >= 8 {
		x := binary.LittleEndian.Uint64(rest)
		if (x|(x-ones))&highs != 0 {
			return validTextSlow(rest)
		}
		rest = rest[8:]
	}
	for _, c := range rest {
		if c == 0 || c >= utf8.RuneSelf {
			return validTextSlow(rest)
		}
	}
	return true
}

func validTextSlow(b []byte) bool {
	return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b)
}

// plainTopic reports whether b is ASCII without NUL and wildcards: a Topic Name
// that needs no closer look.
func plainTopic(b []byte) bool {
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		if (x|(x-ones)|((x^pluses)-ones)|((x^hashes)-ones))&highs != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c == 0 || c == '+' || c == '#' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// textError says what is wrong with a string that is about to be sent.
func textError(s, what string) error {
	if len(s) > maxString {
		return malformed("%s of %d bytes is too long", what, len(s))
	}
	if !validText(bytesOf(s)) {
		return malformed("%s is not valid UTF-8", what)
	}
	return nil
}

func binaryError(b []byte, what string) error {
	if len(b) > maxString {
		return malformed("%s of %d bytes is too long", what, len(b))
	}
	return nil
}

func hasWildcard(s string) bool { return strings.ContainsAny(s, "+#") }

func zeroPacketID(t Type) error {
	return protocolError("%s with Packet Identifier 0", t) // [MQTT-2.2.1-3]
}
