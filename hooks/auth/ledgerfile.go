package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// parseLedger reads JSON, which begins with '{', or YAML. name stands for the
// file in errors.
func parseLedger(name string, data []byte) (*Ledger, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	l := new(Ledger)
	var err error
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		err = decodeJSON(data, l)
	} else {
		err = decodeYAML(data, l)
	}
	if err == nil {
		err = l.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

func decodeJSON(data []byte, l *Ledger) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(l)
	at := d.InputOffset()
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = s.Offset
	}
	if u, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at = u.Offset
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the ledger's closing brace")
		}
	}
	if err != nil {
		line := 1 + bytes.Count(data[:min(int(at), len(data))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	return nil
}

func decodeYAML(data []byte, l *Ledger) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("it is empty; a ledger has users, auth or acl")
	}
	return yaml.Load(data, l, yaml.WithKnownFields())
}

func marshalYAML(l *Ledger) ([]byte, error) { return yaml.Dump(l) }
