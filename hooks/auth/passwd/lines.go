package passwd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// maxFile bounds a password file in bytes: a million users with argon2id.
const maxFile = 128 << 20

// Entry is a user of a password file.
type Entry struct {
	Username string
	Kind     Kind
	Line     int // of the file, from 1
}

// record is an Entry with its hash.
type record struct {
	Entry
	hash    hash
	encoded string
}

// Error is a mistake in a password file.
type Error struct {
	File string
	Line int
	Err  error
}

// Error names file and line.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// parse reads the text of a password file. Errors never quote a hash.
func parse(name string, text []byte) ([]record, error) {
	var all []record
	lineOf := map[string]int{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		r, err := parseLine(string(bytes.TrimRight(line, "\r\n")))
		if err == nil && r != nil {
			if first := lineOf[r.Username]; first != 0 {
				err = fmt.Errorf("user %q stands in line %d too; delete one of them", r.Username, first)
			}
		}
		if err != nil {
			return nil, &Error{name, n, err}
		}
		if r != nil {
			r.Line = n
			lineOf[r.Username] = n
			all = append(all, *r)
		}
	}
	return all, nil
}

// parseLine returns nil for comments and blank lines.
func parseLine(line string) (*record, error) {
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
		return nil, nil //nolint:nilnil // a line without a user is no error
	}
	username, encoded, found := strings.Cut(line, ":")
	if !found {
		return nil, errors.New("there is no colon between user name and password hash")
	}
	if err := ValidUsername(username); err != nil {
		return nil, err
	}
	encoded = strings.TrimSpace(encoded)
	h, err := parseHash(encoded)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", username, err)
	}
	return &record{Entry: Entry{Username: username, Kind: h.kind()}, hash: h, encoded: encoded}, nil
}

// ValidUsername tells why a user name cannot stand in a password file: it would
// be read as something else, or MQTT could not carry it.
func ValidUsername(name string) error {
	switch {
	case name == "":
		return errors.New("the user name is empty")
	case len(name) > maxPassword:
		return fmt.Errorf("the user name has %d bytes, MQTT carries %d", len(name), maxPassword)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("the user name %q is not valid UTF-8 without a zero", name)
	case strings.ContainsAny(name, ":\r\n"):
		return fmt.Errorf("the user name %q has a colon or the end of a line in it, which the file cannot hold", name)
	case strings.HasPrefix(name, "#"):
		return fmt.Errorf("the user name %q begins like a comment", name)
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("the user name %q is blank", name)
	}
	return nil
}

// readFile reads a password file whole, if it is not absurdly large.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("password file: %w", err)
	}
	if info.IsDir() || info.Size() > maxFile {
		return nil, fmt.Errorf("password file %s: it is a directory or larger than %d MiB", path, maxFile>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("password file: %w", err)
	}
	return text, nil
}

// List returns the users of a password file in its order.
func List(path string) ([]Entry, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	records, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	all := make([]Entry, len(records))
	for i := range records {
		all[i] = records[i].Entry
	}
	return all, nil
}
