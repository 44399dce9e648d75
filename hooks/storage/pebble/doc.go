// Package pebble is the default engine of Linnet's durable store: kv.KV over
// CockroachDB's Pebble.
//
// Pebble by itself ends the process when its write-ahead log cannot be written.
// Here the first failed write or sync condemns the handle instead: the fence (see
// fence.go) lets no goroutine of Pebble go on after it, every call returns an
// error that matches kv.ErrFailed, and the store must be opened anew, which
// kv.Committer does. Only that package and internal/app may use it.
package pebble
