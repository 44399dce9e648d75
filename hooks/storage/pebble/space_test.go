package pebble

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

func TestMaximumBytes(t *testing.T) {
	t.Parallel()
	const maximum = 8 << 20
	s, err := Open(Options{Dir: filepath.Join(t.TempDir(), "store"), Reserve: -1, MaximumBytes: maximum})
	if err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 64<<10)
	if _, err := rand.Read(value); err != nil {
		t.Fatal(err)
	}
	put := func(i int) error {
		var b kv.Batch
		b.Put(fmt.Appendf(nil, "k%d", i), value)
		return s.Apply(&b, true)
	}
	n := 0
	for ; n < 2*maximum/len(value) && err == nil; n++ {
		err = put(n)
	}
	if !errors.Is(err, kv.ErrNoSpace) || n < maximum/len(value)/2 {
		t.Errorf("after %d batches of %d bytes: %v", n, len(value), err)
	}
	var removal kv.Batch
	removal.Delete([]byte("k0"))
	if err := s.Apply(&removal, true); err != nil {
		t.Errorf("a removal is refused: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
