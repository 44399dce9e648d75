package filewatch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link, other := filepath.Join(dir, "a"), filepath.Join(dir, "link"), filepath.Join(dir, "b")
	write(t, file, "1")
	write(t, other, "1")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for _, name := range []string{file, other} {
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	w := New(0, link, filepath.Join(dir, "missing"))
	for _, step := range []struct {
		name    string
		do      func() error
		changed bool
	}{
		{"nothing", func() error { return nil }, false},
		{"another size", func() error { return os.WriteFile(file, []byte("22"), 0o600) }, true},
		{"nothing again", func() error { return nil }, false},
		{"another time", func() error { return os.Chtimes(file, at, at.Add(time.Second)) }, true},
		{"the same text and time in another file", func() error {
			if err := os.Remove(link); err != nil {
				return err
			}
			return os.Symlink(other, link)
		}, true},
		{"gone", func() error { return os.Remove(link) }, true},
		{"still gone", func() error { return nil }, false},
		{"the missing one appears", func() error { return os.WriteFile(filepath.Join(dir, "missing"), nil, 0o600) }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := w.Look(); got != step.changed {
			t.Errorf("%s: changed %t, want %t", step.name, got, step.changed)
		}
	}
}

func TestChangedLooksOnceInAWhile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, "1")
	w := New(0, file)
	now := time.Now()
	if w.Changed(now) {
		t.Error("changed at once")
	}
	write(t, file, "22")
	if w.Changed(now.Add(Every - 1)) {
		t.Error("looked too early")
	}
	if !w.Changed(now.Add(Every)) {
		t.Error("the change was missed")
	}
	if w.Changed(now.Add(3 * Every)) {
		t.Error("the same change was told twice")
	}
}
