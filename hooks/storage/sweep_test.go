package storage_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

func wantBodies(t *testing.T, d *disk, want int) {
	t.Helper()
	if m, w := len(d.keys(t, "m")), len(d.keys(t, "w")); m != want || w != want {
		t.Errorf("%d bodies and %d lists of receivers, want %d", m, w, want)
	}
}

// One receiver has its message in the reference, several share a body, and it
// goes with the last of them, however that is removed.
func TestBodyOnce(t *testing.T) {
	t.Parallel()
	d := newDisk()
	store := mustOpen(t, d.open, storage.Options{})
	commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(1), to(1, 1)) })
	wantBodies(t, d, 0)
	for i, last := range []func(mqtt.StoreTx){
		func(tx mqtt.StoreTx) { tx.Dequeue(3, 2) },
		func(tx mqtt.StoreTx) { tx.Release(3, 2, 20); tx.Dequeue(3, 2) },
		func(tx mqtt.StoreTx) { tx.DequeueBefore(3, 3) },
		func(tx mqtt.StoreTx) { tx.DeleteSession(3) },
	} {
		commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(2), to(3, 2)) })
		wantBodies(t, d, 1)
		commit(t, store, func(tx mqtt.StoreTx) { tx.Dequeue(1, 2); tx.Dequeue(2, 2) })
		wantBodies(t, d, 1)
		commit(t, store, last)
		if wantBodies(t, d, 0); t.Failed() {
			t.Fatalf("way %d", i)
		}
	}
	if s := store.Stats(); s.SharedBodies != 4 || s.SharedDeleted != 4 || s.TrackedReferences != 0 {
		t.Errorf("stats %+v", s)
	}
	mustClose(t, store)
}

// Bodies of an earlier run, and those the tracker had no room for, are the
// sweep's; one session that stays away keeps what it needs and no more.
func TestSweep(t *testing.T) {
	t.Parallel()
	const messages = 700 // more than one portion
	d := newDisk()
	store := mustOpen(t, d.open, storage.Options{TrackedReferences: 16})
	for n := range uint64(messages) {
		commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(n), to(2+n%2, n+1)) })
	}
	for _, session := range []uint64{1, 2} {
		commit(t, store, func(tx mqtt.StoreTx) { tx.DequeueBefore(session, messages-9) })
	}
	tracked := store.Stats().SharedDeleted
	if tracked > 16 {
		t.Errorf("%d bodies were deleted at once: the tracker holds too much", tracked)
	}
	mustClose(t, store)
	store = mustOpen(t, d.open, storage.Options{})
	kept, deleted, err := store.Sweep()
	if want := messages/2 + 5; err != nil || kept != want || deleted != messages-want-int(tracked) {
		t.Errorf("Sweep = %d, %d, %v; want %d kept", kept, deleted, err, want)
	}
	wantBodies(t, d, kept)
	if got := queued(t, store, 3); len(got) != messages/2 {
		t.Errorf("the session that stayed away has %d messages", len(got))
	}
	if got := queued(t, store, 1); len(got) != 10 {
		t.Errorf("session 1 has %v", got)
	}
	if s := store.Stats(); s.Corruptions > 0 || s.SweepPasses != 1 || s.SweepDeleted != uint64(deleted) || s.SweepExamined != uint64(kept+deleted) {
		t.Errorf("stats %+v", s)
	}
	mustClose(t, store)
}

// The store sweeps by itself some time after it was opened, and after that only
// when the tracker has forgotten something.
func TestSweepByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		store := mustOpen(t, d.open, storage.Options{})
		commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(1), to(2, 1)) })
		mustClose(t, store)
		store = mustOpen(t, d.open, storage.Options{SweepAfter: time.Hour, TrackedReferences: 4})
		commit(t, store, func(tx mqtt.StoreTx) { tx.DequeueBefore(1, 9); tx.DequeueBefore(2, 9) })
		<-time.After(59 * time.Minute)
		wantBodies(t, d, 1)
		<-time.After(2 * time.Minute)
		wantBodies(t, d, 0)
		<-time.After(100 * time.Hour)
		if n := store.Stats().SweepPasses; n != 1 {
			t.Errorf("%d passes with nothing to do", n)
		}
		for n := range uint64(5) { // forgotten as they come
			commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(n), to(2, n+1)) })
		}
		commit(t, store, func(tx mqtt.StoreTx) { tx.DequeueBefore(1, 9); tx.DequeueBefore(2, 9) })
		<-time.After(3 * time.Hour)
		wantBodies(t, d, 0)
		mustClose(t, store)
	})
}

// An engine that deletes key by key is not held up by the end of a session with
// a long queue: that goes in the background, also across a restart.
func TestPurge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const messages = 9000
		d := newDisk()
		store := mustOpen(t, d.open, storage.Options{})
		for from := 0; from < messages; from += 1000 {
			commit(t, store, func(tx mqtt.StoreTx) {
				for n := range 1000 {
					tx.Enqueue(body(1), []mqtt.StoredReference{{Session: 1, Place: uint64(from + n + 1)}})
				}
			})
		}
		commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(7), []mqtt.StoredReference{{Session: 2, Place: 1}}) })
		commit(t, store, func(tx mqtt.StoreTx) { tx.DeleteSession(1) })
		if n := len(d.keys(t, "q")); n != messages+1 {
			t.Errorf("%d references after the commit, want all: it must be quick", n)
		}
		<-time.After(1100 * time.Millisecond)
		synctest.Wait()
		if n := len(d.keys(t, "q")); n == messages+1 || n == 1 {
			t.Errorf("%d references: want a part", n)
		}
		mustClose(t, store)
		store = mustOpen(t, d.open, storage.Options{})
		<-time.After(time.Minute)
		if got, notes := d.keys(t, "q"), d.keys(t, "d"); len(got) != 1 || len(notes) != 0 {
			t.Errorf("%d references and %d notes are left", len(got), len(notes))
		}
		if got := queued(t, store, 2); !slices.Equal(got, []string{"t7"}) {
			t.Errorf("the other session has %v", got)
		}
		// Again, now that it has nothing to do.
		commit(t, store, func(tx mqtt.StoreTx) { tx.DeleteSession(2) })
		<-time.After(time.Minute)
		if got := d.keys(t, "q"); len(got) != 0 {
			t.Errorf("%d references are left", len(got))
		}
		mustClose(t, store)
	})
}

// An engine that deletes ranges is told to where the queue is long; what belongs
// to the session besides goes too.
func TestPurgeRange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		store := mustOpen(t, func() (kv.KV, error) { return ranges{&handle{disk: d}}, nil }, storage.Options{})
		commit(t, store, func(tx mqtt.StoreTx) {
			for n := range uint64(5000) {
				tx.Enqueue(body(1), []mqtt.StoredReference{{Session: 1, Place: n + 1}})
			}
			for session := range uint64(100) {
				sub := mqtt.StoredSubscription{}
				sub.Filter = "f"
				tx.PutSubscription(session+1, &sub)
				tx.PutReceived(session+1, 7)
				tx.Enqueue(body(2), []mqtt.StoredReference{{Session: session + 1, Place: 9999}})
			}
		})
		before := store.Stats().Committer.Operations
		commit(t, store, func(tx mqtt.StoreTx) {
			for session := range uint64(99) {
				tx.DeleteSession(session + 1)
			}
		})
		<-time.After(time.Minute)
		if n := store.Stats().Committer.Operations - before; n > 3500 {
			t.Errorf("%d operations", n)
		}
		for prefix, want := range map[string]int{"q": 1, "u": 1, "i": 1, "d": 0} {
			if got := d.keys(t, prefix); len(got) != want {
				t.Errorf("%s: %d keys are left, want %d", prefix, len(got), want)
			}
		}
		mustClose(t, store)
	})
}

type ranges struct{ *handle }

func (ranges) DeletesRanges() bool { return true }

// Transactions of many goroutines, with fan-outs that several of them consume:
// no body goes before its last reference, none stays.
func TestTrackerAtWork(t *testing.T) {
	t.Parallel()
	d := newDisk()
	store := mustOpen(t, d.open, storage.Options{})
	const messages, sessions = 300, 4
	enqueued := make([]chan uint64, sessions)
	for i := range enqueued {
		enqueued[i] = make(chan uint64, messages)
	}
	consumed := make(chan error, sessions)
	for i := range uint64(sessions) {
		go func() {
			for place := range enqueued[i] {
				var got []string
				err := store.Queue(i+1, place, place+1, func(d *mqtt.StoredDelivery) bool {
					got = append(got, d.Body.Topic)
					return true
				})
				if want := fmt.Sprint("t", place); err != nil || len(got) != 1 || got[0] != want {
					t.Errorf("session %d, place %d: %v, %v", i+1, place, got, err)
				}
				tx := store.Begin()
				tx.Dequeue(i+1, place)
				tx.Commit(mqtt.StoreLazy, nil)
			}
			consumed <- nil
		}()
	}
	for n := range uint64(messages) {
		commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(body(n+1), to(sessions, n+1)) })
		for _, c := range enqueued {
			c <- n + 1
		}
	}
	for _, c := range enqueued {
		close(c)
	}
	for range sessions {
		<-consumed
	}
	commit(t, store, func(mqtt.StoreTx) {})
	wantBodies(t, d, 0)
	if n := store.Stats().Corruptions; n > 0 {
		t.Errorf("%d records could not be read", n)
	}
	mustClose(t, store)
}
