package pebble_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/mqtt"
)

func openBench(b *testing.B) *storage.Store {
	b.Helper()
	store, err := pebble.NewStore(pebble.Options{Dir: b.TempDir()}, storage.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

// BenchmarkEnqueue is a durable PUBLISH of 256 B to one session, by publishers
// that wait for each commit.
func BenchmarkEnqueue(b *testing.B) {
	for _, writers := range []int{1, 64, 1024} {
		for _, receivers := range []int{1, 50} {
			b.Run(fmt.Sprintf("writers=%d/receivers=%d", writers, receivers), func(b *testing.B) {
				store := openBench(b)
				body := &mqtt.StoredBody{Topic: "some/topic/of/usual/length", Payload: make([]byte, 256), QoS: 1, Origin: "publisher"}
				var places atomic.Uint64
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				b.ReportAllocs()
				b.ResetTimer()
				for w := range writers {
					wg.Go(func() {
						result := make(chan error, 1)
						done := func(err error) { result <- err }
						to := make([]mqtt.StoredReference, receivers)
						for left.Add(-1) >= 0 {
							place := places.Add(1)
							for i := range to {
								to[i] = mqtt.StoredReference{Session: uint64(w + i + 1), Place: place, QoS: 1, Total: place * 300}
							}
							tx := store.Begin()
							tx.Enqueue(body, to)
							tx.Commit(mqtt.StoreSynced, done)
							if err := <-result; err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N*receivers)/b.Elapsed().Seconds(), "deliveries/s")
			})
		}
	}
}
