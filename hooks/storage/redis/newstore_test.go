package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/hooks/storage/redis"
	"github.com/linnetmq/linnet/hooks/storage/storagetest"
	"github.com/linnetmq/linnet/mqtt"
)

func TestStore(t *testing.T) {
	s := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	storagetest.Run(t, func(t *testing.T, dir string) mqtt.Store {
		store, err := redis.NewStore(redis.Options{URL: s.url(), Prefix: dir, Timeout: time.Minute}, storage.Options{})
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

func TestStoreClasses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		want kv.Durability
	}{
		{"synced before each answer", []string{"--appendonly", "yes", "--appendfsync", "always"}, kv.Disk},
		{"no file", []string{"--appendonly", "no"}, kv.Volatile},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, test.args...)
			store, err := redis.NewStore(redis.Options{URL: s.url()}, storage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := store.Durability(); got != test.want || store.Stats().Durability != test.want {
				t.Errorf("Durability = %v, want %v", got, test.want)
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Two brokers on one prefix: the second is refused while the first lives, and
// takes over when it has gone.
func TestStoreOneBroker(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	first, err := redis.NewStore(redis.Options{URL: s.url()}, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := redis.NewStore(redis.Options{URL: s.url()}, storage.Options{}); !errors.Is(err, kv.ErrLocked) {
		t.Errorf("a second broker: %v, want ErrLocked", err)
	}
	tx := first.Begin()
	tx.Retain(&mqtt.StoredBody{Topic: "moves", Payload: []byte("with the broker")})
	tx.Commit(mqtt.StoreLazy, nil)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := redis.NewStore(redis.Options{URL: s.url()}, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	state, err := second.Load()
	if err != nil || len(state.Retained) != 1 || string(state.Retained[0].Payload) != "with the broker" {
		t.Errorf("after the move: %+v, %v", state, err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
