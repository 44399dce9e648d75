// Package arch tests the borders of the house: which package may import which
// (the table in table.go), that every package says in a doc comment what it is
// for, and two rules of the source no linter knows (source.go). It contains no
// code for others; the tests ask "go list".
package arch
