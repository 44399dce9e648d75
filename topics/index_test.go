package topics

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"
	"weak"
)

func TestIndexZeroValue(t *testing.T) {
	t.Parallel()
	var x Index[string, int]
	if got := x.Match("a", nil); got != nil {
		t.Errorf("Match = %v", got)
	}
	if _, ok := x.Get("a", "k"); ok || x.Delete("a", "k") || x.Len() != 0 {
		t.Error("an empty index has something")
	}
	for f := range x.Filters {
		t.Errorf("filter %q", f)
	}
	if x.Generation("a") != 0 {
		t.Error("a generation without a change")
	}
}

func TestIndexPutReplaceDelete(t *testing.T) {
	t.Parallel()
	var x Index[string, int]
	if x.Put("a/+", "k", 1) {
		t.Error("the first Put replaced")
	}
	if !x.Put("a/+", "k", 2) {
		t.Error("the second Put did not replace")
	}
	if x.Put("a/+", "l", 3) || x.Len() != 2 {
		t.Errorf("another key replaced, Len %d", x.Len())
	}
	got := x.Match("a/b", []int{9})
	slices.Sort(got[1:])
	if !slices.Equal(got, []int{9, 2, 3}) {
		t.Errorf("Match = %v, want 9 first and then 2 and 3", got)
	}
	if v, ok := x.Get("a/+", "k"); v != 2 || !ok {
		t.Errorf("Get = %v, %v", v, ok)
	}
	for _, absent := range []string{"a", "a/b", "a/+/c", "a/#", "+", ""} {
		if _, ok := x.Get(absent, "k"); ok || x.Delete(absent, "k") {
			t.Errorf("%q is there", absent)
		}
	}
	if x.Delete("a/+", "m") || !x.Delete("a/+", "k") || x.Delete("a/+", "k") || x.Len() != 1 {
		t.Errorf("Delete answers wrongly, Len %d", x.Len())
	}
	if got := x.Match("a/b", nil); !slices.Equal(got, []int{3}) {
		t.Errorf("Match after Delete = %v", got)
	}
}

// TestIndexSpecification puts the filters of all matchCases into one Index.
func TestIndexSpecification(t *testing.T) {
	t.Parallel()
	var x Index[string, string]
	for _, tc := range matchCases {
		x.Put(tc.filter, "k", tc.filter)
	}
	for _, tc := range matchCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := slices.Contains(x.Match(tc.topic, nil), tc.filter); got != tc.want {
				t.Errorf("%q matches %q: %v", tc.filter, tc.topic, got)
			}
		})
	}
}

// TestIndexShape says which nodes a sequence of filters leaves.
func TestIndexShape(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		put, delete []string
		nodes       int
	}{
		{"a chain is one node", []string{"a/b/c/d"}, nil, 1},
		{"a fork splits", []string{"a/b/c", "a/b/d"}, nil, 3},
		{"the shorter second splits", []string{"a/b/c", "a/b"}, nil, 2},
		{"the longer second extends", []string{"a/b", "a/b/c"}, nil, 2},
		{"hash is a child", []string{"a/#", "a"}, nil, 2},
		{"no common level", []string{"ab/c", "a/c"}, nil, 2},
		{"empty levels", []string{"/", "//", "///"}, nil, 3},
		{"a deleted leaf joins the fork", []string{"a/b/c", "a/b/d"}, []string{"a/b/d"}, 1},
		{"a deleted middle joins", []string{"a", "a/b", "a/b/c"}, []string{"a/b"}, 2},
		{"a middle with two children stays", []string{"a", "a/b", "a/c"}, []string{"a"}, 3},
		{"all deleted", []string{"a", "a/b", "a/+/c", "#", "+/b"}, []string{"a", "a/b", "a/+/c", "#", "+/b"}, 0},
		{"the root stays with one child", []string{"a", "b"}, []string{"a"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var x Index[int, string]
			for _, f := range tc.put {
				x.Put(f, 1, f)
			}
			for _, f := range tc.delete {
				if !x.Delete(f, 1) {
					t.Errorf("%q was not there", f)
				}
			}
			if got := shapeOf(t, &x); got != tc.nodes {
				t.Errorf("%d nodes, want %d", got, tc.nodes)
			}
			for _, f := range tc.put {
				if _, ok := x.Get(f, 1); ok == slices.Contains(tc.delete, f) {
					t.Errorf("%q is there: %v", f, ok)
				}
			}
		})
	}
}

// TestIndexWide lets one node grow to many children and one filter to many
// values, shrinks both, and looks for what stays behind.
func TestIndexWide(t *testing.T) {
	t.Parallel()
	const many = 20_000
	var x Index[int, int]
	for i := range many {
		x.Put("d/"+strconv.Itoa(i)+"/s", 0, i)
		x.Put("wide/#", i, i)
	}
	if got := shapeOf(t, &x); got != many+2 {
		t.Errorf("%d nodes, want %d", got, many+2)
	}
	if got := x.Match("wide", nil); len(got) != many {
		t.Errorf("%d values of one filter", len(got))
	}
	if got := x.Match("d/17/s", nil); !slices.Equal(got, []int{17}) {
		t.Errorf("Match = %v", got)
	}
	for i := range many {
		if !x.Delete("d/"+strconv.Itoa(i)+"/s", 0) || !x.Delete("wide/#", i) {
			t.Fatalf("%d is not there", i)
		}
		if i%1000 == 0 || i > many-50 {
			shapeOf(t, &x)
		}
	}
	if got := shapeOf(t, &x); got != 0 || x.Len() != 0 || x.root.kids.Load() != nil {
		t.Errorf("%d nodes and %d pairs stay behind", got, x.Len())
	}
}

// TestIndexChurn replaces the children of a wide node over and over: the
// table must not grow by those that are gone.
func TestIndexChurn(t *testing.T) {
	t.Parallel()
	var x Index[int, int]
	const live = 100
	for i := range 20_000 {
		x.Put(strconv.Itoa(i), 0, i)
		x.Delete(strconv.Itoa(i-live), 0)
	}
	if got := shapeOf(t, &x); got != live {
		t.Errorf("%d nodes, want %d", got, live)
	}
	if cells := len(x.root.kids.Load().wide.cells); cells > 8*live {
		t.Errorf("%d cells for %d children", cells, live)
	}
}

// TestIndexReleases checks that what was deleted is garbage, though much else
// stays in the Index.
func TestIndexReleases(t *testing.T) {
	t.Parallel()
	type session [64]byte
	var x Index[*session, *session]
	keep := new(session)
	x.Put("keep/1", keep, keep)
	x.Put("one/filter", keep, keep)
	var gone []weak.Pointer[session]
	for i := range 100 {
		s := new(session)
		gone = append(gone, weak.Make(s))
		x.Put("one/filter", s, s)
		x.Put(fmt.Sprintf("keep/%d/x", i), s, s)
		x.Put(fmt.Sprintf("%d", i), s, s)
	}
	for i, w := range gone {
		s := w.Value()
		if !x.Delete("one/filter", s) || !x.Delete(fmt.Sprintf("keep/%d/x", i), s) || !x.Delete(fmt.Sprintf("%d", i), s) {
			t.Fatalf("%d is not there", i)
		}
	}
	runtime.GC()
	for i, w := range gone {
		if w.Value() != nil {
			t.Errorf("session %d is still held", i)
		}
	}
	if got := shapeOf(t, &x); got != 2 {
		t.Errorf("%d nodes, want 2", got)
	}
	runtime.KeepAlive(&x)
}

// TestIndexDeep puts and matches as many levels as fit into a filter.
func TestIndexDeep(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("/", 65535)
	plus := strings.Repeat("+/", 32767) + "+"
	hash := strings.Repeat("+/", 32766) + "#"
	var x Index[int, string]
	for _, f := range []string{deep, plus, hash, strings.Repeat("a/", 32767) + "a"} {
		x.Put(f, 1, f)
	}
	if got := shapeOf(t, &x); got > 8 {
		t.Errorf("%d nodes for four filters", got)
	}
	if got := len(x.Match(deep, nil)); got != 2 {
		t.Errorf("%d filters match %d levels, want 2", got, Levels(deep))
	}
	if got := len(x.Match(strings.Repeat("a/", 32767)+"a", nil)); got != 3 {
		t.Errorf("%d filters match, want 3", got)
	}
	for _, f := range []string{deep, plus, hash, strings.Repeat("a/", 32767) + "a"} {
		if !x.Delete(f, 1) {
			t.Errorf("%.10q is not there", f)
		}
	}
	if got := shapeOf(t, &x); got != 0 {
		t.Errorf("%d nodes stay", got)
	}
}

// TestIndexNested makes every level of a deep chain a filter of its own.
func TestIndexNested(t *testing.T) {
	t.Parallel()
	const depth = 500
	var x Index[int, int]
	topic := strings.Repeat("a/", depth-1) + "a"
	for i := 1; i <= depth; i++ {
		x.Put(topic[:2*i-1], 1, i)
		x.Put(topic[:2*i-1]+"/#", 1, -i)
	}
	if got := len(x.Match(topic, nil)); got != depth+1 {
		t.Errorf("%d filters match, want %d", got, depth+1)
	}
	for i := 1; i <= depth; i++ {
		if !x.Delete(topic[:2*i-1], 1) || !x.Delete(topic[:2*i-1]+"/#", 1) {
			t.Fatalf("%d is not there", i)
		}
	}
	if got := shapeOf(t, &x); got != 0 {
		t.Errorf("%d nodes stay", got)
	}
}

// TestIndexManyPlus puts all mixtures of '+' and a literal: every one of the
// 4096 filters matches, and every node is visited once.
func TestIndexManyPlus(t *testing.T) {
	t.Parallel()
	const depth = 12
	var x Index[int, int]
	for i := range 1 << depth {
		levels := make([]string, depth)
		for bit := range levels {
			levels[bit] = string("a+"[i>>bit&1])
		}
		x.Put(strings.Join(levels, "/"), 1, i)
	}
	got := x.Match(strings.Repeat("a/", depth-1)+"a", nil)
	slices.Sort(got)
	if len(got) != 1<<depth || len(slices.Compact(got)) != 1<<depth {
		t.Errorf("%d values, want %d different ones", len(got), 1<<depth)
	}
}

// TestIndexCopiesStrings checks that neither a filter nor the label of a node
// that was split is kept in memory by the pieces that stay.
func TestIndexCopiesStrings(t *testing.T) {
	t.Parallel()
	var x Index[int, int]
	long := strings.Repeat("long/", 1000) + "end"
	filter := weak.Make(unsafe.StringData(long))
	x.Put(long, 1, 1)
	label := weak.Make(unsafe.StringData(x.root.child("long").label))
	x.Put("long/way", 1, 2) // splits
	runtime.GC()
	if filter.Value() != nil {
		t.Error("the filter is still held")
	}
	if label.Value() != nil {
		t.Error("the label is still held after the split")
	}
	if got := shapeOf(t, &x); got != 3 {
		t.Errorf("%d nodes, want 3", got)
	}
}
