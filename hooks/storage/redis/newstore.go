package redis

import (
	"crypto/rand"
	"fmt"
	"os"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// NewStore takes the store under o.Prefix over for a broker: give it to
// mqtt.Options.Store. An empty Owner becomes a name of this process that no other
// has. The errors are those of Open and of storage.New; while another broker has
// the store, or had it and died less than its Lease ago, they match kv.ErrLocked.
func NewStore(o Options, so storage.Options) (*storage.Store, error) {
	if o.Owner == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		o.Owner = fmt.Sprintf("%s, process %d, %s", host, os.Getpid(), rand.Text())
	}
	if so.Name == "" {
		prefix := o.Prefix
		if prefix == "" {
			prefix = defaultPrefix
		}
		so.Name = "redis prefix " + prefix
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
