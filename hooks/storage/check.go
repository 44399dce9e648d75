package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Inventory is what a store holds.
type Inventory struct {
	FormatVersion uint64              `json:"format_version"`
	Records       map[Kind]KindCounts `json:"records"`
	// Shared and Released are how many of the references name a body, and how
	// many have none any more.
	Shared   int64 `json:"shared_references"`
	Released int64 `json:"released_references"`
	// Unneeded are bodies that no reference names, and Orphans the records of
	// sessions that are not there. The broker removes or ignores them.
	Unneeded int64 `json:"unneeded_bodies"`
	Orphans  int64 `json:"orphans"`
	Damaged  int64 `json:"damaged"`
	// Digest is the SHA-256 of all keys and values that can be read.
	Digest string `json:"digest"`
}

// KindCounts counts the records of one kind.
type KindCounts struct {
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"` // of keys and values
}

// Problem is something that is wrong in a store.
type Problem struct {
	Key  []byte // of the record, or the one from which on a block is damaged
	Kind Kind
	Err  error
	Loss string // what it means
}

// Error names the record, what is wrong with it and what that means.
func (p *Problem) Error() string {
	return fmt.Sprintf("%s record, key %q: %v: %s", p.Kind, p.Key, p.Err, p.Loss)
}

// Unwrap returns what is wrong.
func (p *Problem) Unwrap() error { return p.Err }

// Check reads every record of an engine, verifies its checksum, its contents and
// what it refers to, and calls report for each problem. An error means that the
// store could not be read to its end. Nothing is changed.
func Check(store kv.KV, name string, report func(*Problem)) (*Inventory, error) {
	c := checker{
		store: store, report: report, digest: sha256.New(), sessions: map[uint64]bool{},
		found: &Inventory{Records: map[Kind]KindCounts{}},
	}
	if err := c.findSessions(name); err != nil {
		return nil, fmt.Errorf("check store %s: %w", name, err)
	}
	err := Records(store, name, func(key, value []byte, r *Record, err error) bool {
		c.record(key, value, r, err)
		return c.failed == nil
	})
	if err = errors.Join(err, c.failed); err != nil {
		return nil, fmt.Errorf("check store %s: %w", name, err)
	}
	if c.found.FormatVersion == 0 {
		c.problem(keyVersion, KindVersion, errors.New("there is none"), "the store is not accepted unless it is empty")
	}
	c.found.Digest = hex.EncodeToString(c.digest.Sum(nil))
	return c.found, nil
}

// checker goes through a store.
type checker struct {
	store    kv.KV
	report   func(*Problem)
	digest   hash.Hash
	sessions map[uint64]bool
	found    *Inventory
	key      []byte
	value    []byte
	failed   error // the store cannot be read
}

// findSessions notes the numbers, since records of sessions come before them.
func (c *checker) findSessions(name string) error {
	from, to := prefixRange(prefixSession)
	w := walker{name: name, from: c.store, damaged: func([]byte, error) {}}
	return w.walk(from, to, func(key, _ []byte) bool {
		if len(key) == numberKeySize {
			c.sessions[numberIn(key)] = true
		}
		return true
	})
}

func (c *checker) problem(key []byte, kind Kind, err error, loss string) {
	c.found.Damaged++
	c.report(&Problem{Key: append([]byte(nil), key...), Kind: kind, Err: err, Loss: loss})
}

func (c *checker) record(key, value []byte, r *Record, err error) {
	if value != nil {
		c.sum(key)
		c.sum(value)
	}
	counts := c.found.Records[r.Kind]
	counts.Records++
	counts.Bytes += int64(r.Bytes)
	c.found.Records[r.Kind] = counts
	if err != nil {
		loss := "it is ignored"
		if len(key) > 0 && losses[key[0]] != "" {
			loss = losses[key[0]]
		}
		c.problem(key, r.Kind, err, loss)
		return
	}
	switch r.Kind {
	case KindVersion:
		c.found.FormatVersion = r.Number
	case KindSubscription, KindReceived:
		c.orphan(r.Number)
	case KindReference:
		c.reference(key, r)
	case KindReceivers:
		c.receivers(r)
	default:
	}
}

func (c *checker) orphan(session uint64) {
	if !c.sessions[session] {
		c.found.Orphans++
	}
}

// sum adds a field with its length, so that no two stores have one digest.
func (c *checker) sum(field []byte) {
	c.key = appendField(c.key[:0], field)
	_, _ = c.digest.Write(c.key) // a hash takes everything
}

func (c *checker) reference(key []byte, r *Record) {
	c.orphan(r.Number)
	if r.Released {
		c.found.Released++
	}
	if r.SharedBody == 0 {
		return
	}
	c.found.Shared++
	c.key = appendNumberKey(c.key[:0], prefixBody, r.SharedBody)
	if !c.there(c.key) {
		c.problem(key, r.Kind, fmt.Errorf("body %d is missing", r.SharedBody), losses[prefixReference])
	}
}

// receivers counts bodies that nobody names.
func (c *checker) receivers(r *Record) {
	for _, to := range r.Receivers {
		c.key = appendReferenceKey(c.key[:0], to.Session, to.Place)
		if !c.there(c.key) {
			continue
		}
		if id, err := sharedIn(c.value); err != nil || id == r.Number {
			return
		}
	}
	c.found.Unneeded++
}

// there reports whether a key is there, whether or not it can be read, and puts
// its value into c.value.
func (c *checker) there(key []byte) bool {
	value, err := c.store.Get(key, c.value[:0])
	_, damaged := errors.AsType[*kv.CorruptError](err)
	switch {
	case err == nil || damaged:
		c.value = value
		return true
	case !errors.Is(err, kv.ErrNotFound):
		c.failed = err
	}
	return false
}
