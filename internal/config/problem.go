package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// place is where a setting was given: a position in a file, or an environment
// variable. The zero place is nowhere: a default.
type place struct {
	file         string
	line, column int
	variable     string
}

func (p place) String() string {
	switch {
	case p.variable != "":
		return p.variable
	case p.file == "":
		return ""
	case p.line == 0:
		return p.file
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column)
}

// Problem is one mistake in a configuration.
type Problem struct {
	At   string // file:line:column or the environment variable, "" if neither
	Key  string // path of the key: listeners[0].tls.cert_file; "" if there is none
	Text string // what is wrong and what is allowed

	place place
}

// Error is the mistake in one line.
func (p Problem) Error() string {
	var b strings.Builder
	for _, part := range []string{p.At, p.Key, p.Text} {
		if part != "" && b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	return b.String()
}

// Problems are all mistakes of a configuration.
type Problems []Problem

// Error is the mistake, or a list of them, one in a line.
func (ps Problems) Error() string {
	if len(ps) == 1 {
		return ps[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d mistakes in the configuration:", len(ps))
	for _, p := range ps {
		b.WriteString("\n  " + p.Error())
	}
	return b.String()
}

// add notes a mistake.
func (ps *Problems) add(at place, key, format string, args ...any) {
	*ps = append(*ps, Problem{At: at.String(), Key: key, Text: fmt.Sprintf(format, args...), place: at})
}

// err returns the problems as an error in the order of the file, nil if there
// are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.place.line, b.place.line), cmp.Compare(a.place.column, b.place.column))
	})
	return ps
}
