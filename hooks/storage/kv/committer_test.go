package kv_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
)

// disk is an engine whose Apply waits and fails as the test says.
type disk struct {
	*memory.Store
	apply  func(b *kv.Batch, durable bool) error // before the real one; nil error goes on
	closes *int
}

func (d disk) Apply(b *kv.Batch, durable bool) error {
	if d.apply != nil {
		if err := d.apply(b, durable); err != nil {
			return err
		}
	}
	return d.Store.Apply(b, durable)
}

func (d disk) Close() error {
	if d.closes != nil {
		*d.closes++
	}
	return d.Store.Close()
}

func put(key string) *kv.Batch {
	var b kv.Batch
	b.Put([]byte(key), []byte("v"))
	return &b
}

func remove(key string) *kv.Batch {
	var b kv.Batch
	b.Delete([]byte(key))
	return &b
}

func start(t *testing.T, open func() (kv.KV, error), o kv.Options) *kv.Committer {
	t.Helper()
	c, err := kv.NewCommitter(open, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func once(store kv.KV) func() (kv.KV, error) {
	return func() (kv.KV, error) { return store, nil }
}

// results collects what done functions were told, in order.
type results struct {
	mu  sync.Mutex
	got []string
}

func (r *results) done(name string) func(error) {
	return func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case err == nil:
		case errors.Is(err, kv.ErrFailed):
			name += " failed"
		case kv.Refused(err):
			name += " refused"
		case errors.Is(err, kv.ErrClosed):
			name += " closed"
		default:
			name += " " + err.Error()
		}
		r.got = append(r.got, name)
	}
}

// advance lets d pass on the clock of the test's bubble.
func advance(d time.Duration) { <-time.After(d) }

func (r *results) want(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.got, want) {
		t.Errorf("results %q, want %q", r.got, want)
	}
}

func TestCommitterJoinsWhileApplying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		store := disk{Store: memory.New(), apply: func(b *kv.Batch, durable bool) error {
			sizes = append(sizes, b.Len())
			if !durable {
				t.Error("a Sync submission was applied without sync")
			}
			advance(time.Millisecond) // the disk, on the test's clock
			return nil
		}}
		c := start(t, once(store), kv.Options{MaxBatch: 8})
		var r results
		var want []string
		submit := func(name string) {
			c.Submit(put(name), kv.Sync, r.done(name))
			want = append(want, name)
		}
		submit("first")
		synctest.Wait() // it is being applied
		for i := range 20 {
			submit(fmt.Sprint(i))
		}
		if c.Pending() == 0 {
			t.Error("nothing pending")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		r.want(t, want...)
		if !slices.Equal(sizes, []int{1, 8, 8, 4}) {
			t.Errorf("batches of %d, want 1, 8, 8, 4", sizes)
		}
		s := c.Stats()
		if s.Commits != 4 || s.Submissions != 21 || s.Operations != 21 || s.Pending != 0 || c.Pending() != 0 || s.BatchSize.Sum != 21 {
			t.Errorf("stats %+v", s)
		}
		if s.ApplyTime.Sum != uint64(4*time.Millisecond) {
			t.Errorf("apply time %v, want 4ms", time.Duration(s.ApplyTime.Sum))
		}
	})
}

func TestCommitterBytesLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ops []int
		hold := make(chan struct{})
		store := disk{Store: memory.New(), apply: func(b *kv.Batch, _ bool) error { ops = append(ops, b.Len()); <-hold; return nil }}
		c := start(t, once(store), kv.Options{MaxBytes: 100})
		var r results
		c.Submit(put("first"), kv.Sync, r.done("first"))
		synctest.Wait()
		for i, size := range []int{40, 40, 40, 500, 10} {
			var b kv.Batch
			b.Put([]byte("k"), make([]byte, size))
			c.Submit(&b, kv.Sync, r.done(fmt.Sprint(i)))
		}
		close(hold)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(ops, []int{1, 2, 1, 1, 1}) {
			t.Errorf("batches of %d, want 1, 2, 1, 1, 1", ops)
		}
		r.want(t, "first", "0", "1", "2", "3", "4")
	})
}

func TestCommitterLazy(t *testing.T) {
	t.Parallel()
	type commit struct {
		ops     int
		durable bool
		at      time.Duration
	}
	for _, test := range []struct {
		name   string
		submit func(c *kv.Committer, r *results)
		want   []commit
		done   []string
	}{
		{"alone: after the delay, without sync", func(c *kv.Committer, r *results) {
			c.Submit(remove("a"), kv.Lazy, r.done("a"))
			advance(20 * time.Millisecond)
			c.Submit(remove("b"), kv.Lazy, r.done("b"))
			advance(100 * time.Millisecond)
		}, []commit{{2, false, 50 * time.Millisecond}}, []string{"a", "b"}},
		{"with the next sync", func(c *kv.Committer, r *results) {
			c.Submit(remove("a"), kv.Lazy, r.done("a"))
			advance(10 * time.Millisecond)
			c.Submit(put("b"), kv.Sync, r.done("b"))
			advance(time.Second)
		}, []commit{{2, true, 10 * time.Millisecond}}, []string{"a", "b"}},
		{"at once when there are many", func(c *kv.Committer, r *results) {
			var b kv.Batch
			b.Put([]byte("k"), make([]byte, 700))
			c.Submit(&b, kv.Lazy, r.done("a"))
			c.Submit(&b, kv.Lazy, r.done("b"))
			advance(time.Millisecond)
		}, []commit{{2, false, 0}}, []string{"a", "b"}},
		{"flushed and synced by Close", func(c *kv.Committer, r *results) {
			c.Submit(remove("a"), kv.Lazy, r.done("a"))
		}, []commit{{1, true, 0}}, []string{"a"}},
		{"two delays", func(c *kv.Committer, r *results) {
			c.Submit(remove("a"), kv.Lazy, r.done("a"))
			advance(60 * time.Millisecond)
			c.Submit(remove("b"), kv.Lazy, r.done("b"))
			advance(60 * time.Millisecond)
		}, []commit{{1, false, 50 * time.Millisecond}, {1, false, 110 * time.Millisecond}}, []string{"a", "b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var commits []commit
				began := time.Now()
				store := disk{Store: memory.New(), apply: func(b *kv.Batch, durable bool) error {
					commits = append(commits, commit{b.Len(), durable, time.Since(began)})
					return nil
				}}
				c := start(t, once(store), kv.Options{LazyBytes: 1000})
				var r results
				test.submit(c, &r)
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				r.want(t, test.done...)
				if !slices.Equal(commits, test.want) {
					t.Errorf("commits %v, want %v", commits, test.want)
				}
			})
		})
	}
}

func TestCommitterBadSubmissionHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		c := start(t, once(store), kv.Options{})
		var r results
		c.Submit(put("a"), kv.Lazy, r.done("a"))
		c.Submit(put(""), kv.Lazy, r.done("bad"))
		c.Submit(put("b"), kv.Sync, r.done("b"))
		c.Submit(new(kv.Batch), kv.Sync, r.done("empty"))
		c.Submit(put("c"), kv.Sync, nil)
		synctest.Wait()
		r.want(t, "a", "bad refused", "b", "empty")
		for _, key := range []string{"a", "b", "c"} {
			if _, err := c.Get([]byte(key), nil); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		if s := c.Stats(); s.Refused != 1 || s.Failed != 0 {
			t.Errorf("refused %d, failed %d; want 1, 0", s.Refused, s.Failed)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCommitterFullDisk: what removes gets through, else nothing ever would.
func TestCommitterFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		if err := inner.Apply(put("old"), true); err != nil {
			t.Fatal(err)
		}
		store := disk{Store: inner, apply: func(b *kv.Batch, _ bool) error {
			if b.Grows() {
				return fmt.Errorf("disk: %w", kv.ErrNoSpace)
			}
			return nil
		}}
		c := start(t, once(store), kv.Options{})
		var r results
		c.Submit(put("a"), kv.Lazy, r.done("a"))
		c.Submit(remove("old"), kv.Lazy, r.done("remove"))
		c.Submit(put("b"), kv.Sync, r.done("b"))
		synctest.Wait()
		r.want(t, "a refused", "remove", "b refused")
		if _, err := c.Get([]byte("old"), nil); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("old: %v, want ErrNotFound", err)
		}
		if c.Err() != nil || c.Stats().Reopens != 0 {
			t.Errorf("the store failed: %v", c.Err())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCommitterFailsAndReopens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("fsync: input/output error")
		failing, opens, closes := false, 0, 0
		var states []string
		var opened []time.Duration
		began := time.Now()
		open := func() (kv.KV, error) {
			opens++
			opened = append(opened, time.Since(began))
			if opens > 1 && opens < 5 {
				return nil, errors.New("still broken")
			}
			return disk{Store: memory.New(), closes: &closes, apply: func(*kv.Batch, bool) error {
				if failing && opens == 1 {
					advance(time.Millisecond)
					return broken
				}
				return nil
			}}, nil
		}
		c := start(t, open, kv.Options{ReopenMax: 300 * time.Millisecond, OnState: func(err error) { states = append(states, fmt.Sprint(err)) }})
		var r results
		c.Submit(put("well"), kv.Sync, r.done("well"))
		synctest.Wait()
		failing = true
		c.Submit(put("a"), kv.Sync, r.done("a"))
		synctest.Wait()
		c.Submit(put("b"), kv.Sync, r.done("b")) // waits while a is applied
		c.Submit(put("c"), kv.Lazy, r.done("c"))
		advance(2 * time.Millisecond)
		c.Submit(put("d"), kv.Sync, r.done("d")) // comes after the failure
		synctest.Wait()
		r.want(t, "well", "a failed", "b failed", "c failed", "d failed")
		if _, err := c.Get([]byte("well"), nil); !errors.Is(err, kv.ErrFailed) || !errors.Is(err, broken) {
			t.Errorf("Get while failed: %v, want ErrFailed and its cause", err)
		}
		if err := c.Range(nil, nil, false, nil); !errors.Is(err, kv.ErrFailed) {
			t.Errorf("Range while failed: %v, want ErrFailed", err)
		}
		if closes != 1 {
			t.Errorf("the failed handle was closed %d times, want once", closes)
		}
		advance(2 * time.Second)
		c.Submit(put("e"), kv.Sync, r.done("e"))
		synctest.Wait()
		r.want(t, "well", "a failed", "b failed", "c failed", "d failed", "e")
		ms := time.Millisecond
		if want := []time.Duration{0, 101 * ms, 301 * ms, 601 * ms, 901 * ms}; !slices.Equal(opened, want) {
			t.Errorf("opened at %v, want %v", opened, want)
		}
		if want := []string{
			"store has failed: " + broken.Error(), "reopen store: still broken",
			"reopen store: still broken", "reopen store: still broken", "<nil>",
		}; !slices.Equal(states, want) {
			t.Errorf("states %q, want %q", states, want)
		}
		if s := c.Stats(); s.Reopens != 1 || s.Failed != 4 || c.Err() != nil {
			t.Errorf("reopens %d, failed %d, %v", s.Reopens, s.Failed, c.Err())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCommitterClose(t *testing.T) {
	t.Parallel()
	t.Run("twice, and Submit afterwards", func(t *testing.T) {
		t.Parallel()
		c := start(t, once(memory.New()), kv.Options{})
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		var r results
		c.Submit(put("a"), kv.Sync, r.done("a"))
		r.want(t, "a closed")
		if _, err := c.Get([]byte("a"), nil); !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Get: %v, want ErrClosed", err)
		}
	})
	t.Run("while failed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			closes := 0
			c := start(t, once(disk{Store: memory.New(), closes: &closes, apply: func(*kv.Batch, bool) error { return errors.New("broken") }}), kv.Options{})
			var r results
			c.Submit(put("a"), kv.Sync, r.done("a"))
			if err := c.Close(); !errors.Is(err, kv.ErrFailed) {
				t.Errorf("Close = %v, want ErrFailed", err)
			}
			r.want(t, "a failed")
			if closes != 1 {
				t.Errorf("closed %d times, want once", closes)
			}
		})
	})
	t.Run("open fails", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("no disk")
		if _, err := kv.NewCommitter(func() (kv.KV, error) { return nil, cause }, kv.Options{}); !errors.Is(err, cause) {
			t.Errorf("NewCommitter = %v", err)
		}
	})
	t.Run("waits for readers who submit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := start(t, once(memory.New()), kv.Options{})
			var r results
			c.Submit(put("a"), kv.Sync, r.done("a"))
			synctest.Wait()
			closed := make(chan error, 1)
			err := c.Range(nil, nil, false, func(_, _ []byte) bool {
				go func() { closed <- c.Close() }()
				synctest.Wait()
				c.Submit(put("b"), kv.Sync, r.done("b"))
				return true
			})
			if closeErr := <-closed; err != nil || closeErr != nil {
				t.Errorf("Range %v, Close %v", err, closeErr)
			}
			r.want(t, "a", "b closed")
		})
	})
}

// TestCommitterOrder lets many goroutines submit to one key each and checks that
// every done function comes in its submitter's order and that the last one wins.
func TestCommitterOrder(t *testing.T) {
	t.Parallel()
	store := memory.New()
	c := start(t, once(store), kv.Options{MaxBatch: 7, LazyDelay: time.Microsecond})
	var submitters sync.WaitGroup
	for w := range 8 {
		submitters.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			done := make(chan int, 500)
			for i := range 500 {
				var b kv.Batch
				b.Put(fmt.Appendf(nil, "w%d", w), fmt.Append(nil, i))
				c.Submit(&b, kv.Level(rng.IntN(2)), func(err error) {
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
					done <- i
				})
			}
			for i := range 500 {
				if got := <-done; got != i {
					t.Errorf("writer %d: done %d, want %d", w, got, i)
					return
				}
			}
			if v, err := c.Get(fmt.Appendf(nil, "w%d", w), nil); err != nil || string(v) != "499" {
				t.Errorf("writer %d: last value %s, %v; want 499", w, v, err)
			}
		})
	}
	submitters.Wait()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestCommitterSnapshotUnsupported(t *testing.T) {
	t.Parallel()
	c := start(t, once(memory.New()), kv.Options{})
	if err := c.Snapshot(t.TempDir()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Snapshot = %v, want ErrUnsupported", err)
	}
	if err := c.With(func(s kv.KV) {
		if kv.DurabilityOf(s) != kv.Volatile {
			t.Error("With got another store")
		}
	}); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestCommitterWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var durable []bool
		store := disk{Store: memory.New(), apply: func(_ *kv.Batch, sync bool) error {
			durable = append(durable, sync)
			if len(durable) == 2 {
				advance(time.Millisecond)
			}
			return nil
		}}
		c := start(t, once(store), kv.Options{LazyDelay: time.Hour})
		began := time.Now()
		var r results
		c.Submit(put("a"), kv.Lazy, r.done("lazy before"))
		c.Submit(put("b"), kv.Written, r.done("written"))
		synctest.Wait()
		r.want(t, "lazy before", "written")
		c.Submit(put("c"), kv.Written, r.done("first"))
		synctest.Wait() // it is being applied
		c.Submit(put("d"), kv.Lazy, r.done("second"))
		c.Submit(put("e"), kv.Written, r.done("third"))
		advance(time.Millisecond)
		synctest.Wait()
		r.want(t, "lazy before", "written", "first", "second", "third")
		if took := time.Since(began); took > time.Second {
			t.Errorf("written submissions waited %s", took)
		}
		if want := []bool{false, false, false}; !slices.Equal(durable, want) {
			t.Errorf("applied with sync: %v, want %v", durable, want)
		}
		c.Submit(put("f"), kv.Written, nil)
		c.Submit(put("g"), kv.Sync, r.done("synced"))
		synctest.Wait()
		if n := len(durable); !slices.Contains(durable, true) || !durable[n-1] {
			t.Errorf("applied with sync: %v, want the last one", durable)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
