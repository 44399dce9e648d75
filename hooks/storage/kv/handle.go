package kv

import (
	"errors"
	"fmt"
	"sync"
)

// handle is the store a Committer uses now: it changes when a failed store is
// opened anew. Readers inside are counted, so that a handle is closed only when
// the last one has left it.
type handle struct {
	mu      sync.Mutex
	store   KV
	err     error // why there is none
	readers *sync.WaitGroup
}

func (h *handle) set(store KV, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.store, h.err, h.readers = store, err, new(sync.WaitGroup)
}

func (h *handle) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

// writer returns the store, or why it cannot be used.
func (h *handle) writer() (KV, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.store, h.err
}

// reader returns the store and counts the caller in, who calls leave.
func (h *handle) reader() (store KV, leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return nil, nil, h.err
	}
	h.readers.Add(1)
	return h.store, h.readers.Done, nil
}

// drain waits until no reader is left; nobody can enter since fail was called.
func (h *handle) drain() {
	h.mu.Lock()
	readers := h.readers
	h.mu.Unlock()
	readers.Wait()
}

// Get reads from the store as it is: a submission is seen when its done function
// has been called. While the store is being opened anew the error matches
// ErrFailed.
func (c *Committer) Get(key, dst []byte) ([]byte, error) {
	store, leave, err := c.handle.reader()
	if err != nil {
		return dst, err
	}
	defer leave()
	return store.Get(key, dst)
}

// Range reads from the store as KV.Range does, with the view of Get. fn may call
// Get, Range and Submit.
func (c *Committer) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error {
	store, leave, err := c.handle.reader()
	if err != nil {
		return err
	}
	defer leave()
	return store.Range(from, to, reverse, fn)
}

// Err returns nil while the store is well, else why it is not.
func (c *Committer) Err() error {
	_, err := c.handle.writer()
	return err
}

// Snapshot copies the store into dir, without what is not yet done. The error
// matches errors.ErrUnsupported if the engine cannot.
func (c *Committer) Snapshot(dir string) error {
	store, leave, err := c.handle.reader()
	if err != nil {
		return err
	}
	defer leave()
	s, ok := store.(Snapshotter)
	if !ok {
		return fmt.Errorf("snapshot of this store: %w", errors.ErrUnsupported)
	}
	return s.Snapshot(dir)
}

// With calls fn with the store itself, for what only some engines offer (Stater,
// FreeSpacer, Durability). fn must not keep it, nor Apply or Close.
func (c *Committer) With(fn func(KV)) error {
	store, leave, err := c.handle.reader()
	if err != nil {
		return err
	}
	defer leave()
	fn(store)
	return nil
}
