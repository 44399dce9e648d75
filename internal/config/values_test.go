package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want int64
		back string
	}{
		{"0", 0, "0B"},
		{"512", 512, "512B"},
		{"512B", 512, "512B"},
		{"1kB", 1000, "1000B"},
		{"64KiB", 64 << 10, "64KiB"},
		{"1024KiB", 1 << 20, "1MiB"},
		{"2GB", 2e9, "1953125KiB"},
		{"3GiB", 3 << 30, "3GiB"},
		{"9223372036854775807", math.MaxInt64, "9223372036854775807B"},
	} {
		have, err := parseSize(tt.text)
		if err != nil || have != tt.want || formatSize(have) != tt.back {
			t.Errorf("%s is %d (%s), %v", tt.text, have, formatSize(have), err)
		}
	}
	for _, text := range []string{"", "B", "-1", "+1", "1.5MiB", "1 MiB", "1mib", "1TiB", "9223372036854775807KiB", "18446744073709551615"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, n)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want time.Duration
		back string
	}{
		{"0", 0, "0s"},
		{"10s", 10 * time.Second, "10s"},
		{"90s", 90 * time.Second, "1m30s"},
		{"1h", time.Hour, "1h"},
		{"1h30m", 90 * time.Minute, "1h30m"},
		{"7d", 7 * day, "7d"},
		{"1d12h", 36 * time.Hour, "1d12h"},
		{"1500ms", 1500 * time.Millisecond, "1.5s"},
		{"5us", 5 * time.Microsecond, "5us"},
		{"1h0m5s", time.Hour + 5*time.Second, "1h0m5s"},
		{"20m", 20 * time.Minute, "20m"},
		{"10h", 10 * time.Hour, "10h"},
	} {
		have, err := parseDuration(tt.text)
		if err != nil || have != tt.want || formatDuration(have) != tt.back {
			t.Errorf("%s is %s (%s), %v", tt.text, have, formatDuration(have), err)
		}
	}
	for _, text := range []string{"", "d", "10", "-1s", "+1s", "1.5d", "1h2d", "1x", "200000d", "106751d24h", "1d-1h"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("%q is taken for %s", text, d)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const word = "open sesame"
	s := Secret{text: word}
	var b strings.Builder
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("m", "secret", s, "inside", struct{ S Secret }{s}, "pointer", &s)
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "secret", s, "inside", struct{ S Secret }{s})
	j, err := json.Marshal(map[string]any{"s": s, "p": &s, "in": struct{ S Secret }{s}})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		b.String(), string(j), s.String(), fmt.Sprint(s), fmt.Sprint(&s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s),
		fmt.Sprintf("%v %+v %#v", struct{ S Secret }{s}, struct{ S Secret }{s}, struct{ S Secret }{s}),
	} {
		if strings.Contains(shown, "sesame") || strings.Contains(shown, fmt.Sprintf("%x", word)) || !strings.Contains(shown, hiddenText) {
			t.Errorf("shown: %s", shown)
		}
	}
	if have, err := s.Reveal(); have != word || err != nil {
		t.Errorf("revealed %q, %v", have, err)
	}
	if (Secret{}).Given() || (Secret{}).String() != "" {
		t.Error("no secret looks like one")
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct{ name, text, want, mistake string }{
		{"one line", "word\n", "word", ""},
		{"no line end", "word", "word", ""},
		{"Windows", "word\r\n", "word", ""},
		{"empty", "\n", "", "is empty"},
		{"two lines", "word\nother\n", "", "more than one line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(dir, tt.name)
			if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			have, err := Secret{file: name}.Reveal()
			if have != tt.want || (tt.mistake == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.mistake) {
				t.Errorf("%q, %v", have, err)
			}
		})
	}
	if _, err := (Secret{file: filepath.Join(dir, "missing")}).Reveal(); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a missing file: %v", err)
	}
}

// A secret is two keys of the file, of which one may be given; mistakes and
// what is written do not show it.
func TestSecretKeys(t *testing.T) {
	t.Parallel()
	read := func(text string) (Secret, keys, error) {
		p := new(Secret)
		ks := secret("password", restart, p, "The password.")
		d := &decoder{file: "f", places: map[string]place{}}
		d.document([]byte(text), "", &group{ks})
		return *p, ks, d.problems.err()
	}
	s, ks, err := read("password: sesame")
	if have, _ := s.Reveal(); err != nil || have != "sesame" {
		t.Errorf("%q, %v", have, err)
	}
	w := &writer{defaults: map[string]string{}}
	w.group(0, "", ks)
	if text := w.b.String(); strings.Contains(text, "sesame") || !strings.Contains(text, hiddenText) {
		t.Errorf("written: %s", text)
	}
	if compared(ks[0].value) != "sesame" {
		t.Error("a changed secret is no change")
	}
	if s, _, err = read("password_file: f"); err != nil || !s.Given() || s.file != "f" {
		t.Errorf("%v, %v", s, err)
	}
	_, _, err = read("password_file: f\npassword: sesame\n")
	if want := "f:2:11: password: use a text, and only one of password and password_file"; err == nil || err.Error() != want {
		t.Errorf("have %v\nwant %s", err, want)
	}
	if _, _, err = read("password: [sesame]"); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("%v", err)
	}
}

func TestQuotes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"linnet-data": "linnet-data", "0.0.0.0:1883": "0.0.0.0:1883", ":1883": `":1883"`, "": `""`, "true": `"true"`, "12": `"12"`, "1:2": `"1:2"`,
		"a b": `"a b"`, "*": `"*"`, "a:": `"a:"`, "ü\n": `"ü\n"`, "[::1]:1": `"[::1]:1"`, "https://a.example": "https://a.example", "~": `"~"`, "5.0": `"5.0"`,
	} {
		if have := quote(text); have != want {
			t.Errorf("%q becomes %s, want %s", text, have, want)
		}
	}
}

func TestValuesHoldNoSecret(t *testing.T) {
	t.Parallel()
	c, err := Parse("f", []byte("store: {engine: redis, redis_url: 'redis://u:geheim@h:1'}\nlimits: {maximum_clients: 7}"))
	if err != nil {
		t.Fatal(err)
	}
	values := c.Values()
	if values["limits.maximum_clients"] != "7" || values["listeners[0].protocol"] != TCP {
		t.Errorf("%v", values)
	}
	for path, value := range values {
		if strings.Contains(value, "geheim") {
			t.Errorf("%s: %s", path, value)
		}
	}
}
