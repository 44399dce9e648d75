package topics

import (
	"slices"
	"testing"
)

func TestCompareSpecific(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, first, second string
	}{
		{"literal before plus", "a/b", "a/+"},
		{"plus before hash", "a/+", "a/#"},
		{"end before hash", "a", "a/#"},
		{"deeper hash first", "a/b/#", "a/#"},
		{"the first difference decides", "a/#", "+/b"},
		{"by text", "a/b", "a/c"},
		{"shorter first", "a", "a/b"},
		{"empty level is a literal", "a/", "a/+"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := CompareSpecific(tc.first, tc.second); got >= 0 {
				t.Errorf("CompareSpecific(%q, %q) = %d, want less than 0", tc.first, tc.second, got)
			}
			if got := CompareSpecific(tc.second, tc.first); got <= 0 {
				t.Errorf("CompareSpecific(%q, %q) = %d, want more than 0", tc.second, tc.first, got)
			}
		})
	}
}

// A filter comes before all that cover it, and only equal ones compare equal.
func TestCompareSpecificExhaustive(t *testing.T) {
	t.Parallel()
	var filters []string
	for _, f := range words([]string{"", "a", "b", "+", "#"}, 3) {
		if ValidFilter(f) == nil {
			filters = append(filters, f)
		}
	}
	for _, a := range filters {
		for _, b := range filters {
			got := CompareSpecific(a, b)
			if (got == 0) != (a == b) || got != -CompareSpecific(b, a) {
				t.Errorf("CompareSpecific(%q, %q) = %d, the other way round %d", a, b, got, CompareSpecific(b, a))
			}
			if a != b && Covers(b, a) && !Covers(a, b) && got >= 0 {
				t.Errorf("CompareSpecific(%q, %q) = %d, though the second covers the first", a, b, got)
			}
		}
	}
	slices.SortFunc(filters, CompareSpecific)
	if !slices.IsSortedFunc(filters, CompareSpecific) {
		t.Error("the order is not transitive")
	}
}
