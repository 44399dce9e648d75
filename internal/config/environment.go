package config

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	envPrefix = "LINNET_"
	// FileVariable names the configuration file where no flag does.
	FileVariable = envPrefix + "CONFIG"
)

// foreign are variables with our prefix that are not settings: those which
// Kubernetes makes for a Service whose name begins with "linnet", and those of
// the tests.
var foreign = regexp.MustCompile(`^LINNET_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$|^LINNET_(TEST_.*|LONG|LOAD_CLIENT)$`)

// environment puts the values of environment variables, written NAME=value, on
// top of what ks hold. A variable without a value counts as not set.
func (d *decoder) environment(environ []string, ks keys) {
	type variable struct{ name, value string }
	var all []variable
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && name != FileVariable && value != "" && !foreign.MatchString(name) {
			all = append(all, variable{name, value})
		}
	}
	// A shorter name is a whole list or mapping, its parts come on top of it;
	// the elements of a list come by number.
	slices.SortFunc(all, func(a, b variable) int { return compareNumbered(a.name, b.name) })
	for _, v := range all {
		d.variable = v.name
		rest := strings.TrimPrefix(v.name, envPrefix)
		if !d.assign(rest, v.value, "", ks) {
			d.problems.add(place{variable: v.name}, "", "%s", unknownVariable(v.name, ks))
		}
	}
	d.variable = ""
}

// compareNumbered orders names by their words, numbers by their value.
func compareNumbered(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "_"), strings.Split(b, "_"), func(a, b string) int {
		m, errA := strconv.Atoi(a)
		n, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(a, b)
	})
}

// assign finds the key that the rest of a variable's name leads to and stores
// the text there. It reports whether there is one.
func (d *decoder) assign(rest, text, path string, ks keys) bool {
	for i := range ks {
		k := &ks[i]
		upper, at := strings.ToUpper(k.name), join(path, k.name)
		if rest == upper {
			d.variableValue(text, at, k.value)
			return true
		}
		below, ok := strings.CutPrefix(rest, upper+"_")
		if !ok {
			continue
		}
		switch v := k.value.(type) {
		case *group:
			if d.assign(below, text, at, v.keys) {
				return true
			}
		case *blocks:
			if d.assignElement(below, text, at, v) {
				return true
			}
		}
	}
	return false
}

// assignElement is assign for a list: the name goes on with a number.
func (d *decoder) assignElement(rest, text, path string, b *blocks) bool {
	number, below, ok := strings.Cut(rest, "_")
	i, err := strconv.Atoi(number)
	if !ok || err != nil || i < 0 || strconv.Itoa(i) != number {
		return false
	}
	if i > b.length() {
		d.problems.add(place{variable: d.variable}, path, "there are %d entries, so the next %s has the number %d", b.length(), b.one, b.length())
		return true
	}
	fresh := i == b.length()
	if fresh {
		b.resize(i + 1)
	}
	if d.assign(below, text, element(path, i), b.at(i)) {
		return true
	}
	if fresh {
		b.resize(i)
	}
	return false
}

// variableValue stores the text of a variable. Lists of texts are separated by
// commas; for whole mappings and lists the text is YAML.
func (d *decoder) variableValue(text, path string, v value) {
	at := place{variable: d.variable}
	d.places[path] = at
	switch v := v.(type) {
	case *scalar:
		d.text(at, path, v, text)
	case *words:
		*v.p = nil
		for i, word := range strings.Split(text, ",") {
			d.word(at, element(path, i), v, strings.TrimSpace(word))
		}
	default:
		d.document([]byte(text), path, v)
	}
}

// unknownVariable says what may have been meant by a variable's name.
func unknownVariable(name string, ks keys) string {
	var known []string
	ks.walk("", func(path string, k *key) {
		switch k.value.(type) {
		case *scalar, *words:
			known = append(known, environmentName(path))
		}
	})
	text := "there is no such setting"
	if like := nearest(name, known); like != "" {
		text += "; did you mean " + like + "?"
	}
	return text + " (the name is LINNET_ and the path of a key of the file, in upper case and with _ between)"
}
