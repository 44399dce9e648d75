package interop

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDefectsPageNamesRealTests keeps docs/defects.md true.
func TestDefectsPageNamesRealTests(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	page, err := fs.ReadFile(root, "docs/defects.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, pattern := range []string{"mqtt/*_test.go", "internal/interop/*_test.go", "internal/interop/clients/*_test.go"} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(root, name)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
	}
	named := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(page), -1)
	if len(named) < 20 {
		t.Errorf("the page names %d tests only", len(named))
	}
	for _, name := range named {
		if !strings.Contains(sources.String(), "func "+name+"(") {
			t.Errorf("docs/defects.md names %s, which does not exist", name)
		}
	}
}
