package crash

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/mqtt"
)

const storeDir = "/data/store"

// pebbleStore is for InProcess.Options: a broker with the default store, whose
// write buffer is small so that tables are written and joined, too.
func pebbleStore(d mqtt.Durability, wrap func(vfs.FS) vfs.FS) func(vfs.FS) (*mqtt.Options, error) {
	return func(files vfs.FS) (*mqtt.Options, error) {
		if wrap != nil {
			files = wrap(files)
		}
		store, err := pebble.NewStore(pebble.Options{Dir: storeDir, FS: files, MemTableSize: 64 << 10}, storage.Options{})
		if err != nil {
			return nil, err
		}
		return &mqtt.Options{Store: store, Durability: d}, nil
	}
}

// TestPowerCut cuts the power: what was acknowledged is there although the disk
// forgets what was not synced.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	for seed, unsynced := range []int{0, 50, 95} {
		t.Run(fmt.Sprintf("%d percent kept", unsynced), func(t *testing.T) {
			t.Parallel()
			b := &InProcess{Options: pebbleStore(mqtt.DurabilityFsync, nil), Unsynced: unsynced, Seed: uint64(seed)}
			mustHold(t, b, Config{Seed: 100 + uint64(seed), Kills: 10})
		})
	}
}

// TestPowerCutFindsLoss: where nothing waits for the disk, TestPowerCut's checks
// fail.
func TestPowerCutFindsLoss(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		durability mqtt.Durability
		disk       func(vfs.FS) vfs.FS
	}{
		{"durability os", mqtt.DurabilityOS, nil},
		{"durability none", mqtt.DurabilityNone, nil},
		{"a disk that lies", mqtt.DurabilityFsync, func(files vfs.FS) vfs.FS { return lyingDisk{files} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mustLose(t, &InProcess{Options: pebbleStore(tt.durability, tt.disk)}, Config{Seed: 200})
		})
	}
}

// lyingDisk says that it has synced a log, and has not.
type lyingDisk struct{ vfs.FS }

func (d lyingDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return lie(name, f), err
}

func (d lyingDisk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(old, name, c)
	return lie(name, f), err
}

func lie(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".log") {
		return f
	}
	return lyingFile{f}
}

type lyingFile struct{ vfs.File }

func (lyingFile) Sync() error                { return nil }
func (lyingFile) SyncData() error            { return nil }
func (lyingFile) SyncTo(int64) (bool, error) { return true, nil }
