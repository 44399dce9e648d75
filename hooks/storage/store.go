package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// Store is a mqtt.Store over one engine. After the engine has failed and is open
// again, everything whose commit returned an error is in the store whole or not
// at all; the server must write again what it still holds of it, and may do so
// under the same numbers.
type Store struct {
	opts      Options
	log       *slog.Logger
	committer *kv.Committer
	records   walker
	pool      sync.Pool // of *tx
	tracker   tracker
	counters  counters
	damage    damageLog
	purge     purge
	sweep     sweep

	rangeDeletes bool          // DeleteRange is cheap
	nextBody     atomic.Uint64 // the last number given to a body

	markMu      sync.Mutex
	highestMark uint64        // the highest ever written
	sessionMark atomic.Uint64 // what is surely in the store: numbers below may be used

	stateMu sync.Mutex
	failure error
	watch   func(error)

	stop chan struct{} // closed by Close
	once sync.Once
	wg   sync.WaitGroup
}

// New opens an engine with open and makes a Store of it. open is called again
// whenever the engine has failed. The error may match what open returned,
// kv.ErrLocked among them, and kv.ErrFormat for a store of another release.
func New(open func() (kv.KV, error), o Options) (*Store, error) {
	o = o.fill()
	s := &Store{opts: o, log: o.Logger.With("store", o.Name), stop: make(chan struct{})}
	s.tracker.limit = o.TrackedReferences / 2
	s.purge.wake = make(chan struct{}, 1)
	commit := o.Commit
	commit.OnState = s.onState
	var err error
	if s.committer, err = kv.NewCommitter(open, commit); err != nil {
		return nil, err
	}
	s.records = walker{name: o.Name, from: s.committer, damaged: s.damaged}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.committer.Close())
	}
	s.wg.Go(s.runPurge)
	s.wg.Go(s.runSweep)
	return s, nil
}

// prepare checks the format and finds the numbers to go on from.
func (s *Store) prepare() error {
	if err := s.checkVersion(); err != nil {
		return err
	}
	if err := s.committer.With(func(store kv.KV) { s.rangeDeletes = kv.DeletesRanges(store) }); err != nil {
		return err
	}
	// In the order of time, and beyond what an earlier run has used.
	last := uint64(time.Now().UnixMicro())
	for _, prefix := range []byte{prefixBody, prefixReceivers} {
		from, to := prefixRange(prefix)
		key, err := s.records.lastKey(from, to)
		if err != nil {
			return err
		}
		if len(key) == numberKeySize {
			last = max(last, numberIn(key))
		}
	}
	s.nextBody.Store(last)
	return nil
}

// onState is told by the committer how the engine is.
func (s *Store) onState(err error) {
	if err != nil {
		// What failed may have been part of what these know.
		s.tracker.forget()
		s.sessionMark.Store(0)
		s.log.Error("store has failed", "err", err)
	} else {
		s.log.Info("store is open again")
	}
	s.stateMu.Lock()
	s.failure = err
	watch := s.watch
	s.stateMu.Unlock()
	if s.opts.Commit.OnState != nil {
		s.opts.Commit.OnState(err)
	}
	if watch != nil {
		watch(err)
	}
}

// Watch does as mqtt.Store says.
func (s *Store) Watch(f func(error)) {
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	s.watch = f
}

// Err does as mqtt.Store says.
func (s *Store) Err() error {
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	return s.failure
}

// Pending does as mqtt.Store says.
func (s *Store) Pending() int64 { return s.committer.Pending() }

// Synced tells whether what is committed as synced survives a crash of the
// machine that the engine stores on.
func (s *Store) Synced() bool { return s.Durability() == kv.Disk }

// Durability returns what mqtt.StoreSynced really means with this engine now:
// kv.Volatile for one that keeps nothing on a disk.
func (s *Store) Durability() kv.Durability {
	d := kv.Volatile
	if err := s.committer.With(func(store kv.KV) { d = kv.DurabilityOf(store) }); err != nil {
		return kv.Volatile // it promises nothing while it is down
	}
	return d
}

// Snapshot writes a consistent copy of the store into dir, which must not exist
// yet, while the store is in use: everything that was done before the call is in
// it. The error matches errors.ErrUnsupported if the engine cannot.
func (s *Store) Snapshot(dir string) error { return s.committer.Snapshot(dir) }

// Close does as mqtt.Store says.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.stop) })
	s.wg.Wait()
	return s.committer.Close()
}

// commitFailed gives the committer's error its meaning for the server.
func (s *Store) commitFailed(err error) error {
	s.tracker.forget()
	s.sessionMark.Store(0)
	if errors.Is(err, kv.ErrNoSpace) {
		return fmt.Errorf("%w: %w", mqtt.ErrStoreFull, err)
	}
	return err
}

// await commits b and waits for the result.
func (s *Store) await(b *kv.Batch, level kv.Level) error {
	result := make(chan error, 1)
	s.committer.Submit(b, level, func(err error) { result <- err })
	return <-result
}

// pause waits and reports whether the store is still open then.
func (s *Store) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.stop:
		return false
	case <-timer.C:
		return true
	}
}

var _ mqtt.Store = (*Store)(nil)
