package listeners

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

// v2 builds a version 2 header: signature, version and command, family and
// transport, and the body behind its length.
func v2(verCmd, family byte, body ...[]byte) string {
	all := bytes.Join(body, nil)
	out := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), verCmd, family)
	out = binary.BigEndian.AppendUint16(out, uint16(len(all)))
	return string(append(out, all...))
}

func tlv(kind byte, size int) []byte {
	return append([]byte{kind, byte(size >> 8), byte(size)}, make([]byte, size)...)
}

var (
	v2inet  = []byte{192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x07, 0x5b}
	v2inet6 = append(append(netip.MustParseAddr("2001:db8::7").AsSlice(), netip.MustParseAddr("::1").AsSlice()...), 0x30, 0x39, 0x07, 0x5b)
	v2v4in6 = append(append(netip.MustParseAddr("::ffff:192.0.2.7").AsSlice(), make([]byte, 16)...), 0x30, 0x39, 0x07, 0x5b)
)

// proxyCases are whole headers; source "" means that none is named.
var proxyCases = []struct{ name, header, source string }{
	{"v1 IPv4", "PROXY TCP4 192.0.2.7 10.0.0.1 12345 1883\r\n", "192.0.2.7:12345"},
	{"v1 shortest IPv4", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "1.1.1.1:1"},
	{"v1 IPv6", "PROXY TCP6 2001:db8::7 ::1 12345 1883\r\n", "[2001:db8::7]:12345"},
	{"v1 IPv4 in IPv6", "PROXY TCP6 ::ffff:192.0.2.7 ::1 65535 0\r\n", "192.0.2.7:65535"},
	{
		"v1 longest", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	},
	{"v1 UNKNOWN", "PROXY UNKNOWN\r\n", ""},
	{"v1 UNKNOWN with addresses", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""},
	{"v1 UNKNOWN longest", "PROXY UNKNOWN " + strings.Repeat("x", 107-16) + "\r\n", ""},
	{"v2 IPv4", v2(0x21, 0x11, v2inet), "192.0.2.7:12345"},
	{"v2 IPv6", v2(0x21, 0x21, v2inet6), "[2001:db8::7]:12345"},
	{"v2 IPv4 in IPv6", v2(0x21, 0x21, v2v4in6), "192.0.2.7:12345"},
	{"v2 TLVs", v2(0x21, 0x11, v2inet, tlv(1, 0), tlv(2, 300), tlv(0x20, 9)), "192.0.2.7:12345"},
	{"v2 longest", v2(0x21, 0x11, v2inet, tlv(4, 65535-12-3)), "192.0.2.7:12345"},
	{"v2 LOCAL", v2(0x20, 0x00), ""},
	{"v2 LOCAL with rubbish", v2(0x20, 0xff, []byte("rubbish")), ""},
	{"v2 UNSPEC", v2(0x21, 0x00, []byte("whatever")), ""},
	{"v2 Unix", v2(0x21, 0x31, make([]byte, 216)), ""},
	{"v2 datagrams", v2(0x21, 0x12, v2inet), ""},
}

func TestProxyHeader(t *testing.T) {
	t.Parallel()
	readers := map[string]func(io.Reader) io.Reader{
		"at once":      func(r io.Reader) io.Reader { return r },
		"byte by byte": iotest.OneByteReader, "data with error": iotest.DataErrReader,
	}
	for _, tt := range proxyCases {
		for how, wrap := range readers {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				r := wrap(strings.NewReader(tt.header + "\x10MQTT"))
				source, err := readProxyHeader(r)
				if err != nil {
					t.Fatal(err)
				}
				if tt.source == "" && source.IsValid() || tt.source != "" && source.String() != tt.source {
					t.Errorf("source %v, want %q", source, tt.source)
				}
				mustRead(t, r, "\x10MQTT") // not one byte too many was read
			})
		}
	}
}

func TestProxyHeaderBrokenOff(t *testing.T) {
	t.Parallel()
	for _, tt := range proxyCases {
		if len(tt.header) > 1000 {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			for cut := range len(tt.header) {
				_, err := readProxyHeader(strings.NewReader(tt.header[:cut]))
				if cut == 0 && !errors.Is(err, io.EOF) || cut > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
			}
		})
	}
}

func TestProxyHeaderMalformed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, header, want string }{
		{"CONNECT", "\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06abcdef", "begins with"},
		{"short CONNECT", "\x10\x0c\x00\x04MQTT", "begins with"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "begins with"},
		{"lower case", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "begins with"},
		{"family", "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", "unknown family"},
		{"UNKNOWNS", "PROXY UNKNOWNS\r\n", "unknown family"},
		{"words", "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", "5 words"},
		{"more words", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", "7 words"},
		{"two spaces", "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", "7 words"},
		{"IPv6 as TCP4", "PROXY TCP4 ::1 ::2 1 2\r\n", "no address for TCP4"},
		{"IPv4 as TCP6", "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", "no address for TCP6"},
		{"zone", "PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n", "no address"},
		{"host name", "PROXY TCP4 localhost 2.2.2.2 1 2\r\n", "no address"},
		{"leading zero in address", "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", "no address"},
		{"bad destination", "PROXY TCP4 1.1.1.1 2.2.2 1 2\r\n", "no address"},
		{"port", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", "no port"},
		{"negative port", "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", "no port"},
		{"leading zero in port", "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", "no port"},
		{"bad destination port", "PROXY TCP4 1.1.1.1 2.2.2.2 1 x\r\n", "no port"},
		{"only line feed", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "line feed"},
		{"early line feed", "PROXY UNKNOWN \nxxxxxxxx\r\n", "line feed"},
		{"carriage return inside", "PROXY UNKNOWN \rxxxxxxxx\r\n", "line end inside"},
		{"line end at once", "PROXY \r\nxxxxxxxxx\r\n", "line end inside"},
		{"too long", "PROXY UNKNOWN " + strings.Repeat("x", 107-15) + "\r\n", "107 bytes"},
		{"endless", "PROXY UNKNOWN " + strings.Repeat("x", 5000), "107 bytes"},
		{"v2 version 1", v2(0x11, 0x11, v2inet), "version 1"},
		{"v2 version 3", v2(0x31, 0x11, v2inet), "version 3"},
		{"v2 command", v2(0x22, 0x11, v2inet), "command 2"},
		{"v2 family", v2(0x21, 0x41, v2inet), "family 4"},
		{"v2 transport", v2(0x21, 0x13, v2inet), "transport 3"},
		{"v2 no addresses", v2(0x21, 0x11), "needs 12"},
		{"v2 IPv4 for IPv6", v2(0x21, 0x21, v2inet), "needs 36"},
		{"v2 short Unix", v2(0x21, 0x31, make([]byte, 215)), "needs 216"},
		{"v2 half a TLV header", v2(0x21, 0x11, v2inet, []byte{1, 0}), "2 bytes are left"},
		{"v2 TLV beyond the end", v2(0x21, 0x11, v2inet, []byte{1, 0, 2, 0}), "TLV of 2 bytes where 1"},
		{"v2 second TLV beyond the end", v2(0x21, 0x11, v2inet, tlv(1, 1), []byte{1, 0xff, 0xff}), "TLV of 65535"},
		{"v2 signature", "\r\n\r\n\x00\r\nQUIT\r!\x11\x00\x0c", "begins with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source, err := readProxyHeader(strings.NewReader(tt.header))
			if err == nil || !strings.Contains(err.Error(), tt.want) || source.IsValid() {
				t.Errorf("got %v, %v, want an error with %q", source, err, tt.want)
			}
		})
	}
}

// FuzzProxyHeader checks that a header is either refused or read to its exact
// end, and that how it is cut into pieces makes no difference.
func FuzzProxyHeader(f *testing.F) {
	for _, tt := range proxyCases {
		f.Add([]byte(tt.header))
	}
	f.Add([]byte("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n"))
	f.Add([]byte(v2(0x21, 0x11, v2inet, []byte{1, 0, 2, 0})))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		source, err := readProxyHeader(r)
		slow, slowErr := readProxyHeader(iotest.OneByteReader(bytes.NewReader(in)))
		if source != slow || (err == nil) != (slowErr == nil) {
			t.Fatalf("at once %v, %v; byte by byte %v, %v", source, err, slow, slowErr)
		}
		if err != nil {
			return
		}
		header := in[:len(in)-r.Len()]
		if !bytes.HasSuffix(header, []byte("\r\n")) && bytes.HasPrefix(header, proxyV1Start) {
			t.Fatalf("v1 header ends with %q", header)
		}
		if bytes.HasPrefix(header, proxyV2Start) && len(header) != 16+int(binary.BigEndian.Uint16(header[14:])) {
			t.Fatalf("v2 header of %d bytes", len(header))
		}
		if again, err := readProxyHeader(bytes.NewReader(header)); err != nil || again != source {
			t.Fatalf("the header alone gives %v, %v", again, err)
		}
	})
}
