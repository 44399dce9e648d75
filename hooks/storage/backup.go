package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// OpenDir opens the engine's store in a directory that is already there.
type OpenDir func(dir string) (kv.KV, error)

// Manifest describes a backup.
type Manifest struct {
	Format    int       `json:"format"` // of the manifest
	Engine    string    `json:"engine"`
	Made      time.Time `json:"made"`
	Inventory Inventory `json:"inventory"`
}

const (
	manifestFormat = 1
	manifestName   = "backup.json"
	backupData     = "store"
)

// Backup copies a store that is in use into dir, which must not exist yet, reads
// the copy back and writes down what is in it. Everything that was done before
// the call is in the backup, whole transactions only. It is complete when dir is
// there: until then it has another name, and after an error nothing is left. The
// error matches errors.ErrUnsupported if the engine cannot copy itself. Damaged
// records are copied as they are; the manifest counts them.
func Backup(source kv.Snapshotter, dir, engine string, open OpenDir) (*Manifest, error) {
	m, err := backup(source, filepath.Clean(dir), engine, open)
	if err != nil {
		return nil, fmt.Errorf("back up store to %s: %w", dir, err)
	}
	return m, nil
}

func backup(source kv.Snapshotter, dir, engine string, open OpenDir) (m *Manifest, err error) {
	partial, err := makePartial(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	data := filepath.Join(partial, backupData)
	if err := source.Snapshot(data); err != nil {
		return nil, err
	}
	found, err := inspect(data, open)
	if err != nil {
		return nil, err
	}
	m = &Manifest{Format: manifestFormat, Engine: engine, Made: time.Now().UTC().Truncate(time.Second), Inventory: *found}
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(partial, manifestName), append(text, '\n')); err != nil {
		return nil, err
	}
	return m, finishPartial(partial, dir)
}

// ReadManifest returns what Backup wrote down about the backup in dir.
func ReadManifest(dir string) (*Manifest, error) {
	name := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no backup: it has no %s", dir, manifestName)
	}
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if m.Format != manifestFormat || m.Inventory.FormatVersion > formatVersion {
		return nil, fmt.Errorf("%s: a backup in format %d of a store in format %d, this release reads formats %d and %d: use the release that made it, or a newer one: %w",
			name, m.Format, m.Inventory.FormatVersion, manifestFormat, formatVersion, kv.ErrFormat)
	}
	return m, nil
}

// Restore copies the backup in dir to target, which must not exist yet, and reads
// every record of the copy: target is there when all of it is what the backup
// had. After an error nothing is left. The backup is not changed.
func Restore(dir, target string, open OpenDir) (*Manifest, error) {
	m, err := ReadManifest(dir)
	if err == nil {
		err = restore(m, dir, filepath.Clean(target), open)
	}
	if err != nil {
		return nil, fmt.Errorf("restore %s to %s: %w", dir, target, err)
	}
	return m, nil
}

func restore(m *Manifest, dir, target string, open OpenDir) (err error) {
	partial, err := makePartial(target)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	if err := os.CopyFS(partial, os.DirFS(filepath.Join(dir, backupData))); err != nil {
		return err
	}
	if err := syncTree(partial); err != nil {
		return err
	}
	found, err := inspect(partial, open)
	if err != nil {
		return err
	}
	if found.Digest != m.Inventory.Digest || found.Damaged != m.Inventory.Damaged || !maps.Equal(found.Records, m.Inventory.Records) {
		return fmt.Errorf("the backup is damaged: it has %s, of which %d are damaged; when it was made it had %s, of which %d were damaged",
			found.total(), found.Damaged, m.Inventory.total(), m.Inventory.Damaged)
	}
	return finishPartial(partial, target)
}

func (i *Inventory) total() string {
	var all KindCounts
	for _, c := range i.Records {
		all.Records += c.Records
		all.Bytes += c.Bytes
	}
	return fmt.Sprintf("%d records of %d bytes", all.Records, all.Bytes)
}

// inspect reads all of a store that nobody else uses.
func inspect(dir string, open OpenDir) (*Inventory, error) {
	store, err := open(dir)
	if err != nil {
		return nil, err
	}
	found, err := Check(store, dir, func(*Problem) {})
	return found, errors.Join(err, store.Close())
}

// makePartial makes an empty directory beside dir, which must not exist, for
// what becomes dir when it is complete.
func makePartial(dir string) (string, error) {
	if _, err := os.Lstat(dir); err == nil {
		return "", fmt.Errorf("%s is already there: move it away or name another place: %w", dir, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return "", err
	}
	return os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".partial-")
}

// finishPartial gives a complete directory its name.
func finishPartial(partial, dir string) error {
	if err := os.Chmod(partial, 0o750); err != nil { //nolint:gosec // a directory; the engines make theirs so
		return err
	}
	if err := syncPath(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	return syncPath(filepath.Dir(dir))
}

func writeFile(name string, text []byte) error {
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return err
	}
	return syncPath(name)
}

// syncTree brings files and directories to the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}
