package mqtt

import (
	"hash/maphash"
	"sync"

	"github.com/linnetmq/linnet/packets"
)

// registry finds sessions by ClientID. Whether a CONNECT resumes, replaces or
// makes a session is decided here, under the shard's lock.
type registry struct {
	seed   maphash.Seed
	shards [registryShards]registryShard
}

const registryShards = 64

type registryShard struct {
	mu       sync.Mutex
	sessions map[string]*session
}

func newRegistry() *registry { return &registry{seed: maphash.MakeSeed()} }

func (r *registry) shard(clientID string) *registryShard {
	return &r.shards[maphash.String(r.seed, clientID)%registryShards]
}

// find returns the session of a ClientID, nil if there is none.
func (r *registry) find(clientID string) *session {
	sh := r.shard(clientID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.sessions[clientID]
}

// attachment is what became of a CONNECT.
type attachment struct {
	session *session
	present bool         // the session existed and goes on
	ended   *session     // the session that Clean Start discards, nil if none
	old     *Client      // the connection that is replaced, nil if none
	expiry  uint32       // of the session before, in seconds
	will    *delayedWill // that the connection cancels, nil if none
}

// attach gives c the session of its ClientID: the stored one, unless Clean
// Start is set [MQTT-3.1.2-4] [MQTT-3.1.2-5] or it ends with the connection
// that c replaces [MQTT-3.1.2-23], or a new one [MQTT-3.1.2-6]. The
// caller ends the discarded session and the replaced connection, and waits for
// neither under a lock.
func (r *registry) attach(s *Server, c *Client, cleanStart bool, expiry uint32) (attachment, error) {
	sh := r.shard(c.clientID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var a attachment
	if existing := sh.sessions[c.clientID]; existing != nil && !existing.isOver() {
		if existing.username != c.username && !s.options.SessionsOpenToAnyUser {
			return a, protocolErrorf(packets.ErrNotAuthorized, "the session of this client identifier belongs to another user")
		}
		if cleanStart || existing.endsNow() {
			if existing.backlog != nil && s.options.Store.Err() != nil { // it would come back
				return a, storeUnavailable(s.options.Store.Err())
			}
			a.ended = existing
		} else {
			a.session, a.present = existing, true
			a.expiry, a.will = existing.before()
		}
	}
	if a.session == nil {
		a.session = s.newSession(c.clientID, c.username)
		if expiry > 0 && s.options.Store != nil {
			a.session.newKept(s.sessions.Add(1))
		}
		if sh.sessions == nil {
			sh.sessions = make(map[string]*session)
		}
		sh.sessions[c.clientID] = a.session
	}
	a.old = a.session.attach(c, expiry)
	return a, nil
}

// add puts in a session restored from an earlier run, unless there is one.
func (r *registry) add(sess *session) bool {
	sh := r.shard(sess.clientID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.sessions[sess.clientID] != nil {
		return false
	}
	if sh.sessions == nil {
		sh.sessions = make(map[string]*session)
	}
	sh.sessions[sess.clientID] = sess
	return true
}

// remove forgets a session unless its ClientID has another by now.
func (r *registry) remove(sess *session) {
	sh := r.shard(sess.clientID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.sessions[sess.clientID] == sess {
		delete(sh.sessions, sess.clientID)
	}
}

// removeOffline forgets a session if it is still the one of its ClientID and
// its time is over, also if a connection came and went since it was found to
// be; gone is false if it must stay.
func (r *registry) removeOffline(sess *session) (gone bool) {
	sh := r.shard(sess.clientID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.sessions[sess.clientID] != sess {
		return false
	}
	sess.mu.Lock()
	defer sess.mu.Unlock()
	if sess.client != nil || sess.endsAt == 0 || sess.endsAt > sess.server.clock.now() {
		return false
	}
	delete(sh.sessions, sess.clientID)
	return true
}

// isOver tells that the session is about to end and nobody may attach to it.
func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over || s.ended
}

// each calls f for every session, without a lock held, until f returns false.
func (r *registry) each(f func(*session) bool) {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		list := make([]*session, 0, len(sh.sessions))
		for _, sess := range sh.sessions {
			list = append(list, sess)
		}
		sh.mu.Unlock()
		for _, sess := range list {
			if !f(sess) {
				return
			}
		}
	}
}
