package listeners

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol as HAProxy describes it. Version 1 is a line of text,
// version 2 is binary; both are longer than proxyShortest, so that many bytes may
// be read before the version is known.
const (
	proxyShortest = len("PROXY UNKNOWN\r\n")
	proxyV1Max    = 107
	proxyV2Head   = 16
)

var (
	proxyV1Start = []byte("PROXY ")
	proxyV2Start = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// readProxyHeader reads a PROXY header of either version from r and not one byte
// more. It returns the source it names, or the zero AddrPort where it names none
// and the connection speaks for itself. The error is io.EOF when r ends before
// the first byte.
func readProxyHeader(r io.Reader) (netip.AddrPort, error) {
	var head [proxyV1Max]byte
	if n, err := io.ReadFull(r, head[:proxyShortest]); err != nil {
		if n > 0 && !couldBeProxy(head[:n]) {
			return netip.AddrPort{}, malformed("it begins with %q", head[:n])
		}
		return netip.AddrPort{}, unfinished(err)
	}
	switch {
	case bytes.HasPrefix(head[:proxyShortest], proxyV1Start):
		return readProxyV1(r, head[:])
	case bytes.HasPrefix(head[:proxyShortest], proxyV2Start):
		return readProxyV2(r, head[:proxyV2Head])
	}
	return netip.AddrPort{}, malformed("it begins with %q", head[:proxyShortest])
}

// couldBeProxy reports whether the bytes so far may grow into a header.
func couldBeProxy(b []byte) bool {
	return common(b, proxyV1Start) || common(b, proxyV2Start)
}

// common reports whether a and b are equal as far as both go.
func common(a, b []byte) bool {
	n := min(len(a), len(b))
	return bytes.Equal(a[:n], b[:n])
}

// unfinished names the error of a header that broke off; io.EOF, no byte at all, stays.
func unfinished(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("header not received: %w", err)
}

// readProxyV1 reads the rest of a version 1 line, of which line already holds
// proxyShortest bytes. It never asks for more than the line must still have: two
// bytes, or one behind a carriage return.
func readProxyV1(r io.Reader, line []byte) (netip.AddrPort, error) {
	n := proxyShortest
	for !bytes.HasSuffix(line[:n], []byte("\r\n")) {
		if line[n-1] == '\n' {
			return netip.AddrPort{}, malformed("a line feed without carriage return")
		}
		step := 2
		if line[n-1] == '\r' {
			step = 1
		}
		if n+step > len(line) {
			return netip.AddrPort{}, malformed("no line end within %d bytes", proxyV1Max)
		}
		if _, err := io.ReadFull(r, line[n:n+step]); err != nil {
			return netip.AddrPort{}, fmt.Errorf("header not received: %w", noEOF(err))
		}
		if step == 2 && line[n] == '\n' {
			return netip.AddrPort{}, malformed("a line feed without carriage return")
		}
		n += step
	}
	return parseProxyV1(string(line[:n-2]))
}

// parseProxyV1 parses a version 1 line without its line end.
func parseProxyV1(line string) (netip.AddrPort, error) {
	if strings.ContainsAny(line, "\r\n") {
		return netip.AddrPort{}, malformed("a line end inside the line")
	}
	words := strings.Split(line, " ")
	if words[1] == "UNKNOWN" {
		return netip.AddrPort{}, nil // whatever follows is to be ignored
	}
	if words[1] != "TCP4" && words[1] != "TCP6" {
		return netip.AddrPort{}, malformed("unknown family %q", words[1])
	}
	if len(words) != 6 {
		return netip.AddrPort{}, malformed("%d words instead of 6", len(words))
	}
	source, err := parseProxyAddr(words[1], words[2], words[4])
	if err != nil {
		return netip.AddrPort{}, err
	}
	if _, err := parseProxyAddr(words[1], words[3], words[5]); err != nil {
		return netip.AddrPort{}, err
	}
	return source, nil
}

func parseProxyAddr(family, host, port string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" || addr.Is4() != (family == "TCP4") {
		return netip.AddrPort{}, malformed("%q is no address for %s", host, family)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(number, 10) != port {
		return netip.AddrPort{}, malformed("%q is no port", port)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}

// readProxyV2 reads the rest of a version 2 header; head already holds proxyShortest bytes.
func readProxyV2(r io.Reader, head []byte) (netip.AddrPort, error) {
	if _, err := io.ReadFull(r, head[proxyShortest:]); err != nil {
		return netip.AddrPort{}, fmt.Errorf("header not received: %w", noEOF(err))
	}
	version, command := head[12]>>4, head[12]&0xf
	family, transport := head[13]>>4, head[13]&0xf
	left := int(binary.BigEndian.Uint16(head[14:]))
	switch {
	case version != 2:
		return netip.AddrPort{}, malformed("version %d", version)
	case command > 1:
		return netip.AddrPort{}, malformed("command %d", command)
	case command == 0: // LOCAL: the proxy speaks for itself, the rest is to be ignored
		return netip.AddrPort{}, discard(r, left)
	case family > 3 || transport > 2:
		return netip.AddrPort{}, malformed("family %d, transport %d", family, transport)
	case family == 0 || transport == 0: // unspecified: likewise
		return netip.AddrPort{}, discard(r, left)
	}
	return readProxyV2Addrs(r, family, transport, left)
}

// readProxyV2Addrs reads the address block and skips the TLVs behind it. Only TCP
// over IPv4 and IPv6 names a source.
func readProxyV2Addrs(r io.Reader, family, transport byte, left int) (netip.AddrPort, error) {
	sizes := [...]int{1: 12, 2: 36, 3: 216}
	var block [216]byte
	size := sizes[family]
	if left < size {
		return netip.AddrPort{}, malformed("%d bytes of addresses, family %d needs %d", left, family, size)
	}
	if _, err := io.ReadFull(r, block[:size]); err != nil {
		return netip.AddrPort{}, fmt.Errorf("header not received: %w", noEOF(err))
	}
	if err := skipTLVs(r, left-size); err != nil {
		return netip.AddrPort{}, err
	}
	if family == 3 || transport != 1 {
		return netip.AddrPort{}, nil
	}
	ip := (size - 4) / 2
	addr, _ := netip.AddrFromSlice(block[:ip]) // 4 or 16 bytes: cannot fail
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(block[2*ip:])), nil
}

// skipTLVs reads left bytes and checks that they are whole type-length-value triples.
func skipTLVs(r io.Reader, left int) error {
	var head [3]byte
	for left > 0 {
		if left < len(head) {
			return malformed("%d bytes are left for a TLV", left)
		}
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return fmt.Errorf("header not received: %w", noEOF(err))
		}
		left -= len(head)
		size := int(binary.BigEndian.Uint16(head[1:]))
		if size > left {
			return malformed("a TLV of %d bytes where %d are left", size, left)
		}
		if err := discard(r, size); err != nil {
			return err
		}
		left -= size
	}
	return nil
}

// discard reads exactly n bytes and forgets them.
func discard(r io.Reader, n int) error {
	if _, err := io.CopyN(io.Discard, r, int64(n)); err != nil {
		return fmt.Errorf("header not received: %w", noEOF(err))
	}
	return nil
}

// noEOF turns io.EOF in the middle of something into io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
