package passwd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEditKeepsCommentsAndOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwords")
	a, b, c := mustHash(t, "a"), mustHash(t, "b"), mustHash(t, "c")
	for _, step := range []struct {
		name, user, hash string
		before           string
		replaced         bool
		want             string
	}{
		{"a file that is missing", "alice", a, "", false, "alice:" + a + "\n"},
		{"a second user", "bob", b, "alice:" + a + "\n", false, "alice:" + a + "\nbob:" + b + "\n"},
		{"no line end", "bob", b, "# users\nalice:" + a, false, "# users\nalice:" + a + "\nbob:" + b + "\n"},
		{"another password", "alice", c, "# users\n\nalice:" + a + "\n# more\nbob:" + b + "\n", true, "# users\n\nalice:" + c + "\n# more\nbob:" + b + "\n"},
	} {
		if step.before != "" {
			write(t, path, step.before)
		}
		replaced, err := Set(path, step.user, step.hash)
		if err != nil || replaced != step.replaced {
			t.Errorf("%s: replaced %t, %v", step.name, replaced, err)
		}
		if got := read(t, path); got != step.want {
			t.Errorf("%s: have %q, want %q", step.name, got, step.want)
		}
	}
	if err := Delete(path, "alice"); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, path), "# users\n\n# more\nbob:"+b+"\n"; got != want {
		t.Errorf("after Delete: have %q, want %q", got, want)
	}
	if err := Delete(path, "alice"); !errors.Is(err, ErrNoUser) {
		t.Errorf("Delete again: %v", err)
	}
}

func TestEditMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwords")
	hash := mustHash(t, "a")
	for _, tt := range []struct {
		name         string
		before, want os.FileMode
	}{
		{"a new file", 0, 0o600},
		{"a group that may read", 0o640, 0o640},
		{"everybody", 0o666, 0o640},
		{"the owner", 0o600, 0o600},
	} {
		if tt.before != 0 {
			if err := os.Chmod(path, tt.before); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Set(path, "alice", hash); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != tt.want {
			t.Errorf("%s: mode %v, %v, want %v", tt.name, info.Mode(), err, tt.want)
		}
	}
}

func TestEditFollowsLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "passwords"), filepath.Join(dir, "link")
	write(t, path, "")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Set(link, "alice", mustHash(t, "a")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(read(t, path), "alice:") {
		t.Error("the file behind the link did not change")
	}
}

func TestEditRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "passwords")
	hash := mustHash(t, "a")
	set := func(file, user, hash string) error { _, err := Set(file, user, hash); return err }
	const bad = "alice\n"
	write(t, path, bad)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a colon", set(path, "a:b", hash), "has a colon"},
		{"the end of a line", set(path, "a\nb", hash), "has a colon or the end"},
		{"a comment", set(path, "#a", hash), "begins like a comment"},
		{"a long name", set(path, strings.Repeat("a", 65536), hash), "65536 bytes"},
		{"no hash", set(path, "a", "plain"), "not hashed"},
		{"a broken file", set(path, "a", hash), ":1: there is no colon between user name and password hash; mend it first"},
		{"a missing directory", set(filepath.Join(dir, "none", "p"), "a", hash), "no such file"},
		{"a missing file", Delete(filepath.Join(dir, "none"), "a"), "no such file"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, tt.err, tt.want)
		}
	}
	if read(t, path) != bad {
		t.Error("the broken file was changed")
	}
	write(t, path, "")
	write(t, path+".new", "")
	if err := set(path, "a", hash); err == nil || !strings.Contains(err.Error(), "being changed by another process") {
		t.Errorf("two at a time: %v", err)
	}
	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
