package storage

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/linnetmq/linnet/mqtt"
)

// tracker remembers who still needs the shared bodies of this run, so that a
// body is deleted together with the last reference to it. It is a help, not the
// truth: it forgets what is old, and all of it when a commit fails. Bodies it
// has forgotten are the sweep's.
type tracker struct {
	limit int          // references in a generation
	held  atomic.Int64 // references in both

	mu         sync.Mutex
	young, old generation
	lost       int // bodies forgotten while somebody needed them
}

// generation is what was enqueued in one stretch of time.
type generation struct {
	references int
	bodies     int
	sessions   map[uint64][]claim // in order of place
}

// claim is one session's need of a body.
type claim struct {
	place uint64
	body  *sharedBody
}

type sharedBody struct {
	id   uint64
	left int // claims
}

// settlement is what a transaction takes from the tracker when it is committed:
// claims of a session from a place on, up to another.
type settlement struct{ session, from, to uint64 }

// add notes a body and its receivers.
func (t *tracker) add(id uint64, to []mqtt.StoredReference) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(to) > t.limit {
		t.lost++
		return
	}
	if t.young.references+len(to) > t.limit {
		t.ageLocked()
	}
	if t.young.sessions == nil {
		t.young.sessions = make(map[uint64][]claim)
	}
	body := &sharedBody{id: id, left: len(to)}
	for i := range to {
		t.young.insert(to[i].Session, claim{to[i].Place, body})
	}
	t.young.bodies++
	t.countLocked()
}

// ageLocked forgets the old generation. t.mu is held.
func (t *tracker) ageLocked() {
	t.lost += t.old.bodies
	t.old, t.young = t.young, generation{}
}

func (t *tracker) countLocked() { t.held.Store(int64(t.young.references + t.old.references)) }

// forget gives everything to the sweep.
func (t *tracker) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ageLocked()
	t.ageLocked()
	t.countLocked()
}

// takeLost returns how many bodies were forgotten since the last call.
func (t *tracker) takeLost() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.lost
	t.lost = 0
	return n
}

// empty reports whether there is nothing to settle.
func (t *tracker) empty() bool { return t.held.Load() == 0 }

// settleLocked takes claims away and calls gone for each body that nobody needs
// any more. t.mu is held, and by the caller until its transaction is in the
// queue: a later one that takes the last claim must not overtake it.
func (t *tracker) settleLocked(list []settlement, gone func(id uint64)) {
	for _, s := range list {
		t.young.take(s, gone)
		t.old.take(s, gone)
	}
	t.countLocked()
}

func byPlace(c claim, place uint64) int { return cmp.Compare(c.place, place) }

// insert keeps claims in order; they nearly always come so. A place that comes
// again, after a failure, belongs to the newer body.
func (g *generation) insert(session uint64, c claim) {
	list := g.sessions[session]
	i := len(list)
	if i > 0 && list[i-1].place >= c.place {
		found := false
		if i, found = slices.BinarySearchFunc(list, c.place, byPlace); found {
			list[i] = c
			return
		}
	}
	g.sessions[session] = slices.Insert(list, i, c)
	g.references++
}

func (g *generation) take(s settlement, gone func(id uint64)) {
	list := g.sessions[s.session]
	if len(list) == 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(list, s.from, byPlace)
	j, _ := slices.BinarySearchFunc(list, s.to, byPlace)
	if i >= j {
		return
	}
	for _, c := range list[i:j] {
		if c.body.left--; c.body.left == 0 {
			g.bodies--
			gone(c.body.id)
		}
	}
	g.references -= j - i
	switch {
	case i == 0 && j == len(list):
		delete(g.sessions, s.session)
	case i == 0:
		clear(list[:j])
		g.sessions[s.session] = list[j:]
	default:
		g.sessions[s.session] = slices.Delete(list, i, j)
	}
}
