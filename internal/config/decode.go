package config

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder puts the values of YAML nodes where the table says, and notes every
// mistake together with its place.
type decoder struct {
	file     string
	variable string // the environment variable that holds the text, instead of a file
	places   map[string]place
	problems Problems
	lax      bool // keys without a value count as left out, and quotes do not matter
}

// document decodes a whole text into ks. A text without any key is fine.
func (d *decoder) document(text []byte, path string, v value) {
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		d.broken(text, path, err)
		return
	}
	if len(root.Content) == 1 {
		d.value(root.Content[0], path, v)
	}
}

// broken notes what is wrong with a text that is no YAML.
func (d *decoder) broken(text []byte, path string, err error) {
	all, several := errors.AsType[*yaml.LoadErrors](err)
	one, _ := errors.AsType[*yaml.LoadError](err)
	if several && len(all.Errors) > 0 {
		one = all.Errors[0]
	}
	switch {
	case one == nil:
		d.problems.add(d.at(0, 0), path, "not YAML: %v", err)
	case one.Mark.Line > 0:
		d.problems.add(d.at(one.Mark.Line, one.Mark.Column), path, "not YAML: %s", one.Message)
	case strings.Contains(one.Message, "multiple"):
		d.problems.add(d.at(0, 0), path, "more than one document: leave one, without --- between")
	case strings.TrimLeft(string(text), " \r\n\t") != "" && !onlyComments(text):
		d.problems.add(d.at(0, 0), path, "not YAML in UTF-8")
	}
}

// onlyComments reports whether a text says nothing.
func onlyComments(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

func (d *decoder) at(line, column int) place {
	return place{file: d.file, line: line, column: column, variable: d.variable}
}

func (d *decoder) wrong(n *yaml.Node, path, format string, args ...any) {
	d.problems.add(d.at(n.Line, n.Column), path, format, args...)
}

// value decodes what stands behind one key.
func (d *decoder) value(n *yaml.Node, path string, v value) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.places[path] = d.at(n.Line, n.Column)
	switch v := v.(type) {
	case *scalar:
		d.scalar(n, path, v)
	case *words:
		d.words(n, path, v)
	case *group:
		d.group(n, path, v.keys)
	case *blocks:
		d.blocks(n, path, v)
	case *ignored:
		v.given = n.ShortTag() != "!!null"
	}
}

// scalar decodes a single value.
func (d *decoder) scalar(n *yaml.Node, path string, s *scalar) {
	switch {
	case d.lax && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
	case n.Kind != yaml.ScalarNode:
		d.wrong(n, path, "this is a %s: use %s", kindOf(n), s.want)
	case n.ShortTag() == "!!null":
		d.wrong(n, path, "there is no value: use %s, or leave the key out", s.want)
	case s.plain && !d.lax && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		d.wrong(n, path, "%q is a text: use %s, without quotes", n.Value, s.want)
	default:
		d.text(d.at(n.Line, n.Column), path, s, n.Value)
	}
}

// text stores the text of a single value.
func (d *decoder) text(at place, path string, s *scalar, text string) {
	err := s.read(text)
	switch {
	case err != nil && s.hidden:
		d.problems.add(at, path, "use %s", s.want)
	case err != nil:
		d.problems.add(at, path, "%s is not allowed: use %s", strconv.Quote(text), s.want)
	}
}

// words decodes a list of texts.
func (d *decoder) words(n *yaml.Node, path string, w *words) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, path, "this is a %s: use %s, like [a, b]", kindOf(n), allowed(w))
		return
	}
	*w.p = nil
	for i, e := range n.Content {
		for e.Kind == yaml.AliasNode {
			e = e.Alias
		}
		if e.Kind != yaml.ScalarNode || e.ShortTag() == "!!null" {
			d.wrong(e, element(path, i), "this is a %s: use %s", kindOf(e), w.want)
			continue
		}
		d.word(d.at(e.Line, e.Column), element(path, i), w, e.Value)
	}
}

// word appends one text to a list.
func (d *decoder) word(at place, path string, w *words, text string) {
	if w.check != nil && w.check(text) != nil {
		d.problems.add(at, path, "%s is not allowed: use %s", strconv.Quote(text), w.want)
		return
	}
	*w.p = append(*w.p, text)
}

// blocks decodes a list of mappings. What the list held before is forgotten.
func (d *decoder) blocks(n *yaml.Node, path string, b *blocks) {
	if d.lax && n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, path, "this is a %s: use %s, each behind a dash", kindOf(n), allowed(b))
		return
	}
	b.resize(0)
	b.resize(len(n.Content))
	for i, e := range n.Content {
		d.value(e, element(path, i), &group{b.at(i)})
	}
}

// group decodes a mapping.
func (d *decoder) group(n *yaml.Node, path string, ks keys) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return // all its keys are commented out
	}
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "this is a %s: use a mapping with the keys %s", kindOf(n), either(ks.names()))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		k := ks.named(name.Value)
		switch first, twice := seen[name.Value]; {
		case name.Kind != yaml.ScalarNode:
			d.wrong(name, path, "a key that is a %s: use %s", kindOf(name), either(ks.names()))
		case k == nil:
			d.wrong(name, join(path, name.Value), "%s", unknownKey(name.Value, ks.names()))
		case twice:
			d.wrong(name, join(path, name.Value), "the key stands in line %d already: leave one of them", first)
		default:
			seen[name.Value] = name.Line
			d.value(n.Content[i+1], join(path, name.Value), k.value)
		}
	}
}

// unknownKey says what may have been meant by a key.
func unknownKey(name string, known []string) string {
	text := "there is no such key"
	if name == "<<" {
		text = "merging with << is not supported: repeat the keys"
	}
	if like := nearest(name, known); like != "" {
		text += "; did you mean " + like + "?"
	}
	known = slices.Clone(known)
	slices.Sort(known)
	return text + " (known here: " + strings.Join(known, ", ") + ")"
}

// kindOf names what a node is.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "mapping"
	case n.Kind == yaml.SequenceNode:
		return "list"
	case n.ShortTag() == "!!null":
		return "key without a value"
	}
	return "single value"
}
