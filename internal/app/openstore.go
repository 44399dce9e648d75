package app

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/hooks/storage/redis"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// openStore opens the store of a data directory that this process holds; nil if
// there is to be none.
func openStore(cfg *config.Config, log *slog.Logger) (mqtt.Store, error) {
	if cfg.Store.Engine == config.None {
		return nil, nil
	}
	dir := filepath.Join(cfg.DataDir, storeDirName)
	open, name, err := opener(&cfg.Store, dir, log)
	if err != nil {
		return nil, err
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

// opener returns what opens the engine of a store, and where it is, in words. A
// directory with the files of another engine is refused.
func opener(cfg *config.Store, dir string, log *slog.Logger) (open func() (kv.KV, error), name string, err error) {
	if cfg.Engine == config.Redis {
		url, err := cfg.RedisURL.Reveal()
		if err != nil {
			return nil, "", fmt.Errorf("store.redis_url: %w", err)
		}
		o := redis.Options{URL: url, Prefix: cfg.RedisName, Owner: rand.Text()}
		return func() (kv.KV, error) { return engineOf(redis.Open(o)) }, "in Redis", nil
	}
	if there, err := findEngine(dir); err == nil && there.name != cfg.Engine {
		return nil, "", fmt.Errorf("the store in %s is of %s, not of %s: set store.engine to %s, or move the directory away to begin anew", dir, there.name, cfg.Engine, there.name)
	}
	if cfg.Engine == config.Pebble { // it tells what it does
		o := pebble.Options{Dir: dir, Logger: log, MaximumBytes: uint64(cfg.Maximum)}
		return func() (kv.KV, error) { return engineOf(pebble.Open(o)) }, dir, nil
	}
	return func() (kv.KV, error) { return engines[cfg.Engine].open(dir) }, dir, nil
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

// storeTrouble says why a store does not take what must be kept.
func storeTrouble(s mqtt.Store) []string {
	if s == nil {
		return nil
	}
	if err := s.Err(); err != nil {
		return []string{"the store has failed: " + err.Error()}
	}
	return nil
}
