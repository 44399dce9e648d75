package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/mqtt"
)

// disk is a memory engine that outlives its handles and fails as a test says.
type disk struct {
	kv.KV
	mu      sync.Mutex
	refuse  error // returned by Apply for batches that store something
	fail    error // returned once by Apply
	damaged func(key []byte) bool
}

func newDisk() *disk { return &disk{KV: memory.New()} }

func (d *disk) open() (kv.KV, error) { return &handle{disk: d}, nil }

// set changes what the disk does while it is in use.
func (d *disk) set(change func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// handle is one opening of a disk.
type handle struct {
	disk   *disk
	closed atomic.Bool
}

func (h *handle) Apply(b *kv.Batch, durable bool) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.closed.Load() {
		return kv.ErrClosed
	}
	if err := h.disk.fail; err != nil {
		h.disk.fail = nil
		return err
	}
	if h.disk.refuse != nil && b.Grows() {
		return h.disk.refuse
	}
	return h.disk.KV.Apply(b, durable)
}

func (h *handle) Get(key, dst []byte) ([]byte, error) {
	if h.closed.Load() {
		return dst, kv.ErrClosed
	}
	if h.bad(key) {
		return dst, &kv.CorruptError{File: "block", Key: key, Err: errors.New("flipped bit")}
	}
	return h.disk.KV.Get(key, dst)
}

// Range ends at the first damaged key, as an engine does at a damaged block.
func (h *handle) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error {
	if h.closed.Load() {
		return kv.ErrClosed
	}
	var damage error
	err := h.disk.KV.Range(from, to, reverse, func(k, v []byte) bool {
		if h.bad(k) {
			damage = &kv.CorruptError{File: "block", Err: errors.New("flipped bit")}
			return false
		}
		return fn(k, v)
	})
	return errors.Join(err, damage)
}

func (h *handle) bad(key []byte) bool {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return h.disk.damaged != nil && h.disk.damaged(key)
}

func (h *handle) Close() error {
	h.closed.Store(true)
	return nil
}

// keys lists what is on the disk under a prefix.
func (d *disk) keys(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	err := d.KV.Range([]byte(prefix), kv.PrefixEnd([]byte(prefix)), false, func(k, _ []byte) bool {
		keys = append(keys, string(k))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// overwrite replaces the record of a key by what change makes of it.
func (d *disk) overwrite(t *testing.T, key string, change func(record []byte) []byte) {
	t.Helper()
	value, err := d.KV.Get([]byte(key), nil)
	if err != nil {
		t.Fatalf("%q: %v", key, err)
	}
	var b kv.Batch
	b.Put([]byte(key), change(value))
	if err := d.KV.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
}

// logbook is what a store has logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func mustOpen(t *testing.T, open func() (kv.KV, error), o storage.Options) *storage.Store {
	t.Helper()
	store, err := storage.New(open, o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func mustClose(t *testing.T, store mqtt.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// try commits what fill puts in and returns the result.
func try(store mqtt.Store, fill func(mqtt.StoreTx)) error {
	tx := store.Begin()
	fill(tx)
	result := make(chan error, 1)
	tx.Commit(mqtt.StoreSynced, func(err error) { result <- err })
	return <-result
}

func commit(t *testing.T, store mqtt.Store, fill func(mqtt.StoreTx)) {
	t.Helper()
	if err := try(store, fill); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func mustLoad(t *testing.T, store mqtt.Store) *mqtt.StoredState {
	t.Helper()
	state, err := store.Load()
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return state
}

func queued(t *testing.T, store mqtt.Store, session uint64) (topics []string) {
	t.Helper()
	err := store.Queue(session, 0, math.MaxUint64, func(d *mqtt.StoredDelivery) bool {
		topics = append(topics, d.Body.Topic)
		return true
	})
	if err != nil {
		t.Fatalf("Queue: %v", err)
	}
	return topics
}

// to are references of sessions 1 to n at a place.
func to(n, place uint64) (list []mqtt.StoredReference) {
	for i := range n {
		list = append(list, mqtt.StoredReference{Session: i + 1, Place: place, Total: place * 10})
	}
	return list
}

func body(n uint64) *mqtt.StoredBody {
	return &mqtt.StoredBody{Topic: fmt.Sprint("t", n), Payload: []byte("payload"), QoS: 1}
}
