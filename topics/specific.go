package topics

import (
	"cmp"
	"strings"
)

// CompareSpecific orders filters, the more specific one first: at the first
// level in which they differ a literal comes before '+', '+' before '#', and
// the end of a filter before everything. Of two filters that match the same
// topic one is always the more specific; others are ordered by their text, so
// that the order is total. A filter comes before all others that cover it.
func CompareSpecific(a, b string) int {
	i, j := 0, 0
	for i <= len(a) && j <= len(b) {
		iend, jend := levelEnd(a, i), levelEnd(b, j)
		alevel, blevel := a[i:iend], b[j:jend]
		if alevel != blevel {
			return cmp.Or(cmp.Compare(wildness(alevel), wildness(blevel)), strings.Compare(alevel, blevel))
		}
		i, j = iend+1, jend+1
	}
	return cmp.Compare(len(a)-i, len(b)-j)
}

// wildness ranks a level by how much it matches.
func wildness(level string) int {
	switch level {
	case "#":
		return 2
	case "+":
		return 1
	}
	return 0
}
