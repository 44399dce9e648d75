// Package storagetest is the suite that every mqtt.Store passes: Run checks the
// contract, History plays a random history on two stores and compares what they
// answer. Tests of stores inside and outside this module may use it.
package storagetest

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
)

// Open opens the store in dir, a directory of this test alone, or fails the
// test. A second call with the same dir opens the same store again.
type Open func(t *testing.T, dir string) mqtt.Store

// Reference returns a store whose answers are right: History compares with it.
// Its contents are lost at Close.
type Reference func(t *testing.T) mqtt.Store

// Run checks a store that keeps what it has when it is closed.
func Run(t *testing.T, open Open, reference Reference) {
	RunVolatile(t, open)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("history ", seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			History(t, seed, 400, open(t, dir), reference(t), func() mqtt.Store { return open(t, dir) }, nil)
		})
	}
	t.Run("reopen keeps everything", func(t *testing.T) { t.Parallel(); testReopen(t, open) })
	t.Run("numbers of sessions are not used again", func(t *testing.T) { t.Parallel(); testNextSession(t, open) })
	t.Run("the newest session of a client stays", func(t *testing.T) { t.Parallel(); testTwins(t, open) })
}

// RunVolatile checks a store that forgets at Close.
func RunVolatile(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, mqtt.Store)
	}{
		{"an empty store", testEmpty},
		{"sessions", testSessions},
		{"subscriptions", testSubscriptions},
		{"received packet identifiers", testReceived},
		{"retained messages", testRetained},
		{"totals", testTotals},
		{"queues", testQueue},
		{"one message for many sessions", testShared},
		{"release", testRelease},
		{"dequeue before", testDequeueBefore},
		{"delete session", testDeleteSession},
		{"a transaction is whole", testWhole},
		{"commits are done in order", testOrder},
		{"discard", testDiscard},
		{"close", testClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := open(t, t.TempDir())
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test.run(t, store)
		})
	}
}

// commit fills a transaction and waits until it is done.
func commit(t *testing.T, store mqtt.Store, fill func(mqtt.StoreTx)) {
	t.Helper()
	tx := store.Begin()
	fill(tx)
	result := make(chan error, 1)
	tx.Commit(mqtt.StoreSynced, func(err error) { result <- err })
	if err := <-result; err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func load(t *testing.T, store mqtt.Store) *mqtt.StoredState {
	t.Helper()
	state, err := store.Load()
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return state
}

// queue lists a session's deliveries with from <= place < to.
func queue(t *testing.T, store mqtt.Store, session, from, to uint64) (list []*mqtt.StoredDelivery) {
	t.Helper()
	err := store.Queue(session, from, to, func(d *mqtt.StoredDelivery) bool {
		list = append(list, d)
		return true
	})
	if err != nil {
		t.Fatalf("Queue(%d, %d, %d): %v", session, from, to, err)
	}
	return list
}
