package mqtt_test

import (
	"os"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
)

// With LINNET_TEST_STORE set, every server of these tests keeps its durable
// sessions in a store, and must behave as if it did not. (TestSessionExpires,
// which lets a century pass, takes too long then.)
func TestMain(m *testing.M) {
	if os.Getenv("LINNET_TEST_STORE") != "" {
		mqtttest.Prepare = func(t testing.TB, opts *mqtt.Options) {
			if opts.Store != nil || opts.MemoryBudget > 0 { // which bounds what is in memory
				return
			}
			store, err := storage.New(func() (kv.KV, error) { return memory.New(), nil }, storage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			opts.Store = store
		}
	}
	os.Exit(m.Run())
}
