package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/internal/config"
)

func TestStoreEngines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ engine, dir string }{
		{config.Pebble, "store"}, {config.Bolt, "store"}, {config.Badger, "store"}, {config.None, ""},
	} {
		t.Run(tt.engine, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse("f", []byte("data_dir: "+t.TempDir()+"\nstore: {engine: "+tt.engine+"}"))
			if err != nil {
				t.Fatal(err)
			}
			s, err := openStore(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if (s == nil) != (tt.dir == "") {
				t.Errorf("store %v", s)
			}
			if err := closeStore(s); err != nil {
				t.Error(err)
			}
			if entries, err := os.ReadDir(filepath.Join(cfg.DataDir, tt.dir)); err != nil || tt.dir != "" && len(entries) == 0 {
				t.Errorf("in the directory are %v, %v", entries, err)
			}
		})
	}
}

func TestStoreOfAnotherEngine(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.DataDir, cfg.Store.Engine = t.TempDir(), config.Bolt
	s, err := openStore(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := closeStore(s); err != nil {
		t.Fatal(err)
	}
	cfg.Store.Engine = config.Pebble
	if _, err := openStore(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "is of bolt, not of pebble: set store.engine to bolt") {
		t.Errorf("%v", err)
	}
}

// What cannot be reached is named without its password.
func TestRedisPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"redis://u:sesame@127.0.0.1:1/0", "redis://u:sesame@127.0.0.1:port", "http://u:sesame@h", "redis://u:sesame@h/%zz"} {
		cfg, err := config.Parse("f", []byte("data_dir: "+t.TempDir()+"\nstore: {engine: redis, redis_url: '"+url+"'}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openStore(cfg, slog.New(slog.DiscardHandler)); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%v", err)
		}
	}
}
