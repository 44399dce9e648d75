package badger

import (
	"fmt"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// TestRedo leaves a big batch half done, as a crash would, and opens the store.
func TestRedo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var b kv.Batch
	b.DeleteRange([]byte("k"), []byte("l"))
	for i := range 1000 {
		b.Put(fmt.Appendf(nil, "k%04d", i), []byte("new"))
	}
	err = s.db.Update(func(txn *badger.Txn) error {
		if err := txn.Set(redoKey, b.AppendTo(nil)); err != nil {
			return err
		}
		if err := txn.Set(dataKey([]byte("k0001")), []byte("half done")); err != nil {
			return err
		}
		return txn.Set(dataKey([]byte("kold")), []byte("not yet removed"))
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to do
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(Options{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		n := 0
		err = s.Range(nil, nil, false, func(k, v []byte) bool { n++; return string(v) == "new" })
		if err != nil || n != 1000 {
			t.Errorf("%d new keys, %v; want 1000", n, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
