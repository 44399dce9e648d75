package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Secret is a text that no log line, JSON text or formatted string shows. It is
// given itself or as the name of a file that holds it.
type Secret struct {
	text string
	file string
}

// hiddenText is what is shown of a secret.
const hiddenText = "***"

// Reveal returns the secret itself, read from its file if it has one; a line
// break at the end of the file does not count. Empty means that none was given.
func (s Secret) Reveal() (string, error) {
	if s.file == "" {
		return s.text, nil
	}
	text, err := os.ReadFile(s.file)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	one, more, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), "\n")
	if more != "" {
		return "", fmt.Errorf("read secret: %s has more than one line: leave only the secret in it", s.file)
	}
	if one = strings.TrimSuffix(one, "\r"); one == "" {
		return "", fmt.Errorf("read secret: %s is empty: write the secret into it", s.file)
	}
	return one, nil
}

// Given reports whether there is a secret or a file for one.
func (s Secret) Given() bool { return s.text != "" || s.file != "" }

// String hides the secret.
func (s Secret) String() string {
	if !s.Given() {
		return ""
	}
	return hiddenText
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) } // what fmt does with the error is its affair

// MarshalText hides the secret in JSON and wherever else texts are made.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the secret in log lines.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// secret makes the two keys of a secret: the name itself, and its twin with
// _file behind it.
func secret(name string, w when, p *Secret, doc string) keys {
	open := &scalar{
		what: "secret", want: "a text", hidden: true,
		read:   func(text string) error { p.text = text; return p.one() },
		write:  p.hiddenOwn,
		open:   func() string { return p.text },
		schema: schema{"type": "string"},
	}
	twin := file(&p.file, "")
	twin.read = func(text string) error { p.file = text; return p.one() }
	twin.want = "a path, and only one of " + name + " and " + name + "_file"
	open.want = "a text, and only one of " + name + " and " + name + "_file"
	return keys{
		{name, w, open, doc + " It appears in no log and no output."},
		{name + "_file", w, twin, "File with one line, the value of " + name + "."},
	}
}

var errTwice = errors.New("given twice")

// one refuses a secret that is given both ways.
func (s *Secret) one() error {
	if s.text != "" && s.file != "" {
		return errTwice
	}
	return nil
}

func (s *Secret) hiddenOwn() string {
	if s.text == "" {
		return ""
	}
	return hiddenText
}

var (
	_ fmt.Formatter  = Secret{}
	_ slog.LogValuer = Secret{}
)
