// Command gen writes what docs/ says about every key of the configuration: the
// reference in configuration.md and the JSON Schema. Run it in the repository.
package main

import (
	"fmt"
	"os"

	"github.com/linnetmq/linnet/internal/config"
)

func main() {
	if err := config.WriteDocs("docs"); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
