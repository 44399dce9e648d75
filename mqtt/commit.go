package mqtt

import (
	"errors"
	"sync"
)

// storing gathers what one publication changes in the store: references to it
// in the queues of sessions, the packet identifier under which it came.
type storing struct {
	tx      StoreTx
	refs    []StoredReference
	kept    []keptDelivery
	changes *storeChanges // made on the way, under other locks
	err     error         // why a queue could not be opened
	waiting chan error    // of somebody who waits for the commit
	moved   keptDelivery  // it leaves its session with the commit
}

// keptDelivery is a delivery whose reference is on its way to the store.
type keptDelivery struct {
	session *session
	place   uint64
	removes []uint64 // places whose fate was unknown
}

// begin returns what gathers changes, with a transaction.
func (r *router) begin() *storing {
	if r.storing == nil {
		r.storing = new(storing)
	}
	if r.storing.tx == nil {
		r.storing.tx = r.server.options.Store.Begin()
	}
	return r.storing
}

// keep gives d its place in the session's backlog and has it stored. s.mu is held.
func (r *router) keep(s *session, d *delivery) {
	st := r.begin()
	st.refs = append(st.refs, s.backlog.take(d))
	k := keptDelivery{session: s, place: d.seq}
	if b := s.backlog; len(b.unremoved) > 0 { // their publishers may have sent them again
		k.removes, b.unremoved = b.unremoved, nil
		for _, place := range k.removes {
			st.tx.Dequeue(b.number, place)
		}
	}
	st.kept = append(st.kept, k)
}

// stores tells that something is to be committed.
func (r *router) stores() bool { return r.storing != nil && r.storing.tx != nil }

// enqueue puts the publication itself to the references gathered.
func (st *storing) enqueue(s *Server, m *Message) {
	body := s.storedBody(m)
	st.tx.Enqueue(&body, st.refs)
	clear(st.refs)
	st.refs = st.refs[:0]
}

// storedBody is what the store keeps of a message; its slices are the message's.
func (s *Server) storedBody(m *Message) StoredBody {
	body := StoredBody{
		Topic: m.Topic, Payload: m.Payload, Properties: m.properties, Origin: m.Origin, QoS: m.QoS, Retain: m.Retain,
	}
	if m.expires != 0 {
		body.ExpiresAt = s.clock.wall(m.expires).UnixNano()
	}
	return body
}

// commit hands the changes gathered to the store. When they are done, or have
// failed, acks that wait in q are answered; q may be nil.
func (r *router) commit(level StoreLevel, q *ackQueue, acks int) {
	st := r.storing
	c := &commit{server: r.server, acks: q, answers: acks, changes: st.changes, err: st.err, waiting: st.waiting, moved: st.moved}
	c.kept = append(c.kept, st.kept...)
	tx := st.tx
	clear(st.kept)
	st.moved = keptDelivery{}
	st.kept, st.tx, st.changes, st.err, st.waiting = st.kept[:0], nil, nil, nil, nil
	tx.Commit(level, c.done)
}

// commitAwaited is commit for somebody who waits for the result on a channel.
func (r *router) commitAwaited(level StoreLevel) <-chan error {
	result := make(chan error, 1)
	st := r.storing
	st.waiting = result
	r.commit(level, nil, 0)
	return result
}

// changes returns what gathers the changes that one publication makes under
// other locks; nil if they are not stored. The commit that follows waits for them.
func (r *router) changes(topic string) *storeChanges {
	if r.server.options.Store == nil || isOwnTopic(topic) {
		return nil
	}
	st := r.begin()
	if st.changes == nil {
		st.changes = new(storeChanges)
	}
	return st.changes
}

// commitRest commits what is left over when nobody waits for it: without it, the
// sessions would wait for the places they gave.
func (r *router) commitRest() {
	if !r.stores() {
		return
	}
	if len(r.storing.refs) > 0 { // a panic came in between
		clear(r.storing.refs)
		r.storing.refs = r.storing.refs[:0]
	}
	r.commit(StoreLazy, nil, 0)
}

// commitMoved commits what redispatch made; from, if any, has the delivery at a
// place again if there is no space.
func (r *router) commitMoved(from *session, place uint64) {
	if !r.stores() {
		return
	}
	level := StoreLazy
	if len(r.storing.kept) > 0 {
		level = r.server.options.Durability.level()
	}
	r.storing.moved = keptDelivery{session: from, place: place}
	r.commit(level, nil, 0)
}

// commit is a transaction on its way to the store, and what follows when it is
// there.
type commit struct {
	server   *Server
	kept     []keptDelivery
	moved    keptDelivery
	acks     *ackQueue
	answers  int // how many in acks wait for it
	session  *session
	client   *Client
	released []uint16 // of session: PUBRELs to send on client
	removed  []uint64 // of session: places that removeFailed removes
	changes  *storeChanges
	waiting  chan error // of somebody who waits for it, or nil
	err      error
}

// done is called by the store.
func (c *commit) done(err error) {
	if c.err == nil {
		c.err = err
	}
	if c.changes != nil && c.err == nil {
		c.err = c.changes.err
	}
	if err != nil {
		c.server.storeMissed()
	}
	if c.waiting != nil {
		c.waiting <- c.err
	}
	c.server.completer.add(c)
}

// completer finishes commits on a goroutine of its own, so that the store can
// go on with the next ones meanwhile. It keeps their order.
type completer struct {
	wake chan struct{} // holds one

	mu   sync.Mutex
	list []*commit
}

func (x *completer) add(c *commit) {
	x.mu.Lock()
	x.list = append(x.list, c)
	x.mu.Unlock()
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (x *completer) take(spare []*commit) []*commit {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.list
	x.list = spare[:0]
	return list
}

// run is started by Serve, where there is a store, and ends with the server.
func (x *completer) run(s *Server) {
	var spare []*commit
	for {
		select {
		case <-s.done:
			return
		case <-x.wake:
		}
		list := x.take(spare)
		s.complete(list)
		clear(list)
		spare = list
	}
}

// complete does what waited for commits. Sessions that may go on are pumped
// and clients flushed once for all of them.
func (s *Server) complete(list []*commit) {
	pump := make(map[*session]struct{})
	flush := make(map[*Client]struct{})
	for _, c := range list {
		for i := range c.kept {
			if k := &c.kept[i]; k.session.settle(k, c.err) {
				pump[k.session] = struct{}{}
			}
		}
		if c.moved.session != nil && errors.Is(c.err, ErrStoreFull) {
			c.moved.session.takeBack(c.moved.place)
		}
		if len(c.removed) > 0 {
			c.session.removed(c.removed, c.err)
		}
		if c.session != nil {
			c.session.release(c.client, c.released, c.err)
			pump[c.session] = struct{}{}
		}
		if c.answers > 0 {
			c.acks.resolve(c.answers, c.err)
			flush[c.acks.client] = struct{}{}
		}
	}
	for sess := range pump {
		if c := sess.online.Load(); c != nil {
			sess.pump(c)
			flush[c] = struct{}{}
		}
	}
	for c := range flush {
		c.flush()
	}
}

// storeChanges are changes committed one by one, in the order in which they
// happen under their owners' locks. Somebody waits for all of them at the end.
type storeChanges struct{ err error }

// done is called by the store for each of them, in order.
func (x *storeChanges) done(err error) {
	if err != nil && x.err == nil {
		x.err = err
	}
}

// commitChange commits one change; changes may be nil if nobody waits.
func (s *Server) commitChange(tx StoreTx, changes *storeChanges) {
	tx.Commit(StoreLazy, func(err error) {
		if err != nil {
			s.storeMissed()
		}
		if changes != nil {
			changes.done(err)
		}
	})
}

// await waits until all changes are done, as durably as d asks, and returns
// what went wrong.
func (s *Server) await(changes *storeChanges, d Durability) error {
	if d == DurabilityNone {
		return nil
	}
	result := make(chan error, 1)
	s.options.Store.Begin().Commit(d.level(), func(err error) {
		changes.done(err)
		result <- changes.err
	})
	return <-result
}

// commitLazily commits changes whose loss costs nothing but work.
func (s *Server) commitLazily(tx StoreTx) { tx.Commit(StoreLazy, s.noteStore) }

func (s *Server) noteStore(err error) {
	if err != nil {
		s.storeMissed()
	}
}
