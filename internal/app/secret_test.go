package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdminSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, secretFile)
	first, made, err := adminSecret(dir)
	if err != nil || !made || len(first) < 20 {
		t.Fatalf("secret of %d characters, made %t, %v", len(first), made, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file %v, %v", info, err)
	}
	if again, made, err := adminSecret(dir); err != nil || made || again != first {
		t.Errorf("a second time: the same %t, made %t, %v", again == first, made, err)
	}
	if other, _, err := adminSecret(t.TempDir()); err != nil || other == first {
		t.Errorf("another directory has the same secret: %v", err)
	}
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"readable for others", first, 0o644, "chmod 600"},
		{"short", "secret\n", 0o600, "at least 16"},
		{"empty", "", 0o600, "has 0 characters"},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := adminSecret(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, _, err := adminSecret(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing directory is no error")
	}
}
