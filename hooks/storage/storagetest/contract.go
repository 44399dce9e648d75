package storagetest

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

func will() *packets.Will {
	w := &packets.Will{Topic: "will/ä", Payload: []byte("gone"), QoS: 2, Retain: true}
	w.Properties = packets.Properties{WillDelayInterval: 30, ContentType: "text", User: []packets.UserProperty{{Key: "k", Value: "v"}, {Key: "k", Value: ""}}}
	w.Properties.Set(packets.PropMessageExpiryInterval)
	return w
}

// sessions are records with everything and with nothing.
func sessions() []mqtt.StoredSession {
	return []mqtt.StoredSession{
		{Session: 1, ClientID: "nothing"},
		{
			Session: 2, ClientID: "everything", Username: "user", Version: packets.V5, SessionExpiryInterval: math.MaxUint32,
			DisconnectedAt: time.Unix(1_700_000_000, 123), Will: will(), SentBefore: math.MaxUint64,
		},
		{Session: math.MaxUint32 + 7, ClientID: "", Version: packets.V311, Will: &packets.Will{Topic: "t"}},
		{Session: 255, ClientID: strings.Repeat("c", 65535), Username: strings.Repeat("u", 65535)},
		{Session: 256, ClientID: "x\xffy", Will: &packets.Will{Topic: "big", Payload: make([]byte, 65535)}},
	}
}

func testEmpty(t *testing.T, store mqtt.Store) {
	if err := store.Err(); err != nil {
		t.Errorf("Err: %v", err)
	}
	state := load(t, store)
	if len(state.Sessions)+len(state.Subscriptions)+len(state.Received)+len(state.Retained) > 0 || state.Totals != nil || !state.At.IsZero() {
		t.Errorf("Load of an empty store: %+v", state)
	}
	if state.NextSession == 0 {
		t.Error("NextSession is 0")
	}
	if list := queue(t, store, 1, 0, math.MaxUint64); len(list) > 0 {
		t.Errorf("queue of nobody: %v", list)
	}
	first, last, err := store.QueueEnds(1)
	if zero := (mqtt.StoredReference{}); err != nil || !reflect.DeepEqual(first, zero) || !reflect.DeepEqual(last, zero) {
		t.Errorf("QueueEnds = %v, %v, %v", first, last, err)
	}
}

// equalSessions compares what is in the records and the instants in them.
func equalSessions(t *testing.T, got, want []mqtt.StoredSession) {
	t.Helper()
	byNumber := func(a, b mqtt.StoredSession) int { return int(int64(a.Session - b.Session)) }
	got, want = slices.SortedFunc(slices.Values(got), byNumber), slices.SortedFunc(slices.Values(want), byNumber)
	if len(got) != len(want) {
		t.Errorf("%d sessions, want %d", len(got), len(want))
		return
	}
	for i, w := range want {
		g := got[i]
		if !g.DisconnectedAt.Equal(w.DisconnectedAt) {
			t.Errorf("session %d: disconnected at %v, want %v", w.Session, g.DisconnectedAt, w.DisconnectedAt)
		}
		if !sameWill(g.Will, w.Will) {
			t.Errorf("session %d: will %+v, want %+v", w.Session, g.Will, w.Will)
		}
		g.DisconnectedAt, w.DisconnectedAt, g.Will, w.Will = time.Time{}, time.Time{}, nil, nil
		if g != w {
			t.Errorf("session %.200v\nwant %.200v", fmt.Sprintf("%+v", g), fmt.Sprintf("%+v", w))
		}
	}
}

func sameWill(a, b *packets.Will) bool {
	if a == nil || b == nil {
		return a == b
	}
	pa, errA := a.Properties.Append(nil, packets.TypeWill)
	pb, errB := b.Properties.Append(nil, packets.TypeWill)
	return errA == nil && errB == nil && string(pa) == string(pb) &&
		a.Topic == b.Topic && string(a.Payload) == string(b.Payload) && a.QoS == b.QoS && a.Retain == b.Retain
}

func testSessions(t *testing.T, store mqtt.Store) {
	want := sessions()
	commit(t, store, func(tx mqtt.StoreTx) {
		for i := range want {
			tx.PutSession(&want[i])
		}
	})
	equalSessions(t, load(t, store).Sessions, want)
	want[1] = mqtt.StoredSession{Session: 2, ClientID: "everything", SentBefore: 9}
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.PutSession(&want[1])
		tx.DeleteSession(want[0].Session)
		tx.DeleteSession(12345)
	})
	state := load(t, store)
	equalSessions(t, state.Sessions, want[1:])
	if state.NextSession <= want[2].Session {
		t.Errorf("NextSession = %d is not above %d", state.NextSession, want[2].Session)
	}
}

func subscription(session uint64, filter string, set func(*mqtt.StoredSubscription)) mqtt.StoredSubscription {
	s := mqtt.StoredSubscription{Session: session, ClientID: fmt.Sprint("c", session)}
	s.Filter = filter
	if set != nil {
		set(&s)
	}
	return s
}

func sortSubscriptions(list []mqtt.StoredSubscription) {
	slices.SortFunc(list, func(a, b mqtt.StoredSubscription) int {
		return strings.Compare(fmt.Sprintf("%020d%s", a.Session, a.Filter), fmt.Sprintf("%020d%s", b.Session, b.Filter))
	})
}

func testSubscriptions(t *testing.T, store mqtt.Store) {
	long := strings.Repeat("l/", 32767)
	want := []mqtt.StoredSubscription{
		subscription(1, "a/+/#", nil),
		subscription(1, "a", func(s *mqtt.StoredSubscription) { s.QoS, s.NoLocal, s.SubscriptionID = 1, true, 268_435_455 }),
		subscription(1, "$share/g/a", func(s *mqtt.StoredSubscription) { s.QoS, s.RetainAsPublished, s.RetainHandling = 2, true, 2 }),
		subscription(1, long, nil),
		subscription(1, long+"+", func(s *mqtt.StoredSubscription) { s.RetainHandling = 1 }),
		subscription(2, "a", nil),
	}
	commit(t, store, func(tx mqtt.StoreTx) {
		for _, session := range []uint64{1, 2} {
			tx.PutSession(&mqtt.StoredSession{Session: session, ClientID: fmt.Sprint("c", session)})
		}
		for i := range want {
			tx.PutSubscription(want[i].Session, &want[i])
		}
	})
	check := func() {
		t.Helper()
		got := load(t, store).Subscriptions
		sortSubscriptions(got)
		sortSubscriptions(want)
		if !slices.Equal(got, want) {
			t.Errorf("subscriptions %.600v\nwant %.600v", fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	check()
	i := slices.IndexFunc(want, func(s mqtt.StoredSubscription) bool { return s.Filter == "a" && s.Session == 1 })
	want[i].QoS, want[i].NoLocal = 0, false
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.PutSubscription(1, &want[i])
		tx.DeleteSubscription(1, long)
		tx.DeleteSubscription(1, "not there")
	})
	want = slices.DeleteFunc(want, func(s mqtt.StoredSubscription) bool { return s.Filter == long })
	check()
	commit(t, store, func(tx mqtt.StoreTx) { tx.DeleteSession(1) })
	want = []mqtt.StoredSubscription{subscription(2, "a", nil)}
	check()
}

func testReceived(t *testing.T, store mqtt.Store) {
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.PutSession(&mqtt.StoredSession{Session: 1, ClientID: "c1"})
		tx.PutSession(&mqtt.StoredSession{Session: 2, ClientID: "c2"})
		for _, id := range []uint16{1, 255, 256, 65535} {
			tx.PutReceived(1, id)
		}
		tx.PutReceived(2, 7)
		tx.PutReceived(1, 1)
	})
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.DeleteReceived(1, 255)
		tx.DeleteReceived(2, 8)
	})
	got := load(t, store).Received
	slices.SortFunc(got, func(a, b mqtt.StoredReceived) int {
		return int(a.Session)<<16 + int(a.PacketID) - int(b.Session)<<16 - int(b.PacketID)
	})
	want := []mqtt.StoredReceived{{Session: 1, PacketID: 1}, {Session: 1, PacketID: 256}, {Session: 1, PacketID: 65535}, {Session: 2, PacketID: 7}}
	if !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

// bodies are messages with everything and with nothing.
func bodies() []mqtt.StoredBody {
	return []mqtt.StoredBody{
		{Topic: "nothing"},
		{Topic: "every/thing", Payload: []byte("payload"), Properties: []byte("\x03\x00\x01t"), Origin: "publisher", QoS: 2, Retain: true, ExpiresAt: math.MaxInt64},
		{Topic: "past", Payload: []byte{0}, ExpiresAt: -1, QoS: 1},
		{Topic: strings.Repeat("long/", 13107), Payload: []byte("1"), Origin: strings.Repeat("o", 65535)},
		{Topic: strings.Repeat("long/", 13106), Payload: make([]byte, 300_000)},
		{Topic: "$SYS/ä", Properties: []byte("p")},
	}
}

func testRetained(t *testing.T, store mqtt.Store) {
	want := bodies()
	commit(t, store, func(tx mqtt.StoreTx) {
		for i := range want {
			tx.Retain(&want[i])
		}
	})
	check := func() {
		t.Helper()
		got := load(t, store).Retained
		byTopic := func(a, b mqtt.StoredBody) int { return strings.Compare(a.Topic, b.Topic) }
		slices.SortFunc(got, byTopic)
		slices.SortFunc(want, byTopic)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("retained %.600v\nwant %.600v", fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	check()
	gone := want[3].Topic
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.Unretain(gone)
		tx.Unretain("not there")
		want[0].Payload = []byte("again")
		tx.Retain(&want[0])
	})
	want = slices.DeleteFunc(want, func(b mqtt.StoredBody) bool { return b.Topic == gone })
	check()
}

func testTotals(t *testing.T, store mqtt.Store) {
	at := time.Unix(1_800_000_000, 987_654_321)
	commit(t, store, func(tx mqtt.StoreTx) { tx.PutTotals(at.Add(-time.Hour), nil) })
	if state := load(t, store); state.Totals != nil || !state.At.Equal(at.Add(-time.Hour)) {
		t.Errorf("totals %v at %v", state.Totals, state.At)
	}
	want := &mqtt.Stats{Version: "1", BytesReceived: 1 << 40, Dropped: map[string]int64{"expired": 3}}
	commit(t, store, func(tx mqtt.StoreTx) { tx.PutTotals(at, want) })
	state := load(t, store)
	if !state.At.Equal(at) || !reflect.DeepEqual(state.Totals, want) {
		t.Errorf("totals %+v at %v", state.Totals, state.At)
	}
}

func reference(session, place uint64) mqtt.StoredReference {
	return mqtt.StoredReference{Session: session, Place: place, Total: place * 100, QoS: 1}
}

func message(n int) *mqtt.StoredBody {
	return &mqtt.StoredBody{Topic: fmt.Sprint("t/", n), Payload: fmt.Append(nil, "payload ", n), QoS: 1, Origin: "p"}
}

func places(list []*mqtt.StoredDelivery) (got []uint64) {
	for _, d := range list {
		got = append(got, d.Reference.Place)
	}
	return got
}

func wantPlaces(t *testing.T, store mqtt.Store, session uint64, want ...uint64) {
	t.Helper()
	if got := places(queue(t, store, session, 0, math.MaxUint64)); !slices.Equal(got, want) {
		t.Errorf("session %d has the places %v, want %v", session, got, want)
	}
	first, last, err := store.QueueEnds(session)
	if err != nil {
		t.Errorf("QueueEnds(%d): %v", session, err)
	}
	if len(want) == 0 {
		if first.Session != 0 || last.Session != 0 || first.Place != 0 || last.Place != 0 {
			t.Errorf("QueueEnds(%d) = %v, %v; want none", session, first, last)
		}
		return
	}
	for _, end := range []struct {
		got   mqtt.StoredReference
		place uint64
	}{{first, want[0]}, {last, want[len(want)-1]}} {
		if end.got.Session != session || end.got.Place != end.place || end.got.Total != end.place*100 {
			t.Errorf("QueueEnds(%d) = %+v, %+v; want the places %d and %d", session, first, last, want[0], want[len(want)-1])
		}
	}
}

func testQueue(t *testing.T, store mqtt.Store) {
	refs := []mqtt.StoredReference{
		{Session: 7, Place: 1, Total: 100},
		{Session: 7, Place: 2, Total: 200, QoS: 2, Retain: true, IDs: []uint32{1, 268_435_455}, Share: "$share/g/t/+"},
		{Session: 7, Place: 255, Total: 25500, QoS: 1},
		{Session: 7, Place: 256, Total: 25600, QoS: 1},
		{Session: 7, Place: 1 << 40, Total: 100 << 40, IDs: []uint32{5}},
		{Session: 8, Place: 1, Total: 100},
	}
	messages := bodies()
	commit(t, store, func(tx mqtt.StoreTx) {
		for i, r := range refs {
			tx.Enqueue(&messages[i], []mqtt.StoredReference{r})
		}
		tx.Enqueue(&messages[0], nil)
	})
	got := queue(t, store, 7, 0, math.MaxUint64)
	if len(got) != 5 {
		t.Fatalf("%d deliveries, want 5", len(got))
	}
	for i, d := range got {
		if !reflect.DeepEqual(d.Reference, refs[i]) || !reflect.DeepEqual(d.Body, messages[i]) || d.Released {
			t.Errorf("delivery %d: %.300v", i, fmt.Sprintf("%+v", d))
		}
	}
	wantPlaces(t, store, 7, 1, 2, 255, 256, 1<<40)
	wantPlaces(t, store, 8, 1)
	if got := places(queue(t, store, 7, 2, 256)); !slices.Equal(got, []uint64{2, 255}) {
		t.Errorf("from 2 to 256: %v", got)
	}
	n := 0
	if err := store.Queue(7, 0, math.MaxUint64, func(*mqtt.StoredDelivery) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("Queue went on: %d, %v", n, err)
	}
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.Dequeue(7, 1)
		tx.Dequeue(7, 256)
		tx.Dequeue(7, 3)
	})
	wantPlaces(t, store, 7, 2, 255, 1<<40)
	wantPlaces(t, store, 8, 1)
}

func testShared(t *testing.T, store mqtt.Store) {
	const receivers = 300
	body := bodies()[1]
	var to []mqtt.StoredReference
	for i := range uint64(receivers) {
		r := reference(1000-i*3, i+1)
		if i%2 == 0 {
			r.IDs, r.QoS = []uint32{uint32(i + 1)}, 2
		}
		to = append(to, r)
	}
	commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(&body, to) })
	for _, r := range to {
		got := queue(t, store, r.Session, 0, math.MaxUint64)
		if len(got) != 1 || !reflect.DeepEqual(got[0].Reference, r) || !reflect.DeepEqual(got[0].Body, body) {
			t.Fatalf("session %d: %v", r.Session, got)
		}
	}
	for i, r := range to[:receivers-1] {
		commit(t, store, func(tx mqtt.StoreTx) {
			switch i % 4 {
			case 0:
				tx.Dequeue(r.Session, r.Place)
			case 1:
				tx.DequeueBefore(r.Session, r.Place+1)
			case 2:
				tx.Release(r.Session, r.Place, r.Total)
			case 3:
				tx.DeleteSession(r.Session)
			}
		})
	}
	last := to[receivers-1]
	if got := queue(t, store, last.Session, 0, math.MaxUint64); len(got) != 1 || !reflect.DeepEqual(got[0].Body, body) {
		t.Errorf("the last one has lost its message: %v", got)
	}
	commit(t, store, func(tx mqtt.StoreTx) { tx.Dequeue(last.Session, last.Place) })
	wantPlaces(t, store, last.Session)
}

func testRelease(t *testing.T, store mqtt.Store) {
	commit(t, store, func(tx mqtt.StoreTx) {
		for place := range uint64(3) {
			tx.Enqueue(message(int(place)), []mqtt.StoredReference{reference(1, place+1)})
		}
	})
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.Release(1, 1, 100)
		tx.Release(1, 3, 300)
	})
	wantPlaces(t, store, 1, 1, 2, 3)
	for i, d := range queue(t, store, 1, 0, math.MaxUint64) {
		if released := i != 1; d.Released != released || (d.Body.Topic == "") != released || d.Reference.Total != uint64(i+1)*100 {
			t.Errorf("delivery %d: %+v", i, d)
		}
	}
	commit(t, store, func(tx mqtt.StoreTx) { tx.Dequeue(1, 1) })
	wantPlaces(t, store, 1, 2, 3)
}

func testDequeueBefore(t *testing.T, store mqtt.Store) {
	commit(t, store, func(tx mqtt.StoreTx) {
		for place := range uint64(600) {
			tx.Enqueue(message(int(place)), []mqtt.StoredReference{reference(1, place+1), reference(2, place+1)})
		}
	})
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.DequeueBefore(1, 598)
		tx.DequeueBefore(2, 0)
		tx.DequeueBefore(3, 100)
	})
	wantPlaces(t, store, 1, 598, 599, 600)
	if got := queue(t, store, 2, 0, math.MaxUint64); len(got) != 600 || got[599].Body.Topic != "t/599" {
		t.Errorf("the other session has %d deliveries", len(got))
	}
	commit(t, store, func(tx mqtt.StoreTx) { tx.DequeueBefore(1, math.MaxUint64) })
	wantPlaces(t, store, 1)
}

func testDeleteSession(t *testing.T, store mqtt.Store) {
	commit(t, store, func(tx mqtt.StoreTx) {
		for _, session := range []uint64{1, 2} {
			tx.PutSession(&mqtt.StoredSession{Session: session, ClientID: fmt.Sprint("c", session)})
			sub := subscription(session, "f", nil)
			tx.PutSubscription(session, &sub)
			tx.PutReceived(session, 9)
			tx.Enqueue(message(1), []mqtt.StoredReference{reference(session, 1)})
		}
	})
	commit(t, store, func(tx mqtt.StoreTx) { tx.DeleteSession(1) })
	state := load(t, store)
	if len(state.Sessions) != 1 || len(state.Subscriptions) != 1 || len(state.Received) != 1 || state.Sessions[0].Session != 2 ||
		state.Subscriptions[0].Session != 2 || state.Received[0].Session != 2 {
		t.Errorf("left: %+v", state)
	}
	wantPlaces(t, store, 2, 1)
	if state.NextSession <= 2 {
		t.Errorf("NextSession = %d", state.NextSession)
	}
}

func testWhole(t *testing.T, store mqtt.Store) {
	commit(t, store, func(tx mqtt.StoreTx) {
		tx.PutSession(&mqtt.StoredSession{Session: 1, ClientID: "a"})
		tx.DeleteSession(1)
		tx.PutSession(&mqtt.StoredSession{Session: 2, ClientID: "a"})
		tx.Enqueue(message(1), []mqtt.StoredReference{reference(2, 1)})
		tx.Dequeue(2, 1)
		tx.Enqueue(message(2), []mqtt.StoredReference{reference(2, 2)})
	})
	wantPlaces(t, store, 2, 2)
	if got := load(t, store).Sessions; len(got) != 1 || got[0].Session != 2 {
		t.Errorf("sessions %+v", got)
	}
	bad := mqtt.StoredSession{Session: 3, ClientID: "b", Will: &packets.Will{Topic: "t"}}
	bad.Will.Properties.ContentType = strings.Repeat("x", 70_000)
	tx := store.Begin()
	tx.Enqueue(message(3), []mqtt.StoredReference{reference(2, 3)})
	tx.PutSession(&bad)
	result := make(chan error, 1)
	tx.Commit(mqtt.StoreSynced, func(err error) { result <- err })
	if err := <-result; err == nil {
		t.Error("a will that cannot be sent was stored")
	}
	wantPlaces(t, store, 2, 2)
}

func testOrder(t *testing.T, store mqtt.Store) {
	const commits = 300
	results := make(chan int, commits)
	for i := range commits {
		tx := store.Begin()
		if i%7 != 0 {
			tx.Enqueue(message(i), []mqtt.StoredReference{reference(1, uint64(i)+1)})
		}
		tx.Commit(mqtt.StoreLevel(i%3), func(err error) {
			if err != nil {
				t.Errorf("Commit: %v", err)
			}
			results <- i
		})
	}
	for i := range commits {
		if got := <-results; got != i {
			t.Fatalf("commit %d was done as number %d", got, i)
		}
	}
	if store.Pending() != 0 {
		t.Errorf("Pending = %d", store.Pending())
	}
}

func testDiscard(t *testing.T, store mqtt.Store) {
	tx := store.Begin()
	tx.Enqueue(message(1), []mqtt.StoredReference{reference(1, 1), reference(2, 1)})
	tx.Retain(message(1))
	tx.Discard()
	commit(t, store, func(tx mqtt.StoreTx) { tx.Enqueue(message(2), []mqtt.StoredReference{reference(1, 2)}) })
	wantPlaces(t, store, 1, 2)
	wantPlaces(t, store, 2)
	if got := load(t, store).Retained; len(got) > 0 {
		t.Errorf("retained %v", got)
	}
}

func testClose(t *testing.T, store mqtt.Store) {
	results := make(chan error, 2)
	done := func(err error) { results <- err }
	tx := store.Begin()
	tx.Retain(message(1))
	tx.Commit(mqtt.StoreLazy, done)
	tx = store.Begin()
	tx.Retain(message(2))
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := <-results; err != nil {
		t.Errorf("a commit before Close: %v", err)
	}
	tx.Commit(mqtt.StoreSynced, done)
	if err := <-results; err == nil {
		t.Error("a commit after Close succeeded")
	}
	if _, err := store.Load(); err == nil {
		t.Error("Load after Close succeeded")
	}
	if err := store.Queue(1, 0, 1, func(*mqtt.StoredDelivery) bool { return true }); err == nil {
		t.Error("Queue after Close succeeded")
	}
	if err := store.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func testReopen(t *testing.T, open Open) {
	dir := t.TempDir()
	store := open(t, dir)
	want := sessions()
	retained := bodies()
	commit(t, store, func(tx mqtt.StoreTx) {
		for i := range want {
			tx.PutSession(&want[i])
		}
		for i := range retained {
			tx.Retain(&retained[i])
		}
		tx.PutReceived(2, 5)
		for place := range uint64(5) {
			tx.Enqueue(message(int(place)), []mqtt.StoredReference{reference(1, place+1), reference(2, place+1)})
		}
	})
	for round := range 3 {
		tx := store.Begin()
		tx.Dequeue(1, uint64(round)+1)
		tx.Commit(mqtt.StoreLazy, nil)
		if err := store.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		store = open(t, dir)
		state := load(t, store)
		equalSessions(t, state.Sessions, want)
		if len(state.Retained) != len(retained) || len(state.Received) != 1 {
			t.Errorf("%d retained, %d received", len(state.Retained), len(state.Received))
		}
		wantPlaces(t, store, 1, []uint64{1, 2, 3, 4, 5}[round+1:]...)
		wantPlaces(t, store, 2, 1, 2, 3, 4, 5)
		if got := queue(t, store, 2, 3, 4); len(got) != 1 || !reflect.DeepEqual(got[0].Body, *message(2)) {
			t.Errorf("delivery 3 is %+v", got)
		}
		// New messages do not take the place of old ones.
		commit(t, store, func(tx mqtt.StoreTx) {
			tx.Enqueue(message(77), []mqtt.StoredReference{reference(3, uint64(round)+1), reference(4, uint64(round)+1)})
		})
	}
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func testNextSession(t *testing.T, open Open) {
	dir := t.TempDir()
	used := uint64(0)
	for round := range 4 {
		store := open(t, dir)
		next := load(t, store).NextSession
		if next <= used {
			t.Errorf("round %d: NextSession = %d, but %d was used", round, next, used)
		}
		for range 1500 {
			used = next
			next++
			tx := store.Begin()
			tx.PutSession(&mqtt.StoredSession{Session: used, ClientID: "c"})
			tx.Commit(mqtt.StoreLazy, nil)
		}
		for back := range uint64(5) { // the highest ones leave no trace of their own
			tx := store.Begin()
			tx.DeleteSession(used - back)
			tx.Commit(mqtt.StoreLazy, nil)
		}
		if err := store.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func testTwins(t *testing.T, open Open) {
	dir := t.TempDir()
	store := open(t, dir)
	commit(t, store, func(tx mqtt.StoreTx) {
		for session := range uint64(6) {
			tx.PutSession(&mqtt.StoredSession{Session: session + 1, ClientID: fmt.Sprint("c", session%2)})
			sub := subscription(session+1, "f", nil)
			tx.PutSubscription(session+1, &sub)
			tx.Enqueue(message(1), []mqtt.StoredReference{reference(session+1, 1)})
		}
	})
	for range 2 {
		state := load(t, store)
		if len(state.Sessions) != 2 || state.Sessions[0].Session+state.Sessions[1].Session != 11 {
			t.Errorf("sessions %+v", state.Sessions)
		}
		if len(state.Subscriptions) != 2 {
			t.Errorf("subscriptions %+v", state.Subscriptions)
		}
		commit(t, store, func(mqtt.StoreTx) {})
		wantPlaces(t, store, 5, 1)
		wantPlaces(t, store, 6, 1)
		if err := store.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		store = open(t, dir)
	}
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}
