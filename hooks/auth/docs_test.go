package auth_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
)

// Every test that docs/security.md names exists, and its example files are valid.
func TestSecurityPage(t *testing.T) {
	t.Parallel()
	const root = "../.."
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllSubmatch(page, -1)
	missing := make(map[string]bool)
	for _, name := range named {
		missing[string(name[1])] = true
	}
	if len(missing) < 20 {
		t.Fatalf("the page names %d tests only", len(missing))
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			delete(missing, string(found[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range missing {
		t.Errorf("there is no test %s", name)
	}
	blocks := strings.Split(string(page), "```")
	checked := 0
	for i := 1; i < len(blocks); i += 2 {
		kind, text, _ := strings.Cut(blocks[i], "\n")
		switch {
		case kind == "yaml":
			err = new(auth.Ledger).Unmarshal([]byte(text))
			checked++
		case strings.HasPrefix(text, "# allow|deny"):
			_, err = auth.ParseACL("docs", []byte(text))
			checked++
		default:
			continue
		}
		if err != nil {
			t.Errorf("%s example: %v", kind, err)
		}
	}
	if checked != 2 {
		t.Errorf("%d examples were checked, want 2", checked)
	}
}
