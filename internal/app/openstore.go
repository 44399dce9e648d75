package app

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// openStore opens the store of a data directory that this process holds.
func openStore(cfg *config.Config, log *slog.Logger) (mqtt.Store, error) {
	dir := filepath.Join(cfg.DataDir, storeDirName)
	s, err := pebble.NewStore(pebble.Options{Dir: dir, Logger: log}, storage.Options{})
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", dir, err)
	}
	return s, nil
}

// durabilities are the values of the setting, which config has checked.
var durabilities = map[string]mqtt.Durability{
	"fsync": mqtt.DurabilityFsync, "os": mqtt.DurabilityOS, "none": mqtt.DurabilityNone,
}
