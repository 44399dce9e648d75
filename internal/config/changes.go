package config

import (
	"slices"
	"strconv"
	"strings"
)

// Change is a key whose value differs between two configurations.
type Change struct {
	Key string
	// Live reports whether a reload makes the new value count.
	Live bool
}

// Changes lists what differs, in the order of the file. Listeners are compared
// one by one, unless some were added, removed or renamed; other lists as a whole.
func Changes(from, to *Config) []Change {
	var all []Change
	old := map[string]string{}
	from.keys().walk("", func(path string, k *key) { old[path] = compared(k.value) })
	same := sameListeners(from, to)
	to.keys().walk("", func(path string, k *key) {
		inList := strings.Contains(path, "[")
		switch {
		case path == "listeners" && !same:
			all = append(all, Change{Key: path})
		case strings.Count(path, "[") > 1:
			// told by the inner list
		case path == "listeners", inList && (!same || !strings.HasPrefix(path, "listeners[")):
			// told by its elements, or by the list
		case old[path] != compared(k.value):
			all = append(all, Change{path, k.when == reload})
		}
	})
	return all
}

// sameListeners reports whether two configurations have the same listeners, in
// the same order, however they may differ otherwise.
func sameListeners(a, b *Config) bool {
	return slices.EqualFunc(a.Listeners, b.Listeners, func(a, b Listener) bool { return a.ID == b.ID })
}

// compared is a value as a text that differs when the value does.
func compared(v value) string {
	if s, ok := v.(*scalar); ok && s.hidden {
		return s.open()
	}
	switch v := v.(type) {
	case *words:
		return flowList(*v.p)
	case *blocks:
		var b strings.Builder
		for i := range v.length() {
			v.at(i).walk(strconv.Itoa(i), func(path string, k *key) { b.WriteString(path + "=" + strconv.Quote(compared(k.value)) + "\n") })
		}
		return b.String()
	}
	return text(v)
}

// Keep makes c, read from a changed file, what a reload leads to: keys that need
// a restart keep their values of old.
func (c *Config) Keep(old *Config) {
	if !sameListeners(c, old) {
		c.Listeners = slices.Clone(old.Listeners)
	}
	values := map[string]value{}
	old.keys().walk("", func(path string, k *key) { values[path] = k.value })
	c.keys().walk("", func(path string, k *key) {
		if k.when == reload || strings.Contains(path, "[") && !strings.HasPrefix(path, "listeners[") {
			return
		}
		switch v := k.value.(type) {
		case *blocks:
			if from, ok := values[path].(*blocks); ok && path != "listeners" {
				v.take(from)
			}
		case *scalar:
			v.copy(values[path])
		case *words:
			if from, ok := values[path].(*words); ok {
				*v.p = *from.p
			}
		}
	})
}

// copy takes over the value of another scalar of the same key.
func (s *scalar) copy(v value) {
	from, ok := v.(*scalar)
	if !ok {
		return
	}
	text := from.write()
	if s.hidden {
		text = from.open()
	}
	if err := s.read(text); err != nil {
		panic("config: a value is not valid any more: " + err.Error()) // it was read before
	}
}
