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
	return write(filepath.Join(root, "docs", "conformance.md"), conformance.Report(results))
}

func write(name string, page []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(page); err != nil {
		_ = f.Close() // the write's error says more
		return err
	}
	return f.Close()
}
