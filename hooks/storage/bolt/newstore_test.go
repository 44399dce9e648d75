package bolt_test

import (
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/bolt"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/hooks/storage/storagetest"
	"github.com/linnetmq/linnet/mqtt"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, dir string) mqtt.Store {
		store, err := bolt.NewStore(bolt.Options{Dir: dir}, storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}, inMemory)
}

func inMemory(t *testing.T) mqtt.Store {
	store, err := memory.NewStore(storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
