package storage_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// A full disk: what stores is refused with ErrStoreFull, what removes is done,
// and when there is space again everything goes on.
func TestStoreFull(t *testing.T) {
	t.Parallel()
	d := newDisk()
	store := mustOpen(t, d.open, storage.Options{})
	commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(1), to(2, 1)) })
	d.set(func(d *disk) { d.refuse = kv.ErrNoSpace })
	session := &mqtt.StoredSession{Session: 5000, ClientID: "c"}
	if err := try(store, func(tx mqtt.StoreTx) { tx.PutSession(session) }); !errors.Is(err, mqtt.ErrStoreFull) || !errors.Is(err, kv.ErrNoSpace) {
		t.Errorf("commit without space: %v, want ErrStoreFull", err)
	}
	if err := store.Err(); err != nil {
		t.Errorf("Err = %v: a full store still takes removals", err)
	}
	commit(t, store, func(tx mqtt.StoreTx) { tx.Dequeue(1, 1) })
	if got := queued(t, store, 1); len(got) > 0 {
		t.Errorf("a removal was not done: %v", got)
	}
	d.set(func(d *disk) { d.refuse = nil })
	// The number was refused together with the note that it is used: both again.
	commit(t, store, func(tx mqtt.StoreTx) { tx.PutSession(session) })
	commit(t, store, func(tx mqtt.StoreTx) { tx.DeleteSession(5000) })
	mustClose(t, store)
	store = mustOpen(t, d.open, storage.Options{})
	if next := mustLoad(t, store).NextSession; next <= 5000 {
		t.Errorf("NextSession = %d, but 5000 was used", next)
	}
	if got := queued(t, store, 2); !slices.Equal(got, []string{"t1"}) {
		t.Errorf("the other session has %v", got)
	}
	mustClose(t, store)
}

// A failure: everything that was under way is told so, Watch hears of it and of
// the end, and the store that is open again serves what it had.
func TestFailureAndReopening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		var heard []error
		store := mustOpen(t, d.open, storage.Options{})
		store.Watch(func(err error) { heard = append(heard, err) })
		commit(t, store, func(tx mqtt.StoreTx) {
			tx.PutSession(&mqtt.StoredSession{Session: 1, ClientID: "c"})
			tx.Enqueue(body(1), to(2, 1))
		})
		broken := errors.New("i/o error")
		d.set(func(d *disk) { d.fail = broken })
		err := try(store, func(tx mqtt.StoreTx) { tx.Enqueue(body(2), to(2, 2)) })
		if !errors.Is(err, kv.ErrFailed) || !errors.Is(err, broken) || errors.Is(err, mqtt.ErrStoreFull) {
			t.Errorf("commit: %v", err)
		}
		if err := store.Err(); !errors.Is(err, broken) {
			t.Errorf("Err = %v", err)
		}
		if err := try(store, func(tx mqtt.StoreTx) { tx.Dequeue(1, 1) }); !errors.Is(err, kv.ErrFailed) {
			t.Errorf("commit while it is down: %v", err)
		}
		if got := store.Durability(); got != kv.Volatile {
			t.Errorf("Durability while it is down is %v", got)
		}
		if err := store.Queue(1, 0, 9, func(*mqtt.StoredDelivery) bool { return true }); !errors.Is(err, kv.ErrFailed) {
			t.Errorf("Queue while it is down: %v", err)
		}
		<-time.After(time.Second) // on the test's clock: it opens again
		synctest.Wait()
		if err := store.Err(); err != nil {
			t.Errorf("Err = %v after reopening", err)
		}
		if len(heard) != 2 || !errors.Is(heard[0], broken) || heard[1] != nil {
			t.Errorf("Watch heard %v", heard)
		}
		if got := store.Durability(); got != kv.Disk {
			t.Errorf("Durability after reopening is %v", got)
		}
		// The server writes what it still holds again, under the same numbers.
		commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(2), to(2, 2)) })
		commit(t, store, func(tx mqtt.StoreTx) { tx.Dequeue(1, 1); tx.Dequeue(2, 1); tx.Dequeue(1, 2) })
		if got := queued(t, store, 2); !slices.Equal(got, []string{"t2"}) {
			t.Errorf("session 2 has %v", got)
		}
		kept, deleted, err := store.Sweep()
		if kept != 1 || deleted != 1 || err != nil {
			t.Errorf("Sweep = %d, %d, %v; want 1, 1", kept, deleted, err)
		}
		mustClose(t, store)
	})
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such disk")
	if _, err := storage.New(func() (kv.KV, error) { return nil, broken }, storage.Options{}); !errors.Is(err, broken) {
		t.Errorf("New = %v", err)
	}
	d := newDisk()
	d.set(func(d *disk) { d.fail = broken })
	if _, err := storage.New(d.open, storage.Options{Name: "the store"}); !errors.Is(err, broken) {
		t.Errorf("New over an engine that takes nothing = %v", err)
	}
}
