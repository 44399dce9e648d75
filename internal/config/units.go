package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The units of sizes, the largest first of each kind.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"B", 1},
}

const (
	sizePattern     = `^[0-9]+(B|kB|MB|GB|KiB|MiB|GiB)?$`
	durationPattern = `^([0-9]+(\.[0-9]+)?(d|h|m|s|ms|us|ns))+$`
)

// parseSize reads a whole number of bytes with or without a unit: 64KiB, 512.
func parseSize(text string) (int64, error) {
	digits, unit := text, int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			digits, unit = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return 0, fmt.Errorf("size %q: write a whole number with a unit, like 64KiB", text)
	}
	return int64(n) * unit, nil
}

// formatSize writes a size with the largest binary unit that loses nothing.
func formatSize(n int64) string {
	for _, u := range sizeUnits[:3] {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

const day = 24 * time.Hour

// parseDuration reads Go's notation, and days: 10s, 1h30m, 7d, 1d12h. A number
// alone has no unit and is refused, except for 0.
func parseDuration(text string) (time.Duration, error) {
	mistake := fmt.Errorf("duration %q: write a number with a unit, like 10s", text)
	if strings.ContainsAny(text, "+-") {
		return 0, mistake
	}
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 31)
	if err != nil || n > uint64(math.MaxInt64/day) {
		return 0, mistake
	}
	var d time.Duration
	if rest != "" || !found {
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, mistake
		}
	}
	if total := time.Duration(n)*day + d; total >= d {
		return total, nil
	}
	return 0, mistake
}

// formatDuration writes a duration so that parseDuration reads it, without
// units that are zero: 10s, 1h30m, 7d.
func formatDuration(d time.Duration) string {
	var b strings.Builder
	if d >= day {
		b.WriteString(strconv.FormatInt(int64(d/day), 10) + "d")
		d %= day
	}
	if d > 0 || b.Len() == 0 {
		s := d.String()
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		b.WriteString(strings.ReplaceAll(s, "µ", "u"))
	}
	return b.String()
}
