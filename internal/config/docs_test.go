package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What was committed is what the table says now.
func TestDocsAreCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	page, err := os.ReadFile(filepath.Join("../../docs", docsPage))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, docsPage), page, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteDocs(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{docsPage, docsSchema} {
		have, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != string(want) {
			t.Errorf("docs/%s is not what the table says: run make config-docs", name)
		}
	}
}

func TestDocsNeedTheirMarker(t *testing.T) {
	t.Parallel()
	if _, err := docs("# Configuration\n"); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("%v", err)
	}
	if err := WriteDocs(t.TempDir()); err == nil {
		t.Error("a page that is not there was written")
	}
}

// The files in the documentation can be used.
func TestFilesInTheDocs(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, name := range []string{"docs/configuration.md", "README.md"} {
		page, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split(string(page), "```yaml\n")[1:] {
			text, _, _ := strings.Cut(part, "```")
			c, err := Parse(name, []byte(text))
			if err == nil {
				err = c.Validate()
			}
			if err != nil {
				t.Errorf("%s, file %d: %v", name, i+1, err)
			}
			seen++
		}
	}
	if seen < 2 {
		t.Errorf("%d files only", seen)
	}
}
