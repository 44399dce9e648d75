package topics

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValidName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, topic string
		want        error
	}{
		{"one level", "a", nil},
		{"levels", "sport/tennis/player1", nil},
		{"only a separator", "/", nil},
		{"leading separator", "/finance", nil},
		{"trailing separator", "finance/", nil},
		{"empty levels", "a///b", nil},
		{"spaces", "Accounts payable", nil},
		{"dollar", "$SYS/broker", nil},
		{"share prefix is a name like others", "$share/g/a", nil},
		{"other scripts", "日本/ß/🙂", nil},
		{"byte order mark stays", "\ufeffa", nil},
		{"replacement character", "\ufffd", nil},
		// [MQTT-4.7.3-1] [MQTT311-4.7.3-1]
		{"empty", "", errEmpty},
		// [MQTT-4.7.3-2] [MQTT311-4.7.3-2]
		{"null", "a\x00b", errNull},
		{"only null", "\x00", errNull},
		// [MQTT-4.7.3-3] [MQTT311-4.7.3-3]
		{"65535 bytes", strings.Repeat("a", 65535), nil},
		{"65536 bytes", strings.Repeat("a", 65536), errTooLong},
		{"32768 characters of two bytes", strings.Repeat("ß", 32768), errTooLong},
		// [MQTT-1.5.4-1] [MQTT311-1.5.3-1]
		{"lone continuation byte", "a\x80", errUTF8},
		{"surrogate", "a\xed\xa0\x80", errUTF8},
		{"overlong", "\xc0\xaf", errUTF8},
		{"cut off", "a/\xf0\x9f", errUTF8},
		// [MQTT-4.7.0-1] [MQTT311-4.7.1-1]
		{"plus level", "a/+/b", errNameWildcard},
		{"plus inside", "a+b", errNameWildcard},
		{"hash level", "a/#", errNameWildcard},
		{"hash inside", "a#", errNameWildcard},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := ValidName(tc.topic); !errors.Is(got, tc.want) {
				t.Errorf("ValidName(%.40q) = %v, want %v", tc.topic, got, tc.want)
			}
		})
	}
}

func TestValidFilter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, filter string
		want         error
	}{
		{"plain", "sport/tennis", nil},
		{"only a separator", "/", nil},
		{"dollar", "$SYS/#", nil},
		{"dollar share without separator", "$share", nil},
		{"not quite share", "$shared/a", nil},
		// [MQTT-4.7.1-1] [MQTT311-4.7.1-2]
		{"hash alone", "#", nil},
		{"hash after separator", "sport/tennis/#", nil},
		{"hash after leading separator", "/#", nil},
		{"hash glued", "sport/tennis#", errHash},
		{"hash glued to hash", "##", errHash},
		{"hash first of level", "a/#b", errHash},
		{"hash not last", "sport/tennis/#/ranking", errHashNotLast},
		{"hash before empty level", "#/", errHashNotLast},
		{"hash twice", "#/#", errHashNotLast},
		{"hash glued to plus", "+#", errHash},
		// [MQTT-4.7.1-2] [MQTT311-4.7.1-3]
		{"plus alone", "+", nil},
		{"plus first and last", "+/tennis/+", nil},
		{"plus with hash", "+/tennis/#", nil},
		{"plus between", "sport/+/player1", nil},
		{"only plus", "+/+/+", nil},
		{"plus glued", "sport+", errPlus},
		{"plus in front", "+sport/a", errPlus},
		{"plus twice", "a/++/b", errPlus},
		// [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] [MQTT-1.5.4-1]
		{"empty", "", errEmpty},
		{"null", "a/\x00", errNull},
		{"longest", strings.Repeat("/", 65535), nil},
		{"too long", strings.Repeat("/", 65536), errTooLong},
		{"not UTF-8", "a/\xff", errUTF8},
		// [MQTT-4.8.2-1]
		{"share", "$share/consumer1/sport/tennis/+", nil},
		{"share of all", "$share/g/#", nil},
		{"share of the empty levels", "$share/g//", nil},
		{"share of a dollar topic", "$share/g/$SYS/#", nil},
		{"share name empty", "$share//a", errShareName},
		{"share name missing", "$share/", errShareName},
		// [MQTT-4.8.2-2]
		{"share name with plus", "$share/+/a", errShareWild},
		{"share name with plus inside", "$share/g+/a", errShareWild},
		{"share name with hash", "$share/#", errShareWild},
		{"share without filter", "$share/g", errShareFilter},
		{"share with empty filter", "$share/g/", errShareFilter},
		{"share with bad plus", "$share/g/a+", errPlus},
		{"share with bad hash", "$share/g/#/a", errHashNotLast},
		{"share in share", "$share/g/$share/h/a", errShareNested},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := ValidFilter(tc.filter); !errors.Is(got, tc.want) {
				t.Errorf("ValidFilter(%.40q) = %v, want %v", tc.filter, got, tc.want)
			}
		})
	}
}

func TestSplitShare(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, filter, share, rest string
		ok                        bool
	}{
		{"shared", "$share/g/a/b", "g", "a/b", true}, // [MQTT-4.8.2-1]
		{"all", "$share/g/#", "g", "#", true},
		{"leading separator is kept", "$share/g//a", "g", "/a", true},
		{"dollar filter", "$share/g/$SYS/a", "g", "$SYS/a", true},
		{"plain", "a/b", "", "a/b", false},
		{"only the word", "$share", "", "$share", false},
		{"other word", "$shared/g/a", "", "$shared/g/a", false},
		{"no name", "$share//a", "", "$share//a", false},
		{"no filter", "$share/g", "", "$share/g", false}, // [MQTT-4.8.2-2]
		{"empty filter", "$share/g/", "", "$share/g/", false},
		{"empty", "", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			share, rest, ok := SplitShare(tc.filter)
			if share != tc.share || rest != tc.rest || ok != tc.ok {
				t.Errorf("SplitShare(%q) = %q, %q, %v, want %q, %q, %v",
					tc.filter, share, rest, ok, tc.share, tc.rest, tc.ok)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]int{
		"": 0, "a": 1, "/": 2, "a/b": 2, "/a/": 3, "a//b": 3, "#": 1, strings.Repeat("/", 65535): 65536,
	} {
		if got := Levels(topic); got != want {
			t.Errorf("Levels(%.20q) = %d, want %d", topic, got, want)
		}
	}
}

// TestValidRefusalAllocates fails if refusing a hostile string costs memory.
func TestValidRefusalAllocates(t *testing.T) {
	bad := "a/" + strings.Repeat("x", 1000) + "/#/b"
	if n := testing.AllocsPerRun(100, func() {
		if ValidFilter(bad) == nil || ValidName(bad) == nil {
			t.Fatal("accepted")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// naiveValidFilter says the rules of 4.7 and 4.8.2 with split strings.
func naiveValidFilter(filter string) bool {
	if filter == "" || len(filter) > 65535 || !utf8.ValidString(filter) || strings.Contains(filter, "\x00") {
		return false
	}
	levels := strings.Split(filter, "/")
	if levels[0] == "$share" && len(levels) > 1 {
		if len(levels) < 3 || levels[1] == "" || strings.ContainsAny(levels[1], "+#") {
			return false
		}
		rest := strings.Join(levels[2:], "/")
		return !strings.HasPrefix(rest, "$share/") && naiveValidFilter(rest)
	}
	for i, level := range levels {
		if strings.Contains(level, "+") && level != "+" {
			return false
		}
		if strings.Contains(level, "#") && (level != "#" || i != len(levels)-1) {
			return false
		}
	}
	return true
}

func FuzzValidFilter(f *testing.F) {
	for _, s := range []string{"", "a", "#", "+/a/#", "a+", "a/#/b", "$share/g/a", "$share//a", "$share/g", "\xff", "a\x00", "$share/g/$share/h/a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		valid := ValidFilter(filter) == nil
		if valid != naiveValidFilter(filter) {
			t.Fatalf("ValidFilter(%q): %v", filter, ValidFilter(filter))
		}
		if _, rest, shared := SplitShare(filter); valid && shared != strings.HasPrefix(filter, "$share/") || valid && ValidFilter(rest) != nil {
			t.Fatalf("SplitShare(%q) leaves %q, shared %v", filter, rest, shared)
		}
		if isName := ValidName(filter) == nil; isName && !Match(filter, filter) {
			t.Fatalf("%q does not match itself", filter)
		}
	})
}
