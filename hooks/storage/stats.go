package storage

import (
	"sync/atomic"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// counters are the store's own figures.
type counters struct {
	sessions              atomic.Int64
	enqueued, dequeued    atomic.Uint64
	bodies, bodiesDeleted atomic.Uint64
	corruptions           atomic.Uint64
}

// Stats are a store's figures. Counters count since New.
type Stats struct {
	SessionsLoaded    int64  // by Load
	Enqueued          uint64 // references
	Dequeued          uint64 // references, one by one; those removed in ranges are not counted
	SharedBodies      uint64 // bodies for two or more receivers
	SharedDeleted     uint64 // of them, together with the last reference
	TrackedReferences int64  // now
	SweepPasses       uint64
	SweepExamined     uint64 // bodies
	SweepDeleted      uint64 // bodies
	Corruptions       uint64 // records that could not be read
	Durability        kv.Durability
	Committer         kv.CommitterStats
	Engine            kv.Stats // zero if the engine has none, or is down
}

// Stats returns the figures now.
func (s *Store) Stats() Stats {
	n := &s.counters
	stats := Stats{
		SessionsLoaded: n.sessions.Load(), Enqueued: n.enqueued.Load(), Dequeued: n.dequeued.Load(),
		SharedBodies: n.bodies.Load(), SharedDeleted: n.bodiesDeleted.Load(), TrackedReferences: s.tracker.held.Load(),
		SweepPasses: s.sweep.passes.Load(), SweepExamined: s.sweep.examined.Load(), SweepDeleted: s.sweep.deleted.Load(),
		Corruptions: n.corruptions.Load(), Committer: s.committer.Stats(),
	}
	err := s.committer.With(func(store kv.KV) {
		stats.Durability = kv.DurabilityOf(store)
		if engine, ok := store.(kv.Stater); ok {
			stats.Engine = engine.Stats()
		}
	})
	if err != nil {
		stats.Durability = kv.Volatile
	}
	return stats
}
