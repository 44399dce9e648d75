package config

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// Load is the configuration of a process: the defaults, then the file, then the
// environment, written NAME=value. Without a name the variable LINNET_CONFIG
// names the file; without that there is none. All mistakes come at once, as
// Problems. The caller puts flags on top and calls Validate.
func Load(name string, environ []string) (*Config, error) {
	c := Default()
	if name == "" {
		name = fileVariable(environ)
	}
	d := &decoder{file: name, places: c.places}
	if name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		if err := c.read(d, text); err != nil {
			return nil, err
		}
	}
	d.environment(environ, c.keys())
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	c.completeListeners()
	return c, nil
}

// fileVariable is the value of LINNET_CONFIG.
func fileVariable(environ []string) string {
	var name string
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, FileVariable+"="); ok {
			name = value
		}
	}
	return name
}

// read decodes a file: ours, in YAML, or hmq's, in JSON. Mistakes of ours are
// left with d, those of hmq's returned.
func (c *Config) read(d *decoder, text []byte) error {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if isObject(text) {
		return c.importHMQ(d.file, text)
	}
	d.document(text, "", &group{c.keys()})
	if kind := foreignFile(text); kind != "" && len(d.problems) > 0 {
		d.problems.add(place{file: d.file}, "", "this looks like a file of %s: linnet config import %s %s prints the equivalent", kind, kind, d.file)
	}
	return nil
}

// isObject reports whether a text is a JSON object.
func isObject(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == '{'
}

// Parse is Load for a text instead of a file, without an environment. The name
// stands in the mistakes.
func Parse(name string, text []byte) (*Config, error) {
	c := Default()
	d := &decoder{file: name, places: c.places}
	if err := c.read(d, text); err != nil {
		return nil, err
	}
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	c.completeListeners()
	return c, nil
}
