package config

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// DefaultFile is the file that says what holds without a file, with every key
// explained.
func DefaultFile() string {
	w := &writer{comments: true}
	w.line(0, "# Linnet's configuration. These are the defaults: a key that is left out keeps its default.")
	w.line(0, "# linnet config check FILE examines a file; linnet config doc KEY tells more about a key.")
	w.group(0, "", Default().keys())
	return w.b.String()
}

// writer writes YAML.
type writer struct {
	b        strings.Builder
	comments bool                // explain every key; else write only what differs from its default
	example  bool                // within the commented keys of an element
	defaults map[string]string   // of every key, for the latter
	notes    map[string][]string // comments of an import, by path
	reveal   bool                // write secrets, for a file that took them from another file
	narrow   int                 // columns by which the lines are to be shorter
}

const lineWidth = 110

func (w *writer) line(indent int, text string) {
	if text != "" {
		w.b.WriteString(strings.Repeat("  ", indent) + text)
	}
	w.b.WriteByte('\n')
}

// comment writes a text behind #, in lines of bearable length.
func (w *writer) comment(indent int, text string) {
	for _, line := range wrap(printable(text), lineWidth-w.narrow-2*indent-2) {
		w.line(indent, "# "+line)
	}
}

// printable replaces what YAML allows in no comment.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != ' ' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// wrap breaks a text into lines.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// group writes the keys of a mapping.
func (w *writer) group(indent int, path string, ks keys) {
	for i := range ks {
		k := &ks[i]
		at := join(path, k.name)
		if !w.comments && !w.wanted(at, k.value) {
			continue
		}
		if indent == 0 && (w.comments || w.b.Len() > 0) {
			w.line(0, "")
		}
		w.explain(indent, at, k)
		w.value(indent, at, k)
	}
}

// explain writes what is to be said before a key.
func (w *writer) explain(indent int, path string, k *key) {
	if w.comments {
		w.comment(indent, k.doc+more(k.value))
	}
	for _, note := range w.notes[path] {
		w.comment(indent, note)
	}
}

// more says what is allowed and is not clear from a default.
func more(v value) string {
	switch v := v.(type) {
	case *scalar:
		if v.what == "boolean" || v.what == "path" || v.want == "a text" {
			return ""
		}
		return " Use " + v.want + "."
	case *words:
		return " Use " + v.want + "."
	}
	return ""
}

func (w *writer) value(indent int, path string, k *key) {
	switch v := k.value.(type) {
	case *scalar:
		text := v.write()
		if v.hidden && w.reveal {
			text = v.open()
		}
		if w.comments && text == "" {
			w.line(indent, "#"+k.name+": \"\"")
			return
		}
		w.line(indent, k.name+": "+quoted(v, text))
	case *words:
		if w.comments && len(*v.p) == 0 {
			w.line(indent, "#"+k.name+": []")
			return
		}
		w.line(indent, k.name+": "+flowList(*v.p))
	case *group:
		w.line(indent, k.name+":")
		w.group(indent+1, path, v.keys)
	case *blocks:
		w.blocks(indent, path, k.name, v)
	}
}

// blocks writes a list of mappings: only what differs from the defaults, and for
// readers every key of an element once, commented out.
func (w *writer) blocks(indent int, path, name string, b *blocks) {
	if w.example && b.length() == 0 {
		w.line(indent, "#"+name+": []")
		return
	}
	if !w.comments && b.length() == 0 {
		w.line(indent, name+": []")
		return
	}
	off := ""
	if b.length() == 0 {
		off = "#"
	}
	w.line(indent, off+name+":")
	for i := range b.length() {
		w.element(indent+1, element(path, i), b.at(i), b.fresh())
	}
	if !w.comments {
		return
	}
	w.comment(indent+1, "All keys of one "+b.one+":")
	all := &writer{comments: true, example: true, narrow: 4}
	all.group(1, "", b.fresh())
	lead := "# - "
	for line := range strings.Lines(all.b.String()) {
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "  ")
		if strings.HasPrefix(strings.TrimLeft(line, " "), "# ") {
			w.line(indent+1, "#   "+line)
			continue
		}
		w.line(indent+1, lead+strings.Replace(line, "#", "", 1))
		lead = "#   "
	}
}

// element writes one mapping of a list.
func (w *writer) element(indent int, path string, ks, fresh keys) {
	inner := &writer{defaults: map[string]string{}, notes: w.notes}
	fresh.walk(path, func(at string, k *key) { inner.defaults[at] = text(k.value) })
	inner.group(0, path, ks)
	first := true
	for line := range strings.Lines(inner.b.String()) {
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			continue
		}
		if first && !strings.HasPrefix(line, "#") {
			w.line(indent, "- "+line)
			first = false
			continue
		}
		if first {
			w.line(indent, line)
			continue
		}
		w.line(indent+1, line)
	}
	if first {
		w.line(indent, "- {}")
	}
}

// wanted reports whether a key is to be written although it is not explained:
// it differs from its default, or there is something to say about it.
func (w *writer) wanted(path string, v value) bool {
	if len(w.notes[path]) > 0 {
		return true
	}
	switch v := v.(type) {
	case *group:
		for i := range v.keys {
			if w.wanted(join(path, v.keys[i].name), v.keys[i].value) {
				return true
			}
		}
		return false
	case *blocks:
		return v.length() > 0 || v.some
	}
	return text(v) != w.defaults[path]
}

// plainText matches texts that need no quotes in YAML.
var plainText = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./:-]*$`)

// confusing matches texts that YAML takes for something other than a text.
var confusing = regexp.MustCompile(`^(?i:true|false|yes|no|on|off|y|n|null|[-+.0-9_xob]*|[0-9.]+e[0-9]+|\.(inf|nan)|[0-9:-]+)$`)

// quoted writes the text of a scalar, in quotes where it needs them.
func quoted(s *scalar, text string) string {
	if isText := s.what == "text" || s.what == "path" || s.what == "word" || s.hidden; !isText && text != "off" {
		return text // a number, a size, a duration or a word beside them
	}
	return quote(text)
}

func quote(text string) string {
	if plainText.MatchString(text) && !confusing.MatchString(text) && !strings.HasSuffix(text, ":") {
		return text
	}
	return strconv.Quote(text) // YAML knows all its escapes
}

func flowList(texts []string) string {
	var all []string
	for _, t := range texts {
		all = append(all, quote(t))
	}
	return "[" + strings.Join(all, ", ") + "]"
}
