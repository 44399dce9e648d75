package badger

import (
	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// NewStore opens the store in o.Dir for a broker: give it to mqtt.Options.Store.
// The errors are those of Open and of storage.New.
func NewStore(o Options, so storage.Options) (*storage.Store, error) {
	if so.Name == "" {
		so.Name = "badger " + o.Dir
	}
	return storage.New(func() (kv.KV, error) { return engineOf(Open(o)) }, so)
}

// engineOf keeps a nil pointer from becoming an engine.
func engineOf(s *Store, err error) (kv.KV, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
