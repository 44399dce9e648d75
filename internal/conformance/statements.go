// Package conformance knows the numbered normative statements of MQTT 5.0 and
// MQTT 3.1.1, finds the tests which carry their numbers, and writes the table
// docs/conformance.md: which statement is shown by which test, which is the
// client's duty, and which is still open.
//
// It reads source files only and knows nothing of the broker. Used by its
// generator (internal/conformance/gen) and its own tests.
package conformance

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Duty says who has to keep a statement, and so what we owe it.
type Duty string

// The duties. Only a Server statement must have a test.
const (
	Server     Duty = "server"
	Client     Duty = "client"
	Untestable Duty = "untestable"
)

// Statement is one normative statement of a standard.
type Statement struct {
	ID      string   // "MQTT-3.1.0-1" (5.0) or "MQTT311-3.1.0-1" (3.1.1), as tests write it in brackets
	Version string   // "5.0" or "3.1.1"
	Text    string   // what it asks for, in our own words
	Duty    Duty     // who keeps it
	Reason  string   // why it is not the server's duty; empty for Server
	SameAs  []string // 5.0 statements which together say the same; their tests count here too
}

//go:embed statements.tsv
var statementsTSV string

const header = "id\tversion\tstatement\tduty\treason\tsame_as"

// Statements returns every statement in the order of the standards. An error
// names the line of statements.tsv that breaks a rule.
func Statements() ([]Statement, error) {
	return parse(statementsTSV)
}

func parse(tsv string) ([]Statement, error) {
	var list []Statement
	known := map[string]bool{}
	headerSeen := false
	for i, line := range strings.Split(strings.TrimRight(tsv, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case !headerSeen:
			if line != header {
				return nil, fmt.Errorf("statements.tsv:%d: want the header %q", i+1, header)
			}
			headerSeen = true
		default:
			s, err := parseLine(line, known)
			if err != nil {
				return nil, fmt.Errorf("statements.tsv:%d: %w", i+1, err)
			}
			known[s.ID] = true
			list = append(list, s)
		}
	}
	return list, nil
}

func parseLine(line string, known map[string]bool) (Statement, error) {
	f := strings.Split(line, "\t")
	if len(f) != 6 || slices.Contains(f, "") {
		return Statement{}, fmt.Errorf("want 6 columns, none empty, have %q", f)
	}
	s := Statement{ID: f[0], Version: f[1], Text: f[2], Duty: Duty(f[3]), Reason: f[4]}
	if s.Reason == "-" {
		s.Reason = ""
	}
	if f[5] != "-" {
		s.SameAs = strings.Split(f[5], ",")
	}
	return s, s.check(known)
}

func (s Statement) check(known map[string]bool) error {
	wantVersion := map[string]string{"MQTT": "5.0", "MQTT311": "3.1.1"}[strings.SplitN(s.ID, "-", 2)[0]]
	switch {
	case !validTag.MatchString("[" + s.ID + "]"):
		return fmt.Errorf("%q is not the id of a statement", s.ID)
	case known[s.ID]:
		return fmt.Errorf("%s is listed twice", s.ID)
	case s.Version != wantVersion:
		return fmt.Errorf("%s belongs to version %s, not %s", s.ID, wantVersion, s.Version)
	case s.Duty != Server && s.Duty != Client && s.Duty != Untestable:
		return fmt.Errorf("%s has the unknown duty %q", s.ID, s.Duty)
	case (s.Duty == Server) != (s.Reason == ""):
		return fmt.Errorf("%s: a reason is for duties other than server, and they need one", s.ID)
	}
	for _, same := range s.SameAs {
		if !known[same] || !strings.HasPrefix(same, "MQTT-") {
			return fmt.Errorf("%s is the same as %s, which is no statement of MQTT 5.0", s.ID, same)
		}
	}
	return nil
}
