package pebble_test

import (
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/kv/kvtest"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
)

func TestContract(t *testing.T) {
	kvtest.Run(t, func(t *testing.T, dir string) kv.KV {
		store, err := pebble.Open(pebble.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}
