package memory

import (
	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// NewStore returns an empty store for a broker that is to forget everything when
// it ends: give it to mqtt.Options.Store.
func NewStore(so storage.Options) (*storage.Store, error) {
	if so.Name == "" {
		so.Name = "memory"
	}
	return storage.New(func() (kv.KV, error) { return New(), nil }, so)
}
