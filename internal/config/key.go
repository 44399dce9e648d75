package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// key is one key of the file: what it is called, when a change of it counts,
// where its value goes and what it means. All that is known about a key, from
// decoding to documentation, is read from here.
type key struct {
	name  string
	when  when
	value value
	doc   string // whole sentences, one paragraph; what the key is for
}

// keys are those of one mapping, in the order of the documentation.
type keys []key

// when says what it takes for a changed value to count.
type when byte

const (
	restart when = iota // a restart
	reload              // a reload
)

// String returns the word for documentation.
func (w when) String() string {
	if w == reload {
		return "reload"
	}
	return "restart"
}

// value is what a key holds: *scalar, *words, *group, *blocks or,
// in files of other brokers, *ignored.
type value interface{ reset() }

// scalar is a single value and where it is stored.
type scalar struct {
	what   string                  // its type in a word: "duration"
	want   string                  // what is allowed: "a duration like 10s"
	def    string                  // the default as text
	plain  bool                    // numbers and booleans: never in quotes
	read   func(text string) error // stores a text; the error is not shown
	write  func() string           // the stored value as text
	schema schema
	hidden bool          // a secret
	open   func() string // a secret as it is
}

func (s *scalar) reset() {
	if err := s.read(s.def); err != nil {
		panic("config: the default " + s.def + " is not valid") // the table is wrong
	}
}

// words is a list of texts and where it is stored.
type words struct {
	p     *[]string
	want  string                  // what one of them is
	check func(text string) error // nil: every text is allowed
}

func (w *words) reset() { *w.p = nil }

// group is a mapping of more keys.
type group struct{ keys keys }

func (g *group) reset() { g.keys.reset() }

func (ks keys) reset() {
	for i := range ks {
		ks[i].value.reset()
	}
}

// named returns the key with a name, nil if there is none.
func (ks keys) named(name string) *key {
	for i := range ks {
		if ks[i].name == name {
			return &ks[i]
		}
	}
	return nil
}

func (ks keys) names() []string {
	var all []string
	for i := range ks {
		all = append(all, ks[i].name)
	}
	return all
}

// blocks is a list of mappings with the same keys.
type blocks struct {
	one    string // what one of them is called
	length func() int
	resize func(n int) // new ones hold their defaults
	at     func(i int) keys
	fresh  func() keys // those of a new one that is not in the list
	def    func()      // fills in the default list
	some   bool        // which is not empty
	take   func(from *blocks)
	list   any // the pointer to the list
}

func (b *blocks) reset() { b.def() }

// ignored is what another broker's file may hold and nothing is read from.
type ignored struct{ given bool }

func (i *ignored) reset() { i.given = false }

// listOf makes blocks of the elements of *p.
func listOf[T any](one string, p *[]T, keysOf func(*T) keys, def func() []T) *blocks {
	fresh := func() *T {
		e := new(T)
		keysOf(e).reset()
		return e
	}
	return &blocks{
		one:    one,
		length: func() int { return len(*p) },
		resize: func(n int) {
			*p = (*p)[:min(n, len(*p))]
			for len(*p) < n {
				*p = append(*p, *fresh())
			}
		},
		at:    func(i int) keys { return keysOf(&(*p)[i]) },
		fresh: func() keys { return keysOf(fresh()) },
		def:   func() { *p = def() },
		some:  len(def()) > 0,
		list:  p,
		take: func(from *blocks) {
			if list, ok := from.list.(*[]T); ok {
				*p = slices.Clone(*list)
			}
		},
	}
}

// join makes the path of a key below another one.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// element makes the path of an element of a list.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent is the path one step up, "" at the root.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// environmentName is the environment variable of a path.
func environmentName(path string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "").Replace(path))
}

// walk calls f for every key below ks with its path; lists are walked element
// by element.
func (ks keys) walk(path string, f func(path string, k *key)) {
	for i := range ks {
		k := &ks[i]
		at := join(path, k.name)
		f(at, k)
		switch v := k.value.(type) {
		case *group:
			v.keys.walk(at, f)
		case *blocks:
			for j := range v.length() {
				v.at(j).walk(element(at, j), f)
			}
		}
	}
}

// text is a value in one line, for comparing and printing; "" for those that
// hold further keys.
func text(v value) string {
	switch v := v.(type) {
	case *scalar:
		return v.write()
	case *words:
		return strings.Join(*v.p, ", ")
	}
	return ""
}

// typeOf names the type of a value for documentation.
func typeOf(v value) string {
	switch v := v.(type) {
	case *scalar:
		return v.what
	case *words:
		return "list of texts"
	case *blocks:
		return "list of mappings"
	}
	return "mapping"
}

// allowed says what a value may be.
func allowed(v value) string {
	switch v := v.(type) {
	case *scalar:
		return v.want
	case *words:
		return "a list of " + cmp.Or(v.want, "texts")
	case *blocks:
		return "a list of mappings, one for each " + v.one
	}
	return "a mapping of keys"
}
