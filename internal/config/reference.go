package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Entry is what is known about one key.
type Entry struct {
	Key         string // path; an element of a list is written [N]
	Type        string
	Allowed     string
	Default     string // "" if there is none
	Change      string // what makes a change count: reload or restart
	Environment string
	Doc         string
	Holds       bool // it holds further keys and no value of its own
}

// Reference lists every key in the order of the file.
func Reference() []Entry {
	var all []Entry
	var add func(path string, ks keys)
	add = func(path string, ks keys) {
		for i := range ks {
			k := &ks[i]
			e := Entry{
				Key: join(path, k.name), Type: typeOf(k.value), Allowed: allowed(k.value),
				Change: k.when.String(), Doc: k.doc, Default: defaultText(k.value),
			}
			e.Environment = strings.ReplaceAll(environmentName(e.Key), "[N]", "_N")
			switch v := k.value.(type) {
			case *group:
				e.Holds = true
				all = append(all, e)
				add(e.Key, v.keys)
			case *blocks:
				e.Holds = true
				all = append(all, e)
				add(e.Key+"[N]", v.fresh())
			default:
				all = append(all, e)
			}
		}
	}
	add("", Default().keys())
	return all
}

func defaultText(v value) string {
	if s, ok := v.(*scalar); ok {
		return s.def
	}
	return ""
}

// Markdown is the reference as tables, one for each mapping.
func Markdown() string {
	var b strings.Builder
	section := "-"
	for _, e := range Reference() {
		if e.Holds {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", e.Key, escape(e.Doc))
			section = ""
			continue
		}
		if group := parent(e.Key); section != group {
			if group == "" && section == "-" {
				b.WriteString("### At the top\n")
			}
			b.WriteString("\n| key | default | allowed | change | meaning |\n| --- | --- | --- | --- | --- |\n")
			section = group
		}
		name := e.Key[len(section):]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", strings.TrimPrefix(name, "."), code(e.Default), escape(e.Allowed), e.Change, escape(e.Doc))
	}
	return b.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// escape keeps a text from being taken for Markdown.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;").Replace(text)
}

// Lookup lists a key and those below it; "" means all. The numbers of lists may
// be left out: listeners.tls.
func Lookup(key string) ([]Entry, error) {
	plain := strings.NewReplacer("[N]", "", "[]", "")
	wanted := indexes.ReplaceAllString(plain.Replace(key), "")
	var found []Entry
	var known []string
	for _, e := range Reference() {
		path := plain.Replace(e.Key)
		known = append(known, path)
		if wanted == "" || path == wanted || strings.HasPrefix(path, wanted+".") {
			found = append(found, e)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if like := nearest(wanted, known); like != "" {
		return nil, fmt.Errorf("there is no key %s; did you mean %s?", key, like)
	}
	return nil, fmt.Errorf("there is no key %s: linnet config doc lists all", key)
}

var indexes = regexp.MustCompile(`\[[0-9]+\]`)

// Lines are what there is to say about a key, for people.
func (e *Entry) Lines() []string {
	lines := wrap(e.Doc, 96)
	if e.Holds {
		return lines
	}
	lines = append(lines, wrap("allowed: "+e.Allowed, 96)...)
	if e.Default != "" {
		lines = append(lines, "default: "+e.Default)
	}
	return append(lines, "environment: "+e.Environment, "a change needs: a "+e.Change)
}
