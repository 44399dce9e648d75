package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// jsonFile is a JSON text whose mistakes are told by file and line.
type jsonFile struct {
	name string
	text []byte
}

// member is one key of an object and its value, not yet looked at.
type member struct {
	file  *jsonFile
	path  string // the key with those of the objects around it
	key   string
	value json.RawMessage
	at    int64 // where the value ends in the text
}

// errorAt makes an error that names the file and the line of an offset.
func (f *jsonFile) errorAt(offset int64, format string, args ...any) error {
	offset = min(offset, int64(len(f.text)))
	line := 1 + bytes.Count(f.text[:offset], []byte("\n"))
	return fmt.Errorf("%s:%d: %w", f.name, line, fmt.Errorf(format, args...))
}

// object reads the members of the object at text[from:], which is text's end
// but for white space. The keys are those of the known ones, exactly, once each.
func (f *jsonFile) object(from int64, text []byte, prefix string, known []string) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	here := func() int64 { return from + dec.InputOffset() }
	first, err := dec.Token()
	if err != nil {
		return nil, f.errorAt(here(), "%w", plainJSON(err))
	}
	if first != json.Delim('{') {
		return nil, f.errorAt(here(), "want an object { ... }")
	}
	var all []member
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, f.errorAt(here(), "%w", plainJSON(err))
		}
		key, _ := token.(string) // the decoder lets only strings be keys
		m := member{file: f, key: key, path: prefix + key}
		if err := f.checkKey(m, known, all, here()); err != nil {
			return nil, err
		}
		if err := dec.Decode(&m.value); err != nil {
			return nil, f.errorAt(here(), "key %q: %w", m.path, plainJSON(err))
		}
		m.at = here()
		all = append(all, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, f.errorAt(here(), "%w", plainJSON(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, f.errorAt(here(), "there is something behind the closing }")
	}
	return all, nil
}

// checkKey refuses keys that are unknown or come again.
func (f *jsonFile) checkKey(m member, known []string, before []member, at int64) error {
	for _, b := range before {
		if b.key == m.key {
			return f.errorAt(at, "key %q comes twice", m.path)
		}
	}
	if slices.Contains(known, m.key) {
		return nil
	}
	if like := nearest(m.key, known); like != "" {
		return f.errorAt(at, "unknown key %q; did you mean %q?", m.path, like)
	}
	return f.errorAt(at, "unknown key %q; known keys: %s", m.path, list(known))
}

func list(words []string) string {
	var b []byte
	for i, w := range words {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, w...)
	}
	return string(b)
}

// plainJSON puts the end of a text into words.
func plainJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON text ends too early")
	}
	return err
}

func (m *member) wrong(want string) error {
	return m.file.errorAt(m.at, "key %q is %s, want %s", m.path, m.value, want)
}

// text is the value as a string.
func (m *member) text() (string, error) {
	var s *string
	if err := json.Unmarshal(m.value, &s); err != nil || s == nil {
		return "", m.wrong("a string")
	}
	return *s, nil
}

// bool is the value as true or false.
func (m *member) bool() (bool, error) {
	var b *bool
	if err := json.Unmarshal(m.value, &b); err != nil || b == nil {
		return false, m.wrong("true or false")
	}
	return *b, nil
}

// port is a number, as a string or not; "" is none.
func (m *member) port() (string, error) {
	const want = "a port number like \"1883\", or \"\" for none"
	s, err := m.text()
	if err != nil {
		var n int
		if json.Unmarshal(m.value, &n) != nil || string(m.value) == "null" {
			return "", m.wrong(want)
		}
		s = strconv.Itoa(n)
	}
	if s != "" && ValidPort(s) != nil {
		return "", m.wrong(want)
	}
	return s, nil
}
