package topics

import "strings"

// A position in a topic or filter is the index of a level's first byte. The
// position after the last level is len(s)+1: "a/" has the levels at 0 and 2,
// the second one empty, and ends at 3.

// levelEnd returns where the level that begins at pos ends: the index of the
// next separator or len(s).
func levelEnd(s string, pos int) int {
	if i := strings.IndexByte(s[pos:], '/'); i >= 0 {
		return pos + i
	}
	return len(s)
}

// Levels returns how many levels a topic or filter has: the separators plus
// one. The empty string has none.
func Levels(topic string) int {
	if topic == "" {
		return 0
	}
	return strings.Count(topic, "/") + 1
}

// SplitShare splits the filter of a Shared Subscription into its share name
// and the filter to match with: "$share/g/a/b" gives "g", "a/b", true. For a
// plain filter, and for a broken $share prefix that ValidFilter refuses, ok is
// false and rest is filter unchanged. The results share filter's memory.
func SplitShare(filter string) (share, rest string, ok bool) {
	after, found := strings.CutPrefix(filter, sharePrefix)
	if !found {
		return "", filter, false
	}
	share, rest, _ = strings.Cut(after, "/")
	if share == "" || rest == "" {
		return "", filter, false
	}
	return share, rest, true
}

// startsWild reports whether a filter begins with a wildcard level.
func startsWild(filter string) bool {
	return filter != "" && (filter[0] == '+' || filter[0] == '#')
}

// startsDollar reports whether a topic or filter begins with '$'.
func startsDollar(s string) bool { return s != "" && s[0] == '$' }
