package pebble_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
)

// The load: 256 B bodies, half random, for 10,000 sessions.
const sessions = 10_000

type load struct {
	rng  *rand.Rand
	seq  uint64
	key  []byte
	body [256]byte
}

func newLoad(writer int) *load {
	return &load{rng: rand.New(rand.NewPCG(uint64(writer), 7)), seq: uint64(writer) << 40}
}

func (l *load) next() (key, body []byte) {
	l.seq++
	l.key = append(l.key[:0], "q|"...)
	l.key = binary.BigEndian.AppendUint32(l.key, uint32(l.rng.IntN(sessions)))
	l.key = binary.BigEndian.AppendUint64(l.key, l.seq)
	for i := 0; i < len(l.body)/2; i += 8 {
		binary.LittleEndian.PutUint64(l.body[i:], l.rng.Uint64())
	}
	return l.key, l.body[:]
}

// parallel runs b.N appends by so many writers, each waiting for its own.
func parallel(b *testing.B, writers int, run func(writer int, next func() bool)) {
	b.ReportAllocs()
	var mu sync.Mutex
	over := false // b.Loop is not for many goroutines, nor to be asked again
	next := func() bool {
		mu.Lock()
		defer mu.Unlock()
		over = over || !b.Loop()
		return !over
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() { run(w, next) })
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

func benchmarkCommitter(b *testing.B, writers int, level kv.Level) {
	c, err := kv.NewCommitter(func() (kv.KV, error) { return pebble.Open(pebble.Options{Dir: b.TempDir()}) }, kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	parallel(b, writers, func(writer int, next func() bool) {
		l, done := newLoad(writer), make(chan error, 1)
		answer := func(err error) { done <- err }
		var batch kv.Batch
		for next() {
			batch.Reset()
			batch.Put(l.next())
			c.Submit(&batch, level, answer)
			if err := <-done; err != nil {
				b.Error(err)
				return
			}
		}
	})
	s := c.Stats()
	b.ReportMetric(float64(s.Submissions)/float64(s.Commits), "appends/commit")
	if err := c.Close(); err != nil {
		b.Error(err)
	}
}

func BenchmarkCommitter(b *testing.B) {
	for _, writers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) { benchmarkCommitter(b, writers, kv.Sync) })
	}
}

// BenchmarkPebbleAlone is Pebble's own grouping of concurrent commits, to compare.
func BenchmarkPebbleAlone(b *testing.B) {
	for _, writers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			db, err := engine.Open(b.TempDir(), &engine.Options{MemTableSize: 16 << 20, FormatMajorVersion: engine.FormatTableFormatV6, Logger: silent{}})
			if err != nil {
				b.Fatal(err)
			}
			parallel(b, writers, func(writer int, next func() bool) {
				l := newLoad(writer)
				for next() {
					key, body := l.next()
					if err := db.Set(key, body, engine.Sync); err != nil {
						b.Error(err)
						return
					}
				}
			})
			if err := db.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

type silent struct{}

func (silent) Infof(string, ...any)           {}
func (silent) Errorf(string, ...any)          {}
func (silent) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// BenchmarkPipelined is how the broker submits: without waiting for each, within
// a bound.
func BenchmarkPipelined(b *testing.B) {
	c, err := kv.NewCommitter(func() (kv.KV, error) { return pebble.Open(pebble.Options{Dir: b.TempDir()}) }, kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	l, window := newLoad(0), make(chan struct{}, 4096)
	var batch kv.Batch
	done := func(error) { <-window }
	for b.Loop() {
		window <- struct{}{}
		batch.Reset()
		batch.Put(l.next())
		c.Submit(&batch, kv.Sync, done)
	}
	if err := c.Close(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}
