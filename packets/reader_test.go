package packets

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"
)

// stream is a CONNECT and some packets after it, in version v.
func stream(t *testing.T, v Version) (sent []Packet, b []byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(v), 1))
	sent = []Packet{&Connect{Version: v, ClientID: "c"}}
	for range 200 {
		sent = append(sent, randomPacket(rng, v))
	}
	sent = append(sent,
		&Publish{Topic: "large", Payload: bytes.Repeat([]byte("x"), 5*readerChunk)},
		&Unsubscribe{PacketID: 1, Filters: []string{longString[1:], "b"}},
		&Publish{Topic: "last", Payload: []byte{}})
	for _, p := range sent {
		b = append(b, mustAppend(t, p, v)...)
	}
	return sent, b
}

func TestReaderInAnyFragmentation(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"whole", func(r io.Reader) io.Reader { return r }},
		{"one byte at a time", iotest.OneByteReader},
		{"halves", iotest.HalfReader},
		{"error with the last bytes", iotest.DataErrReader},
		{"empty reads between", func(r io.Reader) io.Reader { return &lazyReader{r: iotest.OneByteReader(r)} }},
	} {
		for _, v := range versions {
			t.Run(how.name+"/"+v.String(), func(t *testing.T) {
				t.Parallel()
				sent, b := stream(t, v)
				r := NewReader(how.wrap(bytes.NewReader(b)), 0)
				var got []Packet
				for range sent {
					p, err := r.ReadPacket()
					if err != nil {
						t.Fatalf("packet %d: %v", len(got), err)
					}
					got = append(got, p)
				}
				for i, want := range sent { // only now: packets are the caller's own
					if !sameFields(got[i], want) {
						t.Fatalf("packet %d\n got %+v\nwant %+v", i, got[i], want)
					}
				}
				if _, err := r.ReadPacket(); !errors.Is(err, io.EOF) {
					t.Errorf("at the end: %v, want io.EOF", err)
				}
			})
		}
	}
}

// lazyReader returns nothing every other time.
type lazyReader struct {
	r    io.Reader
	idle bool
}

func (l *lazyReader) Read(b []byte) (int, error) {
	if l.idle = !l.idle; l.idle {
		return 0, nil
	}
	return l.r.Read(b)
}

func TestReaderAtTheEndOfTheStream(t *testing.T) {
	t.Parallel()
	frame := mustAppend(t, &Publish{Topic: "t", Payload: bytes.Repeat([]byte("x"), 200)}, V311)
	for n := 1; n < len(frame); n++ {
		_, err := NewReader(bytes.NewReader(frame[:n]), 0).ReadPacket()
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d of %d bytes: %v, want io.ErrUnexpectedEOF", n, len(frame), err)
		}
	}
	for _, b := range []string{"\x20\x02", "\x20\x02\x00"} {
		if _, err := NewReader(bytes.NewReader([]byte(b)), 0).ReadPacket(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v, want io.ErrUnexpectedEOF", b, err)
		}
	}
}

func TestReaderPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("cable cut")
	r := NewReader(iotest.ErrReader(broken), 0)
	if _, err := r.ReadPacket(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	r = NewReader(io.MultiReader(bytes.NewReader([]byte("\x30\xff\xff\x01a")), iotest.ErrReader(broken)), 0)
	if _, err := r.ReadPacket(); !errors.Is(err, broken) {
		t.Errorf("within a packet: %v", err)
	}
	stuck := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, err := NewReader(stuck, 0).ReadPacket(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a stream without bytes: %v", err)
	}
	r = NewReader(io.MultiReader(bytes.NewReader([]byte("\x30\xff\xff\x01a")), stuck), 0)
	if _, err := r.ReadPacket(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a stream without more bytes: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestReaderGoesOnAfterATimeout(t *testing.T) {
	t.Parallel()
	r := NewReader(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader([]byte("\xd0\x00\xd0\x00")))), 0)
	if _, err := r.ReadPacket(); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("got %v, want the timeout", err)
	}
	for range 2 {
		if _, err := r.ReadPacket(); err != nil {
			t.Fatalf("after the timeout: %v", err)
		}
	}
}

func TestReaderRefusesBadPackets(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		b    string
		code Code
	}{
		{"type 0", "\x00", ErrMalformedPacket},
		{"flags", "\xc1", ErrMalformedPacket}, // [MQTT-2.1.3-1], told by the first byte
		{"remaining length", "\x30\xff\xff\xff\xff\x01", ErrMalformedPacket},
		{"body", "\x40\x02\x00\x00", ErrProtocolError},
		{"body of a large packet", "\x82\xff\x3f" + string(make([]byte, 8191)), ErrProtocolError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := NewReader(bytes.NewReader([]byte(tc.b)), 0).ReadPacket(); CodeOf(err) != tc.code {
				t.Errorf("got %v, want %v", err, tc.code)
			}
		})
	}
}

func TestReaderMaximumPacketSize(t *testing.T) {
	t.Parallel()
	frame := mustAppend(t, &Publish{Topic: "t", Payload: make([]byte, 300)}, V5)
	for _, tc := range []struct {
		name string
		max  int
		code Code
	}{
		{"no limit", 0, CodeSuccess},
		{"just fits", len(frame), CodeSuccess},
		{"one byte too long", len(frame) - 1, ErrPacketTooLarge},
		{"tiny", 1, ErrPacketTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := NewReader(bytes.NewReader(frame), uint32(tc.max))
			r.SetVersion(V5)
			if _, err := r.ReadPacket(); CodeOf(err) != tc.code {
				t.Errorf("got %v, want %v", err, tc.code)
			}
		})
	}
}

// TestReaderMemoryFollowsTheBytes announces 256 MiB and sends 64 KiB.
func TestReaderMemoryFollowsTheBytes(t *testing.T) { // not parallel: it counts bytes
	b := append([]byte("\x30\xff\xff\xff\x7f\x00\x01t"), make([]byte, 1<<16)...)
	grown := allocated(func() {
		if _, err := NewReader(bytes.NewReader(b), 0).ReadPacket(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
	if grown > 6<<16 {
		t.Errorf("%d bytes allocated for %d received", grown, len(b))
	}
	refused := allocated(func() {
		if _, err := NewReader(bytes.NewReader(b), 1<<20).ReadPacket(); CodeOf(err) != ErrPacketTooLarge {
			t.Errorf("got %v", err)
		}
	})
	if refused > 1<<15 {
		t.Errorf("%d bytes allocated to refuse a packet", refused)
	}
}

// allocated returns the bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
