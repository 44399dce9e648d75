package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/badger"
	"github.com/linnetmq/linnet/hooks/storage/bolt"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
)

// storeDirName is where a broker keeps its store, inside the data directory.
const storeDirName = "store"

// engine opens the files of one kind of store.
type engine struct {
	name string
	open storage.OpenDir
}

var engines = map[string]engine{
	"pebble": {"pebble", func(dir string) (kv.KV, error) { return engineOf(pebble.Open(pebble.Options{Dir: dir})) }},
	"bolt":   {"bolt", func(dir string) (kv.KV, error) { return engineOf(bolt.Open(bolt.Options{Dir: dir})) }},
	"badger": {"badger", func(dir string) (kv.KV, error) { return engineOf(badger.Open(badger.Options{Dir: dir})) }},
}

// engineOf keeps a nil pointer from becoming an engine.
func engineOf[S kv.KV](s S, err error) (kv.KV, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// findEngine tells by its files which engine wrote the store in dir.
func findEngine(dir string) (engine, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return engine{}, fmt.Errorf("store %s: %w", dir, plainPath(err))
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "linnet.bolt":
			return engines["bolt"], nil
		case name == "KEYREGISTRY" || strings.HasSuffix(name, ".vlog"):
			return engines["badger"], nil
		case strings.HasPrefix(name, "marker.") || strings.HasPrefix(name, "MANIFEST-"):
			return engines["pebble"], nil
		}
	}
	return engine{}, fmt.Errorf("there is no store in %s: name the broker's data directory with --data", dir)
}

// offlineStore is a store that no broker uses.
type offlineStore struct {
	engine
	dir string
}

func findStore(data string) (offlineStore, error) {
	dir := filepath.Join(data, storeDirName)
	found, err := findEngine(dir)
	return offlineStore{found, dir}, err
}

// use opens the engine, calls do and closes it.
func (s offlineStore) use(do func(kv.KV) error) error {
	opened, err := s.open(s.dir)
	if err != nil {
		return s.explain(err)
	}
	return errors.Join(do(opened), opened.Close())
}

// explain adds the cure to what refuses to open.
func (s offlineStore) explain(err error) error {
	if _, damaged := errors.AsType[*kv.CorruptError](err); damaged {
		return fmt.Errorf("%w\nrestore a backup with \"linnet store restore\", or recover what can be read with \"linnet store salvage\"", err)
	}
	return err
}

// newStoreDir returns where a data directory has its store, which must not be
// there yet, and makes the data directory.
func newStoreDir(data string) (string, error) {
	dir := filepath.Join(data, storeDirName)
	if _, err := os.Lstat(dir); err == nil {
		return "", fmt.Errorf("%s is already there: move it away or name another data directory", dir)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", fmt.Errorf("data directory %s: %w", data, plainPath(err))
	}
	return dir, nil
}
