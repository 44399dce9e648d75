package redis_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/kv/kvtest"
	"github.com/linnetmq/linnet/hooks/storage/redis"
)

// server is a redis-server of the test's own.
type server struct {
	t       *testing.T
	dir     string
	args    []string
	process *exec.Cmd
	client  *client.Client
}

// startServer starts one on a socket in a directory of its own.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // the path of t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, args: args, client: client.NewClient(&client.Options{Network: "unix", Addr: filepath.Join(dir, "s"), MaxRetries: -1})}
	s.start()
	t.Cleanup(func() {
		s.kill()
		_ = s.client.Close()    // it has nothing to say any more
		_ = os.RemoveAll(s.dir) // best effort
	})
	return s
}

func (s *server) url() string { return "unix://" + filepath.Join(s.dir, "s") }

func (s *server) start() {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("these tests need redis-server: install the Debian package redis-server, or the like")
	}
	args := append([]string{"--port", "0", "--unixsocket", filepath.Join(s.dir, "s"), "--dir", s.dir, "--save", ""}, s.args...)
	s.process = exec.Command(path, args...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.After(20 * time.Second)
	for s.client.Ping(context.Background()).Err() != nil {
		select {
		case <-deadline:
			s.t.Fatal("redis-server does not answer")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *server) kill() {
	_ = s.process.Process.Kill() // it may have ended already
	_ = s.process.Wait()         // it was killed
}

var opened atomic.Int64

func (s *server) open(t *testing.T, o redis.Options) *redis.Store {
	t.Helper()
	store, err := s.tryOpen(o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (s *server) tryOpen(o redis.Options) (*redis.Store, error) {
	o.URL = s.url()
	if o.Owner == "" {
		o.Owner = fmt.Sprint("test ", opened.Add(1))
	}
	return redis.Open(o)
}

func mustClose(t *testing.T, store kv.KV) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func put(key, value string) *kv.Batch {
	var b kv.Batch
	b.Put([]byte(key), []byte(value))
	return &b
}

func want(t *testing.T, store kv.KV, key, value string) {
	t.Helper()
	if got, err := store.Get([]byte(key), nil); err != nil || string(got) != value {
		t.Errorf("Get(%s) = %q, %v; want %q", key, got, err, value)
	}
}

func TestContract(t *testing.T) {
	s := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	kvtest.Run(t, func(t *testing.T, dir string) kv.KV {
		return s.open(t, redis.Options{Prefix: dir, Timeout: time.Minute})
	})
}

func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := s.open(t, redis.Options{Owner: "a"})
	_, err := s.tryOpen(redis.Options{Owner: "b"})
	if !errors.Is(err, kv.ErrLocked) || !strings.Contains(err.Error(), "(a)") {
		t.Errorf("Open while a has it = %v; want ErrLocked with the owner's name", err)
	}
	other := s.open(t, redis.Options{Owner: "b", Prefix: "other"})
	if err := a.Apply(put("k", "from a"), true); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Get([]byte("k"), nil); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("another prefix: %v, want ErrNotFound", err)
	}
	mustClose(t, other)
	mustClose(t, a)
	b := s.open(t, redis.Options{Owner: "b"})
	want(t, b, "k", "from a")
	mustClose(t, b)
}

// TestFenced lets a's lease run out as if a had been stopped for a while: b takes
// over, and what a then writes must not arrive.
func TestFenced(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	ctx := t.Context()
	a := s.open(t, redis.Options{Owner: "a", Lease: time.Hour})
	if err := a.Apply(put("k", "from a"), true); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Del(ctx, "{linnet}:owner").Err(); err != nil { // what time does
		t.Fatal(err)
	}
	if err := a.Apply(put("k", "a again"), true); err != nil {
		t.Errorf("nobody has taken over yet: %v", err)
	}
	b := s.open(t, redis.Options{Owner: "b"})
	err := a.Apply(put("k", "from a, late"), true)
	if !errors.Is(err, kv.ErrFenced) || !errors.Is(err, kv.ErrFailed) {
		t.Errorf("Apply of the fenced = %v, want ErrFenced", err)
	}
	if _, err := a.Get([]byte("k"), nil); !errors.Is(err, kv.ErrFenced) {
		t.Errorf("Get of the fenced = %v, want ErrFenced", err)
	}
	want(t, b, "k", "a again")
	mustClose(t, a) // must not give away b's lease
	if _, err := s.tryOpen(redis.Options{Owner: "c"}); !errors.Is(err, kv.ErrLocked) {
		t.Errorf("Open while b has it = %v, want ErrLocked", err)
	}
	mustClose(t, b)
}

// TestHeartbeat: the idle owner keeps its lease, and notices when it has lost it.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := s.open(t, redis.Options{Owner: "a", Lease: 30 * time.Millisecond})
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !ok(); {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not happen", what)
			}
			<-time.After(time.Millisecond)
		}
	}
	if err := s.client.Del(t.Context(), "{linnet}:owner").Err(); err != nil {
		t.Fatal(err)
	}
	eventually("renewal", func() bool { return s.client.Get(t.Context(), "{linnet}:owner").Val() == "a" })
	if err := s.client.Incr(t.Context(), "{linnet}:fence").Err(); err != nil {
		t.Fatal(err)
	}
	eventually("fencing of an idle owner", func() bool {
		_, err := a.Get([]byte("k"), nil)
		return errors.Is(err, kv.ErrFenced)
	})
	mustClose(t, a)
}

// TestConnectionLoss kills the server: the handle fails and stays so, and the
// same owner can open again at once and finds what was synced.
func TestConnectionLoss(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	a := s.open(t, redis.Options{Owner: "a", Lease: time.Hour})
	for i := range 50 {
		if err := a.Apply(put(fmt.Sprint("k", i), "v"), true); err != nil {
			t.Fatal(err)
		}
	}
	s.kill()
	if err := a.Apply(put("lost", "v"), true); !errors.Is(err, kv.ErrFailed) || kv.Refused(err) {
		t.Errorf("Apply without a server = %v, want ErrFailed", err)
	}
	if _, err := s.tryOpen(redis.Options{Owner: "a", Timeout: time.Second}); err == nil {
		t.Error("Open without a server succeeded")
	}
	s.start()
	if err := a.Apply(put("late", "v"), true); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("Apply on the failed handle = %v, want ErrFailed", err)
	}
	again := s.open(t, redis.Options{Owner: "a"})
	for i := range 50 {
		want(t, again, fmt.Sprint("k", i), "v")
	}
	mustClose(t, a)
	mustClose(t, again)
}

// TestServerForgets: an owner must not go on as if nothing had
// happened.
func TestServerForgets(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := s.open(t, redis.Options{})
	if err := s.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.Apply(put("k", "v"), true); !errors.Is(err, kv.ErrFailed) || !strings.Contains(err.Error(), "lost the store's data") {
		t.Errorf("Apply = %v; want ErrFailed, the data is lost", err)
	}
	mustClose(t, a)
}

// TestFullServer: no memory is a refusal of the whole batch, and what removes
// gets through.
func TestFullServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := s.open(t, redis.Options{})
	if err := a.Apply(put("old", "v"), true); err != nil {
		t.Fatal(err)
	}
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.Apply(put("new", "v"), true); !errors.Is(err, kv.ErrNoSpace) {
		t.Errorf("Apply = %v, want ErrNoSpace", err)
	}
	var removal kv.Batch
	removal.Delete([]byte("old"))
	if err := a.Apply(&removal, true); err != nil {
		t.Errorf("Apply of a removal = %v", err)
	}
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"old", "new"} {
		if _, err := a.Get([]byte(key), nil); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", key, err)
		}
	}
	if err := a.Apply(put("new", "v"), true); err != nil {
		t.Errorf("with memory again: %v", err)
	}
	mustClose(t, a)
}

func TestDurability(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		want kv.Durability // without WAITAOF
	}{
		{"no file", nil, kv.Volatile},
		{"every second", []string{"--appendonly", "yes", "--appendfsync", "everysec"}, kv.Volatile},
		{"always", []string{"--appendonly", "yes", "--appendfsync", "always"}, kv.Disk},
		{"always, but no file", []string{"--appendfsync", "always"}, kv.Volatile},
		{"not told", []string{"--appendonly", "yes", "--appendfsync", "always", "--rename-command", "CONFIG", ""}, kv.Volatile},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, test.args...)
			want := test.want
			if test.name == "every second" && s.client.Do(t.Context(), "WAITAOF", 0, 0, 1).Err() == nil {
				want = kv.Disk // Redis 7.2 can be asked to sync
			}
			store := s.open(t, redis.Options{})
			if got := kv.DurabilityOf(store); got != want {
				t.Errorf("durability %v, want %v", got, want)
			}
			if err := store.Apply(put("k", "v"), true); err != nil {
				t.Error(err)
			}
			mustClose(t, store)
		})
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]redis.Options{
		"Owner is empty":          {URL: "redis://localhost"},
		"URL is not valid":        {URL: "http://user:secret@localhost", Owner: "a"},
		"Prefix contains a brace": {URL: "redis://localhost", Owner: "a", Prefix: "a}b"},
	} {
		_, err := redis.Open(o)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, name)
		}
	}
}
