package pebble_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
)

// A store whose list of files is damaged or gone is rebuilt from its tables and
// logs: the newest of each key counts, and what was deleted stays deleted.
func TestSalvageWithoutManifest(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(name string) error{
		"damaged": func(name string) error { return os.WriteFile(name, []byte("nothing of use"), 0o600) },
		"gone":    os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "store")
			fillForSalvage(t, dir)
			manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
			if err != nil || len(manifests) == 0 {
				t.Fatal(manifests, err)
			}
			for _, m := range manifests {
				if err := harm(m); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := pebble.Open(pebble.Options{Dir: dir}); err == nil {
				t.Fatal("a store without its list of files opens")
			}
			losses := 0
			store, err := pebble.OpenSalvage(dir, dir+".work", func(string) { losses++ })
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			err = store.Range(nil, nil, false, func(k, v []byte) bool {
				if want := fmt.Sprintf("k%04d=second", n+1000); string(k)+"="+string(v) != want {
					t.Errorf("%s=%s, want %s", k, v, want)
				}
				n++
				return true
			})
			if err != nil || n != 4000 || losses == 0 {
				t.Errorf("%d keys, %v, %d losses; want 4000 keys", n, err, losses)
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// fillForSalvage writes 5000 keys twice, deletes the first thousand, and leaves
// some of it in a table and some in the log.
func fillForSalvage(t *testing.T, dir string) {
	t.Helper()
	store, err := pebble.Open(pebble.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(b *kv.Batch) {
		if err := store.Apply(b, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, value := range []string{"first", "second"} {
		var b kv.Batch
		for n := range 5000 {
			b.Put(fmt.Appendf(nil, "k%04d", n), []byte(value))
		}
		apply(&b)
		if value == "first" {
			if err := store.Compact(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var b kv.Batch
	b.DeleteRange([]byte("k0000"), []byte("k0900"))
	apply(&b)
	b.Reset()
	b.DeleteRange([]byte("k0900"), []byte("k1000"))
	apply(&b)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
