// Package readme keeps the examples of README.md and docs/*.md true: it takes
// the fenced code blocks out of the pages, compiles the Go programs as a user
// of the module would, and runs the marked ones. CONTRIBUTING.md tells the
// markers. It knows nothing of the broker but how to start its binary.
package readme
