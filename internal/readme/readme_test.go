package readme

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// newRunner returns a runner for this repository with a scratch folder.
func newRunner(t *testing.T) *runner {
	t.Helper()
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	return &runner{repository: repository, work: work, broker: []string{filepath.Join(work, "bin", "linnet"), "serve"}}
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := newRunner(t)
	pages, err := filepath.Glob(filepath.Join(r.repository, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(r.repository, "README.md")) {
		text, err := os.ReadFile(page)
		if os.IsNotExist(err) && filepath.Base(page) == "README.md" {
			continue // not written yet
		}
		if err != nil {
			t.Fatal(err)
		}
		all, err := blocks(filepath.Base(page), string(text))
		if err != nil {
			t.Error(err)
		}
		for _, b := range all {
			if b.lang == "sh" && b.mark != "" {
				buildLinnet(t, r)
			}
			t.Run(b.String(), func(t *testing.T) {
				if err := r.do(t.Context(), b); err != nil {
					t.Errorf("%s: %v", b, err)
				}
			})
		}
	}
}

func buildLinnet(t *testing.T, r *runner) {
	t.Helper()
	if _, err := os.Stat(r.broker[0]); err == nil {
		return
	}
	if err := r.command(t.Context(), r.repository, nil, "go", "build", "-o", r.broker[0], "./cmd/linnet"); err != nil {
		t.Fatal(err)
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	const page = "# T\n```sh\na 1\n```\n<!-- test:run -->\n\n```go title\npackage main\n```\n````md\n```go\n```\n````\n"
	all, err := blocks("p.md", page)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{"p.md", 2, "sh", "", "a 1\n"},
		{"p.md", 7, "go", markRun, "package main\n"},
		{"p.md", 10, "md", "", "```go\n```\n"},
	}
	if len(all) != len(want) {
		t.Fatalf("have %q, want %q", all, want)
	}
	for i := range want {
		if all[i] != want[i] {
			t.Errorf("have %+v, want %+v", all[i], want[i])
		}
	}
}

func TestBlocksRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, page, want string
	}{
		{"an unknown marker", "<!-- test:rum -->\n```sh\n```\n", "p.md:1: unknown marker"},
		{"a marker before text", "<!-- test:run -->\ntext\n", "p.md:2: the marker"},
		{"a marker at the end", "<!-- test:run -->\n", "stays open"},
		{"a fence that stays open", "```sh\na\n", "stays open"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := blocks("p.md", tt.page); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("blocks: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestRunner(t *testing.T) {
	t.Parallel()
	const prog = "package main\n\nimport \"os\"\n\nfunc main() { os.Exit("
	tests := []struct {
		name string
		b    block
		want string // part of the error, empty for success
	}{
		{"a program that compiles", block{lang: "go", text: prog + "1) }\n"}, ""},
		{"a program that runs", block{lang: "go", mark: markRun, text: prog + "0) }\n"}, ""},
		{"a program that fails", block{lang: "go", mark: markRun, text: prog + "1) }\n"}, "exit status 1"},
		{"a program that does not compile", block{lang: "go", text: prog + "x) }\n"}, "undefined: x"},
		{"a program that uses our inside", block{
			lang: "go",
			text: "package main\n\nimport _ \"" + module + "/internal/conformance\"\n\nfunc main() {}\n",
		}, "use of internal package"},
		{"a fragment without marker", block{lang: "go", text: "x := 1\n"}, ""},
		{"a fragment marked", block{lang: "go", mark: markCompile, text: "x := 1\n"}, "whole program"},
		{"shell that is not marked", block{lang: "sh", text: "exit 1\n"}, ""},
		{"a marker that does not fit", block{lang: "yaml", mark: markRun}, "does not fit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			expect(t, newRunner(t).do(t.Context(), tt.b), tt.want)
		})
	}
}

func TestRunnerShell(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // the pages' shell is a Unix one
	}
	const listen = `import http.server, sys
host, port = sys.argv[sys.argv.index("-p") + 1].split(":")
http.server.HTTPServer((host, int(port)), http.server.SimpleHTTPRequestHandler).serve_forever()`
	tests := []struct {
		name   string
		mark   string
		text   string
		broker []string
		want   string
	}{
		{"lines that work", markRun, "true\n", nil, ""},
		{"a failing line", markRun, "false\ntrue\n", nil, "exit status 1"},
		{"a failing part of a pipe", markRun, "false | true\n", nil, "exit status 1"},
		{"a line that must fail and does", markRun, "! false # or not\n", nil, ""},
		{"a line that must fail and does not", markRun, "! true # or not\ntrue\n", nil, "it did not fail"},
		{"the port is replaced", markRunBroker, "exec 3<>/dev/tcp/127.0.0.1/1883\n", []string{"python3", "-c", listen}, ""},
		{"lines that fail beside the broker", markRunBroker, "exit 3\n", []string{"python3", "-c", listen}, "exit status 3"},
		{"a broker that ends", markRunBroker, "true\n", []string{"bash", "-c", "echo no licence; exit 1"}, "no licence"},
		{"a broker that is missing", markRunBroker, "true\n", []string{"/no/such/broker"}, "start the broker"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRunner(t)
			r.broker = tt.broker
			expect(t, r.do(t.Context(), block{lang: "sh", mark: tt.mark, text: tt.text}), tt.want)
		})
	}
}

func expect(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("have error %v, want %q", err, want)
	}
}
