// Package storage is the mqtt.Store over a key-value engine: sessions, what is
// queued for them and retained messages, written by one group committer and read
// when they are needed. The engines are the packages beside it; most programs
// call the NewStore of one of them and hand the result to mqtt.Options.Store.
//
// It knows the records and their keys (docs/store-format.md) and nothing of any
// engine but the contract of package kv. What it promises every engine keeps:
// package storagetest proves it.
package storage
