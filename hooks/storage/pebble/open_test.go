package pebble_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("LINNET_TEST_HOLD"); dir != "" {
		hold(dir)
		return
	}
	os.Exit(m.Run())
}

// hold is the other process: it keeps the store open until its input ends.
func hold(dir string) {
	store, err := pebble.Open(pebble.Options{Dir: dir})
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	if err := store.Apply(put("from", "the other"), true); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("open\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // any end will do
}

func TestLocked(t *testing.T) {
	t.Parallel()
	want := func(t *testing.T, dir string) {
		t.Helper()
		_, err := pebble.Open(pebble.Options{Dir: dir})
		if !errors.Is(err, kv.ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "stop it or choose") {
			t.Errorf("Open = %v; want ErrLocked with %s and the cure", err, dir)
		}
	}
	t.Run("by this process", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		store, err := pebble.Open(pebble.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		want(t, dir)
		mustClose(t, store)
	})
	t.Run("by another process, which is then killed", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		other := exec.CommandContext(t.Context(), self)
		other.Env = append(os.Environ(), "LINNET_TEST_HOLD="+dir)
		in, inErr := other.StdinPipe()
		out, outErr := other.StdoutPipe()
		if err := errors.Join(inErr, outErr, other.Start()); err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
			t.Fatalf("the other process says %q, %v", line, err)
		}
		want(t, dir)
		if err := other.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = other.Wait() // it was killed
		store, err := pebble.Open(pebble.Options{Dir: dir})
		if err != nil {
			t.Fatalf("after the other was killed: %v", err)
		}
		if v, err := store.Get([]byte("from"), nil); err != nil || string(v) != "the other" {
			t.Errorf("what the other wrote: %q, %v", v, err)
		}
		mustClose(t, store)
	})
}

// refusing answers MkdirAll or Lock with an error.
type refusing struct {
	vfs.FS
	mkdir error
}

func (r refusing) MkdirAll(string, fs.FileMode) error {
	return &fs.PathError{Op: "mkdir", Path: dir, Err: r.mkdir}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		options pebble.Options
		is      error
		says    string
	}{
		{"no directory", pebble.Options{}, nil, "Dir is empty"},
		{"cache size", pebble.Options{Dir: dir, CacheSize: -1}, nil, "CacheSize"},
		{"memtable size", pebble.Options{Dir: dir, MemTableSize: 1}, nil, "MemTableSize"},
		{"read-only file system", pebble.Options{Dir: dir, FS: refusing{vfs.NewMem(), syscall.EROFS}}, syscall.EROFS, "mount the file system writable"},
		{"no permission", pebble.Options{Dir: dir, FS: refusing{vfs.NewMem(), syscall.EACCES}}, fs.ErrPermission, "write permission"},
		{"newer format", pebble.Options{Dir: dir, FS: withFile(t, "marker.format-version.000009.999")}, kv.ErrFormat, "newer linnet in format 999"},
		{"older format", pebble.Options{Dir: dir, FS: withFile(t, "marker.format-version.000009.003")}, kv.ErrFormat, "older release"},
		{"oldest format", pebble.Options{Dir: dir, FS: withFile(t, "CURRENT")}, kv.ErrFormat, "format 1"},
	} {
		_, err := pebble.Open(test.options)
		if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v; want %v and %q", test.name, err, test.is, test.says)
		}
		if err != nil && test.options.Dir != "" && test.is != nil && !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v does not name the directory", test.name, err)
		}
	}
}

func withFile(t *testing.T, name string) vfs.FS {
	t.Helper()
	disk := vfs.NewMem()
	if err := disk.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := disk.Create(dir+"/"+name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestDamagedManifest(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	mustClose(t, mustOpen(t, disk))
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest := ""
	for _, name := range names {
		if strings.HasPrefix(name, "MANIFEST-") && name > manifest {
			manifest = name
		}
	}
	edit(t, disk, manifest, func(data []byte) []byte { data[10] ^= 0xff; return data })
	_, err = pebble.Open(pebble.Options{Dir: dir, FS: disk})
	damage, ok := errors.AsType[*kv.CorruptError](err)
	if !ok || !strings.HasSuffix(damage.File, manifest) {
		t.Errorf("Open = %v; want a CorruptError that names %s", err, manifest)
	}
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	store, err := pebble.Open(pebble.Options{Dir: filepath.Join(base, "store")})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Apply(put("a", "1"), false); err != nil {
		t.Fatal(err)
	}
	copyDir := filepath.Join(base, "copy")
	if err := store.Snapshot(copyDir); err != nil {
		t.Fatal(err)
	}
	if err := store.Apply(put("a", "2"), true); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{copyDir, filepath.Join(base, "store", "inner")} {
		if err := store.Snapshot(bad); err == nil {
			t.Errorf("Snapshot(%s) succeeded", bad)
		}
	}
	if err := store.Apply(put("a", "3"), true); err != nil {
		t.Errorf("a failed snapshot must not fail the store: %v", err)
	}
	mustClose(t, store)
	snapshot, err := pebble.Open(pebble.Options{Dir: copyDir})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := snapshot.Get([]byte("a"), nil); err != nil || string(v) != "1" {
		t.Errorf("in the snapshot a = %q, %v; want 1", v, err)
	}
	if s := snapshot.Stats(); s.DiskBytes == 0 || s.MemoryBytes == 0 {
		t.Errorf("stats %+v", s)
	}
	if free, err := snapshot.FreeSpace(); err != nil || free == 0 {
		t.Errorf("FreeSpace = %d, %v", free, err)
	}
	mustClose(t, snapshot)
}

// TestDamageIsNamed: what Pebble does not call corruption, or blames on another
// file, is named all the same.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, ext string
		spoil     func(t *testing.T, disk vfs.FS, name string)
	}{
		{"options damaged", "OPTIONS", func(t *testing.T, disk vfs.FS, name string) {
			edit(t, disk, name, func(data []byte) []byte { return data[:len(data)/4] })
		}},
		{"table cut", ".sst", func(t *testing.T, disk vfs.FS, name string) {
			edit(t, disk, name, func(data []byte) []byte { return data[:len(data)/2] })
		}},
		{"table missing", ".sst", func(t *testing.T, disk vfs.FS, name string) {
			if err := disk.Remove(dir + "/" + name); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			disk := vfs.NewMem()
			for range 2 { // the second start makes a table of the log
				store := mustOpen(t, disk)
				if err := store.Apply(put("k", "v"), true); err != nil {
					t.Fatal(err)
				}
				mustClose(t, store)
			}
			names, err := disk.List(dir)
			if err != nil {
				t.Fatal(err)
			}
			last := ""
			for _, name := range names {
				if strings.Contains(name, test.ext) {
					last = max(last, name)
				}
			}
			test.spoil(t, disk, last)
			_, err = pebble.Open(pebble.Options{Dir: dir, FS: disk, MemTableSize: 256 << 10})
			damage, ok := errors.AsType[*kv.CorruptError](err)
			if !ok || damage.File != dir+"/"+last {
				t.Errorf("Open = %v; want a CorruptError that names %s", err, last)
			}
		})
	}
}
