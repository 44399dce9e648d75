package memory_test

import (
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/hooks/storage/storagetest"
	"github.com/linnetmq/linnet/mqtt"
)

func TestStore(t *testing.T) {
	storagetest.RunVolatile(t, func(t *testing.T, _ string) mqtt.Store {
		store, err := memory.NewStore(storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}
