package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/rest"
)

// backupDir is where backups of a running broker go, below its data directory.
const backupDir = "backups"

// backup is what makes them; nil if the broker keeps nothing in files of its own.
func backup(cfg *config.Config, store mqtt.Store) func(context.Context, string) (rest.Backup, error) {
	source, ok := store.(*storage.Store)
	engine, known := engines[cfg.Store.Engine]
	if !ok || !known {
		return nil
	}
	parent := filepath.Join(cfg.DataDir, backupDir)
	return func(_ context.Context, name string) (rest.Backup, error) {
		if err := os.MkdirAll(parent, 0o700); err != nil {
			return rest.Backup{}, fmt.Errorf("backup: %w", err)
		}
		dir := filepath.Join(parent, filepath.Base(name))
		m, err := storage.Backup(source, dir, engine.name, engine.open)
		if err != nil {
			return rest.Backup{}, err
		}
		if dir, err = filepath.Abs(dir); err != nil {
			return rest.Backup{}, err
		}
		return rest.Backup{Directory: dir, Records: records(&m.Inventory), Damaged: m.Inventory.Damaged}, nil
	}
}

func newBackup(std streams) *cobra.Command {
	f := &apiFlags{}
	return apiCommand("backup [name]", "Copy the store of a running broker, and verify the copy",
		`Copy the store of a running broker to a directory of that name below "backups" in
its data directory, read the copy back and count what is in it. Without a name it
is the time. "linnet store restore" makes a data directory of it again.`, f, 0, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			in := struct {
				Name string `json:"name"`
			}{time.Now().UTC().Format("20060102T150405Z")}
			if len(args) > 0 {
				in.Name = args[0]
			}
			var made rest.Backup
			if err := api.call(ctx, http.MethodPost, "/backup", nil, in, &made); err != nil {
				return err
			}
			_, err := fmt.Fprintf(std.out, "backup %s: %d records, %d damaged\n", made.Directory, made.Records, made.Damaged)
			return err
		})
}
