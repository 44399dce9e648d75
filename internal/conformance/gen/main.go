// Gen writes docs/conformance.md from the statements and the tags in the
// tests: go run ./internal/conformance/gen, from the root of the repository.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/linnetmq/linnet/internal/conformance"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	results, err := conformance.Check(os.DirFS(root))
	if err != nil {
		return err
	}
	file := filepath.Join(root, "docs", "conformance.md")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, conformance.Report(results), 0o644)
}
