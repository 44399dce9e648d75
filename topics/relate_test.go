package topics

import (
	"strings"
	"testing"
)

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, outer, inner string
		want               bool
	}{
		{"same", "a/b", "a/b", true},
		{"plus over literal", "a/+", "a/b", true},
		{"literal not over plus", "a/b", "a/+", false},
		{"hash over its parent", "a/#", "a", true},
		{"hash over deeper hash", "a/#", "a/b/#", true},
		{"deeper hash not over hash", "a/b/#", "a/#", false},
		{"hash over itself", "a/#", "a/#", true},
		{"plus hash is not hash below a level", "a/+/#", "a/#", false},
		{"plus hash is all hash is", "+/#", "#", true},
		{"hash is all plus hash is", "#", "+/#", true},
		{"two plus hash are less than hash", "+/+/#", "#", false},
		{"no topic is empty", "/+/#", "/#", true}, // [MQTT-4.7.3-1]
		{"plus not over hash", "+", "#", false},
		{"hash not over dollar", "#", "$SYS/a", false},   // [MQTT-4.7.2-1]
		{"plus not over dollar", "+/a", "$SYS/a", false}, // [MQTT-4.7.2-1]
		{"dollar hash over dollar plus", "$SYS/#", "$SYS/+/a", true},
		{"dollar not over plus", "$SYS/a", "+/a", false},
		{"empty outer", "", "a", false},
		{"empty inner", "#", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Covers(tc.outer, tc.inner); got != tc.want {
				t.Errorf("Covers(%q, %q) = %v", tc.outer, tc.inner, got)
			}
		})
	}
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, a, b string
		want       bool
	}{
		{"same", "a/b", "a/b", true},
		{"different", "a/b", "a/c", false},
		{"crossing plus", "a/+", "+/b", true},
		{"crossing plus, other length", "a/+", "+/b/c", false},
		{"hash and parent", "a/#", "a", true},
		{"hash and grandparent", "a/b/#", "a", false},
		{"hash and hash", "a/#", "+/b/#", true},
		{"hash and hash apart", "a/#", "b/#", false},
		{"only the empty topic in common", "/#", "+", false}, // [MQTT-4.7.3-1]
		{"hash and dollar", "#", "$SYS/#", false},            // [MQTT-4.7.2-1]
		{"plus and dollar", "+/a", "$SYS/a", false},          // [MQTT-4.7.2-1]
		{"empty", "", "#", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Overlaps(tc.a, tc.b); got != tc.want {
				t.Errorf("Overlaps(%q, %q) = %v", tc.a, tc.b, got)
			}
			if got := Overlaps(tc.b, tc.a); got != tc.want {
				t.Errorf("Overlaps(%q, %q) = %v", tc.b, tc.a, got)
			}
		})
	}
}

// words returns every string of one to most levels out of the given ones.
func words(levels []string, most int) (all []string) {
	last := []string{""}
	for n := range most {
		var next []string
		for _, head := range last {
			for _, level := range levels {
				if n == 0 {
					next = append(next, level)
				} else {
					next = append(next, head+"/"+level)
				}
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// TestRelateExhaustive compares Covers and Overlaps for all filters of up to
// three levels with what all topics of up to five levels say. "z" occurs in no
// filter: it stands for the levels only a wildcard matches.
func TestRelateExhaustive(t *testing.T) {
	t.Parallel()
	var filters, names []string
	for _, f := range words([]string{"", "a", "$s", "+", "#"}, 3) {
		if ValidFilter(f) == nil {
			filters = append(filters, f)
		}
	}
	for _, n := range words([]string{"", "a", "$s", "z"}, 5) {
		if ValidName(n) == nil {
			names = append(names, n)
		}
	}
	matches := make([][]bool, len(filters))
	for i, f := range filters {
		for _, n := range names {
			matches[i] = append(matches[i], naiveMatch(f, n))
		}
	}
	for i, a := range filters {
		for j, b := range filters {
			covers, overlaps := true, false
			for n := range names {
				covers = covers && (matches[i][n] || !matches[j][n])
				overlaps = overlaps || matches[i][n] && matches[j][n]
			}
			if got := Covers(a, b); got != covers {
				t.Errorf("Covers(%q, %q) = %v, brute force says %v", a, b, got, covers)
			}
			if got := Overlaps(a, b); got != overlaps {
				t.Errorf("Overlaps(%q, %q) = %v, brute force says %v", a, b, got, overlaps)
			}
		}
	}
}

// FuzzRelate checks on arbitrary filters what one topic can prove: if both
// match it they overlap, and if the inner alone does, the outer covers it not.
func FuzzRelate(f *testing.F) {
	f.Add("a/#", "a/+", "a/b")
	f.Add("#", "/#", "/")
	f.Add("+", "/#", "/")
	f.Add("+/b", "$s/b", "$s/b")
	f.Add("/+/#", "/#", "/x/y")
	f.Fuzz(func(t *testing.T, a, b, topic string) {
		if ValidFilter(a) != nil || ValidFilter(b) != nil || ValidName(topic) != nil {
			Covers(a, b) // must not panic
			Overlaps(a, b)
			return
		}
		inA, inB := Match(a, topic), Match(b, topic)
		if inA && inB && !Overlaps(a, b) {
			t.Fatalf("Overlaps(%q, %q) is false, but %q is in both", a, b, topic)
		}
		if inB && !inA && Covers(a, b) {
			t.Fatalf("Covers(%q, %q), but %q is only in the inner", a, b, topic)
		}
		if Overlaps(a, b) != Overlaps(b, a) {
			t.Fatalf("Overlaps(%q, %q) depends on the order", a, b)
		}
		if Covers(a, b) && !Overlaps(a, b) {
			t.Fatalf("Covers(%q, %q) without an overlap", a, b)
		}
		// A filter without '#', read with a new word for each '+', is a topic.
		if witness := strings.ReplaceAll(b, "+", "\ufffdnew"); !strings.Contains(b, "#") && !strings.Contains(a, "\ufffdnew") {
			if Covers(a, b) != Match(a, witness) {
				t.Fatalf("Covers(%q, %q) = %v, the topic %q says otherwise", a, b, Covers(a, b), witness)
			}
		}
	})
}
