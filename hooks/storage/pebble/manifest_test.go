package pebble

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

func TestDamagedEndOfTheManifestIsNamed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	var log bytes.Buffer
	o := Options{Dir: dir, Reserve: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	var newest string
	for range 3 { // a store that is well is not complained of
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		var b kv.Batch
		b.Put([]byte("k"), []byte("v"))
		if err := s.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		newest = manifest(s.opts.FS, dir)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(log.String(), "list of files") {
		t.Errorf("of a store that is well: %s", log.String())
	}
	name := filepath.Join(dir, filepath.Base(newest))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-2] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(o); err == nil { // Pebble takes it for an interrupted write
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "list of files") || !strings.Contains(log.String(), filepath.Base(name)) {
		t.Errorf("the damaged file is not named: %s", log.String())
	}
}
