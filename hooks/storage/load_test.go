package storage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/mqtt"
)

// BenchmarkLoad opens and loads 1,000,000 retained messages, 100,000 sessions
// with two subscriptions each, and 1,000,000 queued references, which must cost
// nothing.
func BenchmarkLoad(b *testing.B) {
	const retained, sessions, queued = 1_000_000, 100_000, 1_000_000
	dir := b.TempDir()
	openStore := func() *storage.Store {
		store, err := pebble.NewStore(pebble.Options{Dir: dir}, storage.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return store
	}
	store := openStore()
	fill(b, store, retained, func(tx mqtt.StoreTx, i int) {
		tx.Retain(&mqtt.StoredBody{Topic: fmt.Sprint("retained/", i%1000, "/topic/", i), Payload: make([]byte, 64), QoS: 1, Origin: fmt.Sprint("publisher-", i%100)})
	})
	fill(b, store, sessions, func(tx mqtt.StoreTx, i int) {
		tx.PutSession(&mqtt.StoredSession{Session: uint64(i + 1), ClientID: fmt.Sprint("client-", i), SessionExpiryInterval: 3600, DisconnectedAt: time.Now()})
		for _, filter := range []string{"a/+/b", "commands/#"} {
			sub := mqtt.StoredSubscription{}
			sub.Filter, sub.QoS = filter, 1
			tx.PutSubscription(uint64(i+1), &sub)
		}
	})
	fill(b, store, queued, func(tx mqtt.StoreTx, i int) {
		tx.Enqueue(&mqtt.StoredBody{Topic: "t", Payload: make([]byte, 256)}, []mqtt.StoredReference{{Session: uint64(i%100 + 1), Place: uint64(i + 1)}})
	})
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		store := openStore()
		state, err := store.Load()
		if err != nil || len(state.Retained) != retained || len(state.Sessions) != sessions || len(state.Subscriptions) != 2*sessions {
			b.Fatalf("%v", err)
		}
		b.StopTimer()
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// fill commits n records, a thousand in a transaction.
func fill(tb testing.TB, store mqtt.Store, n int, put func(mqtt.StoreTx, int)) {
	tb.Helper()
	result := make(chan error, n/1000+1)
	commits := 0
	for at := 0; at < n; at += 1000 {
		tx := store.Begin()
		for i := at; i < min(at+1000, n); i++ {
			put(tx, i)
		}
		tx.Commit(mqtt.StoreWritten, func(err error) { result <- err })
		commits++
	}
	for range commits {
		if err := <-result; err != nil {
			tb.Fatal(err)
		}
	}
}
