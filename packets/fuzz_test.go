package packets

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func addSeeds(f *testing.F) {
	f.Helper()
	for _, v := range versions {
		rng := rand.New(rand.NewPCG(7, uint64(v)))
		seen := map[Type]int{}
		for range 300 {
			p := randomPacket(rng, v)
			if seen[p.Type()]++; seen[p.Type()] <= 2 {
				frame := mustAppend(f, p, v)
				_, n, _, _ := ScanHeader(frame)
				f.Add(frame[0], frame[n:], byte(v))
			}
		}
	}
	f.Add(byte(0x30), []byte("\x00\x00\x03\x23\x00\x00"), byte(5))
	f.Add(byte(0x10), []byte("\x00\x04MQTT\x06\x02\x00\x00\x00\x00"), byte(0))
	f.Add(byte(0x82), []byte("\x00\x01\x04\x0b\x01\x0b\x02\x00\x01a\x00"), byte(5))
}

// FuzzDecode: decoding never panics and takes no more memory than the packet
// justifies, and what was decoded is encoded to something that stays the same.
func FuzzDecode(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, first byte, body []byte, version byte) {
		v := Version(version)
		p, err := Decode(first, body, v)
		if err != nil {
			if p != nil || !CodeOf(err).Failed() || CodeOf(err) == ErrUnspecified {
				t.Fatalf("packet %v, error %v", p, err)
			}
			return
		}
		if c, ok := p.(*Connect); ok {
			v = c.Version
		}
		once := mustAppend(t, p, v)
		if limit := 6 + 2*len(body); len(once) > limit {
			t.Fatalf("%d bytes became %d", len(body), len(once))
		}
		again, err := decodeFrame(once, v)
		if err != nil {
			t.Fatalf("decode what was encoded: %v\n%+v\n%q", err, p, once)
		}
		if !sameFields(p, again) {
			t.Fatalf("once  %+v\nagain %+v", p, again)
		}
		if twice := mustAppend(t, again, v); !bytes.Equal(once, twice) {
			t.Fatalf("once  %q\ntwice %q", once, twice)
		}
		if _, n, _, _ := ScanHeader(once); canonical(p, v) && !bytes.Equal(once[n:], body) {
			t.Fatalf("encoded %q, decoded from %q", once[n:], body)
		}
	})
}

// canonical reports whether there is only one body for p.
func canonical(p Packet, v Version) bool {
	switch p.(type) {
	case *Suback, *Unsuback, *Pingreq, *Pingresp:
		return v < V5
	case *Publish, *Subscribe, *Unsubscribe:
		return v < V5
	}
	return false
}

// FuzzDecodeMemory: the memory of a decoded packet is bounded by its size.
func FuzzDecodeMemory(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, first byte, body []byte, version byte) {
		grown := allocated(func() { _, _ = Decode(first, body, Version(version)) })
		if limit := uint64(16<<10 + 64*len(body)); grown > limit {
			t.Fatalf("%d bytes for a packet of %d", grown, len(body))
		}
	})
}

// FuzzReader: however the bytes arrive, the packets are the same.
func FuzzReader(f *testing.F) {
	for _, v := range versions {
		rng := rand.New(rand.NewPCG(8, uint64(v)))
		b := mustAppend(f, &Connect{Version: v}, v)
		for range 10 {
			b = append(b, mustAppend(f, randomPacket(rng, v), v)...)
		}
		f.Add(b, uint32(0))
		f.Add(b, uint32(100))
	}
	f.Fuzz(func(t *testing.T, b []byte, maxSize uint32) {
		whole := NewReader(bytes.NewReader(b), maxSize)
		pieces := NewReader(iotest.OneByteReader(bytes.NewReader(b)), maxSize)
		for {
			p, err := whole.ReadPacket()
			q, err2 := pieces.ReadPacket()
			if (err == nil) != (err2 == nil) || CodeOf(err) != CodeOf(err2) || errors.Is(err, io.EOF) != errors.Is(err2, io.EOF) {
				t.Fatalf("errors %v and %v", err, err2)
			}
			if err != nil {
				return
			}
			if !sameFields(p, q) {
				t.Fatalf("whole  %+v\npieces %+v", p, q)
			}
		}
	})
}

// FuzzProperties: decoding never panics and agrees with encoding, whatever the
// packet is.
func FuzzProperties(f *testing.F) {
	for _, tc := range propertySamples {
		f.Add(section(string(rune(tc.id))+tc.good), byte(tc.packets[0]))
	}
	f.Fuzz(func(t *testing.T, b []byte, packet byte) {
		ty := Type(packet%16 + 1)
		var p, again Properties
		n, err := p.Decode(b, ty)
		if err != nil {
			return
		}
		out, err := p.Append(nil, ty)
		if err != nil || len(out) != n {
			t.Fatalf("%d bytes became %d: %v", n, len(out), err)
		}
		if m, err := again.Decode(out, ty); err != nil || m != n || !samePropertyValues(p, again) {
			t.Fatalf("error %v\nonce  %+v\nagain %+v", err, p, again)
		}
	})
}
