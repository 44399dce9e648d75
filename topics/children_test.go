package topics_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/linnetmq/linnet/topics"
)

func TestChildren(t *testing.T) {
	t.Parallel()
	var x topics.Index[int, string]
	for i, filter := range []string{"a", "a/b/c/d", "a/b/c/e", "a/b", "/x/y", "+/b", "#", "a/+/#", "z/only/one"} {
		x.Put(filter, i, "v")
	}
	x.Put("a/b", 100, "w")
	tests := []struct {
		prefix string
		want   map[string]string
	}{
		{"", map[string]string{"a": "1 true", "": "0 true", "+": "0 true", "#": "1 false", "z": "0 true"}},
		{"a/", map[string]string{"b": "2 true", "+": "0 true"}},
		{"a/b/", map[string]string{"c": "0 true"}},
		{"a/b/c/", map[string]string{"d": "1 false", "e": "1 false"}},
		{"a/b/c/d/", map[string]string{}},
		{"/", map[string]string{"x": "0 true"}},
		{"/x/", map[string]string{"y": "1 false"}},
		{"z/", map[string]string{"only": "0 true"}},
		{"z/only/", map[string]string{"one": "1 false"}},
		{"z/on/", map[string]string{}},
		{"a/b/x/", map[string]string{}},
		{"nobody/", map[string]string{}},
	}
	for _, tt := range tests {
		t.Run("below "+tt.prefix, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			x.Children(tt.prefix, func(level string, values int, more bool) bool {
				if _, twice := got[level]; twice {
					t.Errorf("level %q comes twice", level)
				}
				got[level] = fmt.Sprint(values, more)
				return true
			})
			if !maps.Equal(got, tt.want) {
				t.Errorf("have %v, want %v", got, tt.want)
			}
		})
	}
}

func TestChildrenOfAWideLevelStop(t *testing.T) {
	t.Parallel()
	var x topics.Index[int, string]
	for i := range 1000 {
		x.Put(fmt.Sprintf("wide/%d/end", i), i, "v")
	}
	seen := map[string]bool{}
	x.Children("wide/", func(level string, values int, more bool) bool {
		seen[level] = values == 0 && more
		return true
	})
	if len(seen) != 1000 || !seen["999"] {
		t.Errorf("%d levels, 999: %t", len(seen), seen["999"])
	}
	n := 0
	x.Children("wide/", func(string, int, bool) bool { n++; return n < 10 })
	if n != 10 {
		t.Errorf("%d levels after yield said no", n)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	var x topics.Index[int, int]
	for i := range 500 {
		x.Put("many/+", i, 2*i)
	}
	got := map[int]int{}
	x.Values("many/+", func(k, v int) bool { got[k] = v; return true })
	if len(got) != 500 || got[499] != 998 {
		t.Errorf("%d values, the last %d", len(got), got[499])
	}
	n := 0
	x.Values("many/+", func(int, int) bool { n++; return n < 7 })
	x.Values("many", func(int, int) bool { t.Error("a filter that is not there has values"); return true })
	if n != 7 {
		t.Errorf("%d values after yield said no", n)
	}
}
