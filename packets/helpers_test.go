package packets

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

var versions = []Version{V31, V311, V5}

// mustAppend returns the packet's encoding.
func mustAppend(tb testing.TB, p Packet, v Version) []byte {
	tb.Helper()
	b, err := p.Append(nil, v)
	if err != nil {
		tb.Fatalf("append %s for %s: %v", p.Type(), v, err)
	}
	return b
}

// decodeFrame decodes a complete packet, fixed header included.
func decodeFrame(frame []byte, v Version) (Packet, error) {
	first, n, size, err := ScanHeader(frame)
	if err != nil {
		return nil, err
	}
	if n == 0 || len(frame) != n+size {
		return nil, errors.New("the frame is not one packet")
	}
	return Decode(first, frame[n:], v)
}

// wireCase is a packet and its bytes: each must become the other.
type wireCase struct {
	name   string
	v      Version
	wire   string
	packet Packet
}

func testWire(t *testing.T, cases []wireCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := mustAppend(t, tc.packet, tc.v)
			if string(got) != tc.wire {
				t.Errorf("encoded\n got %q\nwant %q", got, tc.wire)
			}
			p, err := decodeFrame([]byte(tc.wire), tc.v)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if again := mustAppend(t, p, tc.v); string(again) != tc.wire {
				t.Errorf("decoded and encoded\n got %q\nwant %q", again, tc.wire)
			}
			if !sameFields(p, tc.packet) {
				t.Errorf("decoded\n got %+v\nwant %+v", p, tc.packet)
			}
		})
	}
}

// refusedCase is a body which must not be decoded.
type refusedCase struct {
	name  string
	v     Version
	first byte
	body  string
	code  Code
}

func testRefused(t *testing.T, cases []refusedCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := Decode(tc.first, []byte(tc.body), tc.v)
			if err == nil {
				t.Fatalf("decoded %+v, want %v", p, tc.code)
			}
			if got := CodeOf(err); got != tc.code {
				t.Errorf("refused with %v, want %v", err, tc.code)
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.Detail == "" {
				t.Errorf("error %#v does not say what was wrong", err)
			}
		})
	}
}

// unsendableCase is a packet which must not be encoded.
type unsendableCase struct {
	name   string
	v      Version
	packet Packet
	code   Code
}

func testUnsendable(t *testing.T, cases []unsendableCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dst := []byte("before")
			got, err := tc.packet.Append(dst, tc.v)
			if CodeOf(err) != tc.code || err == nil {
				t.Errorf("error %v, want %v", err, tc.code)
			}
			if string(got) != "before" {
				t.Errorf("dst became %q", got)
			}
		})
	}
}

// sameFields compares two packets; marks of properties and empty slices for
// nil make no difference.
func sameFields(a, b Packet) bool {
	return reflect.DeepEqual(plain(a), plain(b))
}

func plain(p Packet) any {
	v := reflect.New(reflect.TypeOf(p).Elem())
	v.Elem().Set(reflect.ValueOf(p).Elem())
	plainValue(v.Elem())
	return v.Interface()
}

func plainValue(v reflect.Value) {
	if props, ok := reflect.TypeAssert[*Properties](v.Addr()); ok {
		props.marked = 0
	}
	for _, f := range v.Fields() {
		switch {
		case f.Kind() == reflect.Struct:
			plainValue(f)
		case f.Kind() == reflect.Slice && f.Len() == 0 && f.CanSet():
			f.SetZero()
		}
	}
}

// longString is a string that has one byte too many.
var longString = strings.Repeat("x", maxString+1)

// str is a UTF-8 Encoded String on the wire.
func str(s string) string { return string(appendString(nil, s)) }

// fullPublish has every property of a PUBLISH.
func fullPublish() *Publish {
	return &Publish{
		Topic: "a/b", Payload: []byte("hello"), QoS: 1, PacketID: 10, Retain: true,
		Properties: Properties{
			PayloadFormatIndicator: 1, MessageExpiryInterval: 60, ContentType: "text/plain",
			ResponseTopic: "answer/here", CorrelationData: []byte{1, 2, 3},
			SubscriptionIDs: []uint32{1, 300}, TopicAlias: 7,
			User: []UserProperty{{"k", "v1"}, {"k", "v2"}, {"", ""}},
		},
	}
}
