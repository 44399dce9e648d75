package packets

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValidText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		s    string
		want bool
	}{
		{"empty", "", true},
		{"short", "abc", true},
		{"long", "site/7/machine/42/temperature", true},
		{"two bytes", "ä", true},
		{"three bytes", "€", true},
		{"four bytes", "𝄞", true},
		{"control characters", "\x01\x1f\x7f\u0080\u009f", true},
		{"U+FEFF", "\ufeffabc", true},           // [MQTT-1.5.4-3]
		{"non-character", "\ufffe\uffff", true}, // should not, but may
		{"NUL", "\x00", false},                  // [MQTT-1.5.4-2]
		{"NUL at the end of a word", "1234567\x00", false},
		{"NUL after one beyond ASCII", "ä\x00", false},
		{"first surrogate", "\xed\xa0\x80", false}, // [MQTT-1.5.4-1]
		{"last surrogate", "\xed\xbf\xbf", false},  // [MQTT-1.5.4-1]
		{"overlong NUL", "\xc0\x80", false},
		{"overlong slash", "\xe0\x80\xaf", false},
		{"beyond U+10FFFF", "\xf4\x90\x80\x80", false},
		{"cut short", "abc\xe2\x82", false},
		{"lone continuation", "\x80", false},
		{"split over two words", "1234567ä1234567", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := validText([]byte(tc.s)); got != tc.want {
				t.Errorf("%q: %t, want %t", tc.s, got, tc.want)
			}
		})
	}
}

// TestFastChecksAtEveryPlace puts every byte at every place of a string of
// ASCII and compares the word-wise checks with the plain ones.
func TestFastChecksAtEveryPlace(t *testing.T) {
	t.Parallel()
	for length := range 20 {
		for at := range length {
			b := bytes.Repeat([]byte{'/'}, length)
			for c := range 256 {
				b[at] = byte(c)
				valid := c != 0 && utf8.Valid(b)
				if validText(b) != valid {
					t.Fatalf("validText(%q) = %t", b, !valid)
				}
				plain := valid && !strings.ContainsAny(string(b), "+#")
				if plainTopic(b) != plain {
					t.Fatalf("plainTopic(%q) = %t", b, !plain)
				}
			}
		}
	}
}
