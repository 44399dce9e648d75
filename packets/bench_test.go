package packets

import (
	"fmt"
	"strings"
	"testing"
)

func benchPublish(size int) *Publish {
	return &Publish{Topic: "site/7/machine/42/temp", Payload: []byte(strings.Repeat("x", size))}
}

func BenchmarkPublishDecode(b *testing.B) {
	for _, v := range []Version{V311, V5} {
		for _, size := range []int{16, 256} {
			b.Run(fmt.Sprintf("v%d/%dB", v, size), func(b *testing.B) {
				frame := mustAppend(b, benchPublish(size), v)
				var p Publish
				b.ReportAllocs()
				for b.Loop() {
					_, n, _, _ := ScanHeader(frame)
					if err := p.Decode(0, frame[n:], v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkPublishDecodeProperties(b *testing.B) {
	frame := mustAppend(b, fullPublish(), V5)
	_, n, _, _ := ScanHeader(frame)
	var p Publish
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decode(frame[0]&0x0F, frame[n:], V5); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	for _, v := range []Version{V311, V5} {
		for _, size := range []int{16, 256} {
			b.Run(fmt.Sprintf("v%d/%dB", v, size), func(b *testing.B) {
				p := benchPublish(size)
				buf := make([]byte, 0, 512)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Append(buf, v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkPublishAppendProperties(b *testing.B) {
	p := fullPublish()
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Append(buf, V5); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPubackDecode(b *testing.B) {
	var p Puback
	body := []byte{0x12, 0x34}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decode(0, body, V5); err != nil {
			b.Fatal(err)
		}
	}
}
