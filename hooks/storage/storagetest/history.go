package storagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// History plays steps random transactions and reads on got and on want and fails
// the test at the first different answer. Now and then it closes both and goes on
// with what the reopen functions return, unless they are nil. Both are closed at
// the end. The same seed plays the same history.
func History(t *testing.T, seed uint64, steps int, got, want mqtt.Store, reopenGot, reopenWant func() mqtt.Store) {
	t.Helper()
	h := &history{t: t, rng: rand.New(rand.NewPCG(seed, 1)), stores: [2]mqtt.Store{got, want}, reopen: [2]func() mqtt.Store{reopenGot, reopenWant}, places: map[uint64]uint64{}}
	for h.step = 0; h.step < steps && !t.Failed(); h.step++ {
		switch p := h.rng.IntN(100); {
		case p < 70:
			h.transaction()
		case p < 94:
			h.compareQueue(h.session(), h.place(), h.place())
		case p < 98:
			h.compareState()
		default:
			h.restart()
		}
	}
	h.compareAll()
	for _, store := range h.stores {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// history keeps to what a server does: numbers of sessions and places only grow,
// and a session that was deleted is not spoken of again.
type history struct {
	t      *testing.T
	rng    *rand.Rand
	step   int
	stores [2]mqtt.Store
	reopen [2]func() mqtt.Store
	last   uint64            // session
	alive  []uint64          // sessions
	places map[uint64]uint64 // the last place of each
}

// both is a transaction on both stores.
type both [2]mqtt.StoreTx

func (b both) do(f func(mqtt.StoreTx)) {
	for _, tx := range b {
		f(tx)
	}
}

// session returns one that may be used, a new one if there is none.
func (h *history) session() uint64 {
	if len(h.alive) == 0 {
		return h.newSession()
	}
	return h.alive[h.rng.IntN(len(h.alive))]
}

func (h *history) newSession() uint64 {
	h.last++
	h.alive = append(h.alive, h.last)
	return h.last
}

func (h *history) place() uint64  { return uint64(h.rng.IntN(40)) }
func (h *history) filter() string { return fmt.Sprint("f/", h.rng.IntN(4), "/#") }
func (h *history) topic() string {
	if h.rng.IntN(20) == 0 {
		return strings.Repeat("long", 5000) + fmt.Sprint(h.rng.IntN(3))
	}
	return fmt.Sprint("t/", h.rng.IntN(12))
}

func (h *history) body() *mqtt.StoredBody {
	b := &mqtt.StoredBody{Topic: h.topic(), QoS: byte(h.rng.IntN(3)), Retain: h.rng.IntN(2) == 0}
	if n := h.rng.IntN(700); n > 0 {
		b.Payload = fmt.Appendf(nil, "%d %*s", h.step, n, "")
	}
	if h.rng.IntN(3) == 0 {
		b.Properties, b.Origin, b.ExpiresAt = []byte("properties"), "origin", int64(h.step)
	}
	return b
}

func (h *history) reference(session uint64) mqtt.StoredReference {
	h.places[session] += 1 + uint64(h.rng.IntN(2))
	r := mqtt.StoredReference{Session: session, Place: h.places[session], Total: uint64(h.step), QoS: byte(h.rng.IntN(3)), Retain: h.rng.IntN(2) == 0}
	if h.rng.IntN(4) == 0 {
		r.IDs, r.Share = []uint32{1, uint32(h.step) + 1}, "$share/g/t"
	}
	return r
}

func (h *history) transaction() {
	b := both{h.stores[0].Begin(), h.stores[1].Begin()}
	for range h.rng.IntN(6) {
		h.change(b)
	}
	if h.rng.IntN(20) == 0 {
		b.do(mqtt.StoreTx.Discard)
		return
	}
	level := mqtt.StoreLevel(h.rng.IntN(3))
	wait := level != mqtt.StoreLazy || h.rng.IntN(2) == 0
	results := make(chan error, 2)
	b.do(func(tx mqtt.StoreTx) { tx.Commit(level, func(err error) { results <- err }) })
	for range b {
		if !wait {
			break
		}
		if err := <-results; err != nil {
			h.t.Errorf("step %d: Commit: %v", h.step, err)
		}
	}
}

func (h *history) change(b both) {
	session := h.session()
	switch p := h.rng.IntN(100); {
	case p < 8:
		h.putSession(b, h.newSession())
	case p < 16:
		h.putSession(b, session)
	case p < 22:
		h.alive = slices.DeleteFunc(h.alive, func(s uint64) bool { return s == session })
		b.do(func(tx mqtt.StoreTx) { tx.DeleteSession(session) })
	case p < 29:
		sub := mqtt.StoredSubscription{SubscriptionID: uint32(h.rng.IntN(3))}
		sub.Filter, sub.QoS, sub.NoLocal = h.filter(), byte(h.rng.IntN(3)), h.rng.IntN(2) == 0
		b.do(func(tx mqtt.StoreTx) { tx.PutSubscription(session, &sub) })
	case p < 32:
		filter := h.filter()
		b.do(func(tx mqtt.StoreTx) { tx.DeleteSubscription(session, filter) })
	case p < 35:
		id := uint16(h.rng.IntN(5) + 1)
		b.do(func(tx mqtt.StoreTx) { tx.PutReceived(session, id) })
	case p < 39:
		id := uint16(h.rng.IntN(5) + 1)
		b.do(func(tx mqtt.StoreTx) { tx.DeleteReceived(session, id) })
	case p < 60:
		h.enqueue(b)
	default:
		h.consume(b, session, h.place())
	}
}

func (h *history) putSession(b both, session uint64) {
	s := &mqtt.StoredSession{Session: session, ClientID: fmt.Sprint("c", session), SentBefore: uint64(h.step), Version: packets.V5}
	if h.rng.IntN(3) == 0 {
		s.DisconnectedAt, s.Will = time.Unix(int64(h.step)+1, 0), will()
	}
	b.do(func(tx mqtt.StoreTx) { tx.PutSession(s) })
}

func (h *history) enqueue(b both) {
	seen := map[uint64]bool{}
	var to []mqtt.StoredReference
	for range h.rng.IntN(4) {
		if session := h.session(); !seen[session] {
			seen[session] = true
			to = append(to, h.reference(session))
		}
	}
	body := h.body()
	b.do(func(tx mqtt.StoreTx) { tx.Enqueue(body, to) })
}

func (h *history) consume(b both, session, place uint64) {
	switch h.rng.IntN(5) {
	case 0:
		total := uint64(h.step)
		if place > 0 && place <= h.places[session] {
			b.do(func(tx mqtt.StoreTx) { tx.Release(session, place, total) })
		}
	case 1:
		b.do(func(tx mqtt.StoreTx) { tx.DequeueBefore(session, place) })
	case 2:
		body := h.body()
		b.do(func(tx mqtt.StoreTx) { tx.Retain(body) })
	case 3:
		topic := h.topic()
		b.do(func(tx mqtt.StoreTx) { tx.Unretain(topic) })
	default:
		b.do(func(tx mqtt.StoreTx) { tx.Dequeue(session, place) })
	}
}

// settle waits until everything committed so far is done.
func (h *history) settle() {
	for _, store := range h.stores {
		commit(h.t, store, func(mqtt.StoreTx) {})
	}
}

func (h *history) compareQueue(session, from, to uint64) {
	h.settle()
	limit := h.rng.IntN(30)
	var lists [2][]*mqtt.StoredDelivery
	var ends [2][2]mqtt.StoredReference
	for i, store := range h.stores {
		err := store.Queue(session, from, to, func(d *mqtt.StoredDelivery) bool {
			lists[i] = append(lists[i], d)
			return len(lists[i]) != limit
		})
		if err != nil {
			h.t.Errorf("step %d: Queue: %v", h.step, err)
		}
		if ends[i][0], ends[i][1], err = store.QueueEnds(session); err != nil {
			h.t.Errorf("step %d: QueueEnds: %v", h.step, err)
		}
	}
	if !reflect.DeepEqual(lists[0], lists[1]) {
		h.t.Errorf("step %d: Queue(%d, %d, %d): places %v, want %v", h.step, session, from, to, places(lists[0]), places(lists[1]))
	}
	for k := range 2 {
		if got, want := ends[0][k], ends[1][k]; !reflect.DeepEqual(got, want) {
			h.t.Errorf("step %d: QueueEnds(%d): %+v, want %+v", h.step, session, got, want)
		}
	}
}

func (h *history) compareState() {
	h.settle()
	got, want := load(h.t, h.stores[0]), load(h.t, h.stores[1])
	equalSessions(h.t, got.Sessions, want.Sessions)
	for _, state := range []*mqtt.StoredState{got, want} {
		sortSubscriptions(state.Subscriptions)
		slices.SortFunc(state.Retained, func(a, b mqtt.StoredBody) int { return strings.Compare(a.Topic, b.Topic) })
		slices.SortFunc(state.Received, func(a, b mqtt.StoredReceived) int {
			return int(a.Session)<<16 + int(a.PacketID) - int(b.Session)<<16 - int(b.PacketID)
		})
	}
	if !slices.Equal(got.Subscriptions, want.Subscriptions) {
		h.t.Errorf("step %d: subscriptions %v, want %v", h.step, got.Subscriptions, want.Subscriptions)
	}
	if !slices.Equal(got.Received, want.Received) {
		h.t.Errorf("step %d: received %v, want %v", h.step, got.Received, want.Received)
	}
	if !reflect.DeepEqual(got.Retained, want.Retained) {
		h.t.Errorf("step %d: %d retained, want %d", h.step, len(got.Retained), len(want.Retained))
	}
	for _, s := range got.Sessions {
		if s.Session >= got.NextSession {
			h.t.Errorf("step %d: NextSession = %d, session %d is there", h.step, got.NextSession, s.Session)
		}
	}
}

func (h *history) compareAll() {
	h.compareState()
	for _, session := range h.alive {
		h.compareQueue(session, 0, math.MaxUint64)
	}
}

func (h *history) restart() {
	for i, reopen := range h.reopen {
		if reopen == nil {
			continue
		}
		if err := h.stores[i].Close(); err != nil {
			h.t.Errorf("step %d: Close: %v", h.step, err)
		}
		h.stores[i] = reopen()
	}
}
