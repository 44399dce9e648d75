// Package examples holds small programs that use Linnet as a library, one
// folder each, for copying. They are a module of their own; its test builds and
// runs every program.
package examples
