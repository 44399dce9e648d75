//go:build !race

package storage_test

import (
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/mqtt"
)

// sink is an engine that takes everything and keeps nothing.
type sink struct{ kv.KV }

func (sink) Apply(*kv.Batch, bool) error { return nil }

// The race detector has pools forget at random, so this is not for it.
//
// What happens for each durable PUBLISH and PUBACK allocates nothing.
func TestAllocations(t *testing.T) {
	store := mustOpen(t, func() (kv.KV, error) { return sink{memory.New()}, nil }, storage.Options{})
	defer mustClose(t, store)
	message := &mqtt.StoredBody{Topic: "some/topic", Payload: make([]byte, 256), Properties: make([]byte, 20), Origin: "publisher", QoS: 1, ExpiresAt: 1}
	one := []mqtt.StoredReference{{Session: 1, IDs: []uint32{7}, Share: "$share/g/some/topic"}}
	result := make(chan error, 1)
	done := func(err error) { result <- err }
	place := uint64(0)
	for _, test := range []struct {
		name string
		fill func(mqtt.StoreTx)
	}{
		{"enqueue for one", func(tx mqtt.StoreTx) { one[0].Place = place; tx.Enqueue(message, one) }},
		{"dequeue", func(tx mqtt.StoreTx) { tx.Dequeue(1, place) }},
		{"release", func(tx mqtt.StoreTx) { tx.Release(1, place, place*300) }},
		{"received", func(tx mqtt.StoreTx) { tx.PutReceived(1, uint16(place)); tx.DeleteReceived(1, uint16(place-1)) }},
		{"retain", func(tx mqtt.StoreTx) { tx.Retain(message) }},
	} {
		run := func() {
			place++
			tx := store.Begin()
			test.fill(tx)
			tx.Commit(mqtt.StoreSynced, done)
			if err := <-result; err != nil {
				t.Fatal(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(2000, run); n > 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}
