package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errNotAllowed says that a text is not what scalar.want describes.
var errNotAllowed = errors.New("not allowed")

// anyText holds any text; want describes it.
func anyText(p *string, def, want string) *scalar {
	return &scalar{
		what: "text", want: want, def: def,
		read:   func(text string) error { *p = text; return nil },
		write:  func() string { return *p },
		schema: schema{"type": "string"},
	}
}

// file holds the name of a file or directory.
func file(p *string, def string) *scalar {
	s := anyText(p, def, "a path")
	s.what = "path"
	return s
}

// checked holds a text that check has no objection to.
func checked(p *string, def, want string, check func(string) error) *scalar {
	s := anyText(p, def, want)
	s.read = func(text string) error {
		if text != "" && check(text) != nil {
			return errNotAllowed
		}
		*p = text
		return nil
	}
	return s
}

// choice holds one of some words. The empty word stands for a default that is
// not a word: "" in the file.
func choice(p *string, def string, words ...string) *scalar {
	s := anyText(p, def, either(words))
	s.what = "word"
	s.read = func(text string) error {
		if !slices.Contains(words, text) && text != def {
			return errNotAllowed
		}
		*p = text
		return nil
	}
	accepted := words
	if !slices.Contains(words, def) {
		accepted = append([]string{def}, words...)
	}
	s.schema = schema{"enum": accepted}
	return s
}

// either lists words for people: "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// boolean holds true or false.
func boolean(p *bool, def bool) *scalar {
	return &scalar{
		what: "boolean", want: "true or false", def: strconv.FormatBool(def), plain: true,
		read: func(text string) error {
			if text != "true" && text != "false" {
				return errNotAllowed
			}
			*p = text == "true"
			return nil
		},
		write:  func() string { return strconv.FormatBool(*p) },
		schema: schema{"type": "boolean"},
	}
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32
}

// number holds a whole number from least to most.
func number[T integer](p *T, def, least, most T) *scalar {
	return &scalar{
		what: "number", want: fmt.Sprintf("a whole number from %d to %d", least, most), def: fmt.Sprint(def), plain: true,
		read: func(text string) error {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < int64(least) || n > int64(most) {
				return errNotAllowed
			}
			*p = T(n)
			return nil
		},
		write:  func() string { return fmt.Sprint(*p) },
		schema: schema{"type": "integer", "minimum": least, "maximum": most},
	}
}

// size holds a number of bytes from least to most.
func size[T integer](p *T, def, least, most T) *scalar {
	return &scalar{
		what: "size", want: "a size from " + formatSize(int64(least)) + " to " + formatSize(int64(most)) + ", like 64KiB or 1MiB",
		def: formatSize(int64(def)),
		read: func(text string) error {
			n, err := parseSize(text)
			if err != nil || n < int64(least) || n > int64(most) {
				return errNotAllowed
			}
			*p = T(n)
			return nil
		},
		write:  func() string { return formatSize(int64(*p)) },
		schema: schema{"type": []string{"string", "integer"}, "pattern": sizePattern},
	}
}

// duration holds a time span from least to most, in whole steps.
func duration(p *time.Duration, def, least, most, step time.Duration) *scalar {
	want := "a duration from " + formatDuration(least) + " to " + formatDuration(most) + ", like 10s, 5m or 1h30m"
	if step == time.Second {
		want += ", in whole seconds"
	}
	return &scalar{
		what: "duration", want: want, def: formatDuration(def),
		read: func(text string) error {
			d, err := parseDuration(text)
			if err != nil || d < least || d > most || d%step != 0 {
				return errNotAllowed
			}
			*p = d
			return nil
		},
		write:  func() string { return formatDuration(*p) },
		schema: schema{"type": "string", "pattern": durationPattern},
	}
}

// orZero lets a word stand for a zero, and makes it the default if the default
// is zero: "none", "never", "off".
func (s *scalar) orZero(word string, zero func() bool, clear func()) *scalar {
	read, write := s.read, s.write
	s.want += ", or " + word
	s.plain = false
	s.read = func(text string) error {
		if text == word {
			clear()
			return nil
		}
		return read(text)
	}
	s.write = func() string {
		if zero() {
			return word
		}
		return write()
	}
	s.schema = schema{"anyOf": []schema{{"const": word}, s.schema}}
	return s
}

// orOff adds the word off to what a text behind p may be: it empties it.
func orOff(p *string, s *scalar) *scalar {
	return s.orZero("off", func() bool { return *p == "" }, func() { *p = "" })
}

// or is orZero for the field behind p, with the word as the default.
func or[T integer](s *scalar, p *T, word string) *scalar {
	return s.orZero(word, func() bool { return *p == 0 }, func() { *p = 0 })
}

// defaulting makes a text the default of a scalar.
func (s *scalar) defaulting(text string) *scalar {
	s.def = text
	return s
}
