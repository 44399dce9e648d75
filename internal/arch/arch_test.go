package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// pkg is what "go list -json" tells of a package, as far as we ask.
type pkg struct {
	ImportPath string
	Doc        string
	GoFiles    []string
	Imports    []string
}

// list asks the go command for all packages of the module as they are built
// for a system: each one has files of its own.
func list(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Doc,GoFiles,Imports", module+"/...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", goos, err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestImportsGoThroughDoors(t *testing.T) {
	t.Parallel()
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			pkgs := list(t, goos)
			if len(pkgs) < 3 {
				t.Fatalf("go list found %d packages", len(pkgs))
			}
			for _, p := range pkgs {
				for _, complaint := range complaints(p) {
					t.Error(complaint)
				}
			}
		})
	}
}

// complaints returns what is wrong with a package's imports.
func complaints(p pkg) []string {
	rel := strings.TrimPrefix(p.ImportPath, module+"/")
	d := doorOf(rel)
	if d == nil {
		return []string{rel + " has no line in internal/arch/table.go: add one that says what it may import"}
	}
	var all []string
	for _, imported := range p.Imports {
		if !d.allows(imported) {
			all = append(all, rel+" imports "+imported+", for which "+d.packages+" has no door: "+
				"move the code to the package that may, define a small interface here, or change internal/arch/table.go and docs/design.md with the reason")
		}
	}
	return all
}

func TestEveryPackageHasADocComment(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "linux") {
		if len(p.GoFiles) > 0 && strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s has no package comment: say in 3-10 lines what it is for, what it refuses to know and who may use it", p.ImportPath)
		}
	}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, importer, imported string
		wrong                    bool
	}{
		{"core imports the standard library", "mqtt", "net/http", false},
		{"core imports its rooms", "mqtt", module + "/topics", false},
		{"core imports a hook", "mqtt", module + "/hooks/auth", true},
		{"core imports a stranger", "mqtt", "github.com/gobwas/ws", true},
		{"packets imports topics", "packets", module + "/topics", true},
		{"listeners imports its library", "listeners", "github.com/gobwas/ws", false},
		{"listeners imports a package of its library", "listeners", "github.com/gobwas/ws/wsutil", false},
		{"listeners imports a module of similar name", "listeners", "github.com/gobwas/wsextra", true},
		{"listeners imports the broker", "listeners", module + "/mqtt", true},
		{"a hook imports another", "hooks/debug", module + "/hooks/auth", true},
		{"a store imports the storage contract", "hooks/storage/bolt", module + "/hooks/storage", false},
		{"a store imports another store", "hooks/storage/bolt", module + "/hooks/storage/pebble", true},
		{"main imports the broker", "cmd/linnet", module + "/mqtt", true},
		{"the app imports all", "internal/app", module + "/hooks/storage/bolt", false},
		{"a package without a line", "utils", "fmt", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := complaints(pkg{ImportPath: module + "/" + tt.importer, Imports: []string{tt.imported}})
			if (len(got) > 0) != tt.wrong {
				t.Errorf("%s imports %s: complaints %q, want some: %t", tt.importer, tt.imported, got, tt.wrong)
			}
		})
	}
}

func TestTablePatternsAreValid(t *testing.T) {
	t.Parallel()
	for _, d := range doors {
		if _, err := path.Match(d.packages, ""); err != nil {
			t.Errorf("%s: %v", d.packages, err)
		}
	}
}
