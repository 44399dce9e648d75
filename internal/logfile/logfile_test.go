package logfile

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func open(t *testing.T, opts Options) (*File, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "logs", "linnet.log")
	f, err := Open(name, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // closed by most tests
	return f, name
}

func write(t *testing.T, f *File, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if n, err := f.Write([]byte(line)); err != nil || n != len(line) {
			t.Fatalf("write %q: %d, %v", line, n, err)
		}
	}
}

// contents are the texts of all files beside a log file and of itself, the
// oldest first.
func contents(t *testing.T, name string) (all []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Dir(name) + "/linnet*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names) // '-' comes before '.'
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var in io.Reader = file
		if strings.HasSuffix(name, ".gz") {
			if in, err = gzip.NewReader(file); err != nil {
				t.Fatal(err)
			}
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

func TestRotation(t *testing.T) {
	t.Parallel()
	lines := []string{"one..\n", "two..\n", "three\n", "four.\n", "five.\n"}
	for _, tt := range []struct {
		name string
		opts Options
		want []string
	}{
		{"no limit", Options{}, []string{strings.Join(lines, "")}},
		{"by size", Options{MaximumSize: 12}, []string{"one..\ntwo..\n", "three\nfour.\n", "five.\n"}},
		{"a line larger than a file", Options{MaximumSize: 1}, lines},
		{"some kept", Options{MaximumSize: 6, MaximumBackups: 2}, lines[2:]},
		{"compressed", Options{MaximumSize: 12, Compress: true}, []string{"one..\ntwo..\n", "three\nfour.\n", "five.\n"}},
		{"some kept, compressed", Options{MaximumSize: 6, MaximumBackups: 1, Compress: true}, lines[3:]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, name := open(t, tt.opts)
			write(t, f, lines...)
			if err := errors.Join(f.Close(), f.Close()); err != nil {
				t.Fatal(err)
			}
			if have := contents(t, name); !slices.Equal(have, tt.want) {
				t.Errorf("have %q, want %q", have, tt.want)
			}
			zipped, _ := filepath.Glob(filepath.Dir(name) + "/*.gz")
			if want := tt.opts.Compress; want && len(zipped) != len(tt.want)-1 || !want && len(zipped) > 0 {
				t.Errorf("compressed: %q", zipped)
			}
			if _, err := f.Write([]byte("late")); !errors.Is(err, os.ErrClosed) {
				t.Errorf("write after Close: %v", err)
			}
		})
	}
}

func TestOldFilesAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		name := filepath.Join(dir, "linnet.log")
		stranger := filepath.Join(dir, "linnet-notes.log")
		if err := os.WriteFile(stranger, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(name, Options{MaximumSize: 6, MaximumAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		write(t, f, "one..\n", "two..\n")
		<-time.After(2 * time.Hour)
		write(t, f, "three\n")
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if have, want := contents(t, name), []string{"two..\n", "", "three\n"}; !slices.Equal(have, want) {
			t.Errorf("have %q, want %q", have, want)
		}
	})
}

func TestAppendsAndReopens(t *testing.T) {
	t.Parallel()
	f, name := open(t, Options{MaximumSize: 12})
	write(t, f, "one..\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(name, Options{MaximumSize: 12})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, f, "two..\n")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(t, f, "three\n")
	if have, want := contents(t, name), []string{"three\n", "one..\ntwo..\n"}; !slices.Equal(have, want) {
		t.Errorf("have %q, want %q", have, want)
	}
}

// A file that cannot be put away is written to nevertheless.
func TestLinesAreNotLost(t *testing.T) {
	t.Parallel()
	f, name := open(t, Options{MaximumSize: 6})
	write(t, f, "one..\n")
	if err := os.Rename(name, name+".moved"); err != nil {
		t.Fatal(err)
	}
	n, err := f.Write([]byte("two..\n"))
	if n != 6 || err == nil || !strings.Contains(err.Error(), "put log file away") {
		t.Errorf("%d, %v", n, err)
	}
	if have, want := contents(t, name), []string{"one..\ntwo..\n"}; !slices.Equal(have, want) {
		t.Errorf("have %q, want %q", have, want)
	}
	if err := os.RemoveAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err == nil {
		t.Error("reopened in a directory that is gone")
	}
	if _, err := Open(filepath.Join(os.DevNull, "x", "log"), Options{}); err == nil {
		t.Error("opened below a file")
	}
}

func TestWritersAtOnce(t *testing.T) {
	t.Parallel()
	f, name := open(t, Options{MaximumSize: 100, Compress: true})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				_, _ = fmt.Fprintf(f, "%d %03d\n", w, i) // counted below
			}
		})
	}
	wg.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if have := strings.Count(strings.Join(contents(t, name), ""), "\n"); have != 400 {
		t.Errorf("%d lines, want 400", have)
	}
}
