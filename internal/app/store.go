package app

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/badger"
	"github.com/linnetmq/linnet/hooks/storage/bolt"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/hooks/storage/redis"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// storeDir is where the store lives below the data directory.
const storeDir = "store"

// openStore opens the store of a data directory that this process holds; nil if
// there is to be none.
func openStore(cfg *config.Config, log *slog.Logger) (mqtt.Store, error) {
	if cfg.Store.Engine == config.None {
		return nil, nil
	}
	name := filepath.Join(cfg.DataDir, storeDir)
	if cfg.Store.Engine != config.Pebble {
		name += "-" + cfg.Store.Engine // each engine has files of its own kind
	}
	open, err := engine(&cfg.Store, name, log)
	if err != nil {
		return nil, err
	}
	if cfg.Store.Engine == config.Redis {
		name = "in redis"
	}
	s, err := storage.New(open, storage.Options{Name: name, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", name, err)
	}
	return s, nil
}

// closeStore closes a store, if there is one.
func closeStore(s mqtt.Store) error {
	if s == nil {
		return nil
	}
	return s.Close()
}

// engine returns what opens the engine of a store.
func engine(cfg *config.Store, dir string, log *slog.Logger) (open func() (kv.KV, error), err error) {
	switch cfg.Engine {
	case config.Bolt:
		return func() (kv.KV, error) { return opened(bolt.Open(bolt.Options{Dir: dir})) }, nil
	case config.Badger:
		return func() (kv.KV, error) { return opened(badger.Open(badger.Options{Dir: dir})) }, nil
	case config.Redis:
		url, err := cfg.RedisURL.Reveal()
		if err != nil {
			return nil, fmt.Errorf("store.redis_url: %w", err)
		}
		o := redis.Options{URL: url, Prefix: cfg.RedisName, Owner: rand.Text()}
		return func() (kv.KV, error) { return opened(redis.Open(o)) }, nil
	}
	return func() (kv.KV, error) { return opened(pebble.Open(pebble.Options{Dir: dir, Logger: log})) }, nil
}

// opened keeps a nil pointer from looking like an engine.
func opened[T kv.KV](engine T, err error) (kv.KV, error) {
	if err != nil {
		return nil, err
	}
	return engine, nil
}

// durabilities are the words of the configuration.
var durabilities = map[string]mqtt.Durability{
	config.Fsync: mqtt.DurabilityFsync, config.OS: mqtt.DurabilityOS, config.None: mqtt.DurabilityNone,
}

// listenerDurabilities are the listeners that have their own.
func listenerDurabilities(cfg *config.Config) map[string]mqtt.Durability {
	var all map[string]mqtt.Durability
	for i := range cfg.Listeners {
		if l := &cfg.Listeners[i]; l.Durability != "" {
			if all == nil {
				all = map[string]mqtt.Durability{}
			}
			all[l.ID] = durabilities[l.Durability]
		}
	}
	return all
}

// topicDurabilities are the rules for topics.
func topicDurabilities(cfg *config.Store) (all []mqtt.TopicDurability) {
	for _, t := range cfg.Topics {
		all = append(all, mqtt.TopicDurability{Filter: t.Filter, Durability: durabilities[t.Durability]})
	}
	return all
}
