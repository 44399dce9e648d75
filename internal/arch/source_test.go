package arch

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

func TestSourceRules(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	files := 0
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (base == "testdata" || base == "node_modules" || base == "examples" || name != "." && base[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files++
		all, err := sourceComplaints(name, src)
		for _, complaint := range all {
			t.Error(complaint)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 3 {
		t.Fatalf("only %d source files found", files)
	}
}

func TestSourceComplaints(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, body, want string
	}{
		{"a naked goroutine", "mqtt/a.go", "go f()", "mqtt/a.go:3: a go statement"},
		{"a goroutine that is waited for", "mqtt/a.go", "wg.Go(f)", ""},
		{"an excused goroutine", "mqtt/a.go", "go f() //arch:ok ends with the process", ""},
		{"an excuse without reason", "mqtt/a.go", "go f() //arch:ok", "a go statement"},
		{"a topic split by hand", "mqtt/a.go", `_ = strings.Split(topic, "/")`, "mqtt/a.go:3: only package topics"},
		{"a topic cut by hand", "mqtt/a.go", `_, _, _ = bytes.Cut(topic, []byte{'/'})`, "only package topics"},
		{"a topic split at home", "topics/a.go", `_ = strings.Split(topic, "/")`, ""},
		{"another separator", "mqtt/a.go", `_ = strings.Split(list, ",")`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := sourceComplaints(tt.file, []byte("package p\nfunc g() {\n"+tt.body+"\n}\n"))
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(got, "\n")
			if (tt.want == "") != (all == "") || !strings.Contains(all, tt.want) {
				t.Errorf("have %q, want %q", all, tt.want)
			}
		})
	}
	if _, err := sourceComplaints("a.go", []byte("no go")); err == nil {
		t.Error("a file that is not Go was accepted")
	}
}
