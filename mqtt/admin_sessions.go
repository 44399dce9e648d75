package mqtt

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// ErrNoSession is returned for a ClientID that has no session.
var ErrNoSession = errors.New("mqtt: there is no session with this client identifier")

// SessionInfo describes a session, and the connection it has, at one moment.
type SessionInfo struct {
	ClientID string
	Username string
	// Version is that of the last connection; 0 for a session that never had one.
	Version packets.Version
	// Connected tells that the session has a Network Connection. Remote,
	// Listener, CleanStart, KeepAlive and ConnectedAt are the connection's and
	// zero without one.
	Connected   bool
	Remote      string
	Listener    string
	CleanStart  bool
	KeepAlive   time.Duration
	ConnectedAt time.Time
	// DisconnectedAt is when the last connection ended, zero while there is one.
	DisconnectedAt time.Time
	// SessionExpiryInterval is in seconds; 4294967295 is never.
	SessionExpiryInterval uint32
	// Durability is what acknowledgements wait for that promise to keep something
	// of it: "fsync", "os" or "none"; "memory" for a session that is not stored.
	Durability string
	// ExpiresAt is when the session without connection ends; zero: not by time.
	ExpiresAt     time.Time
	Subscriptions int
	// Queued messages wait for room in the window or for a connection.
	Queued, QueuedMaximum           int
	QueuedBytes, QueuedBytesMaximum int64
	// Inflight are the QoS 1 and 2 messages sent and not acknowledged;
	// InflightMaximum is the client's Receive Maximum within the server's.
	Inflight, InflightMaximum int
	// InflightReceived are the client's own QoS 2 messages without PUBREL.
	InflightReceived int
	// PendingBytes wait for the connection to take them.
	PendingBytes int64
	// BytesReceived and the others count since the connection began, and are
	// zero without one. Messages are PUBLISH packets, also those sent again.
	BytesReceived, BytesSent       int64
	MessagesReceived, MessagesSent int64
	// Dropped counts the messages this session lost since it was made, for any
	// reason but QoS 0 messages to a connection that does not read.
	Dropped int64
}

// SessionOrder says by what sessions are listed.
type SessionOrder int

const (
	// SessionsAnyOrder is the order of a hash: stable while the server runs, and
	// the cheapest, since a page looks at a few shards only.
	SessionsAnyOrder SessionOrder = iota
	// SessionsByClientID is alphabetical. This order and those below look at all
	// sessions for each page.
	SessionsByClientID
	// SessionsByConnectedAt begins with the connection that is the oldest;
	// sessions without one come last.
	SessionsByConnectedAt
	// SessionsByQueued begins with the longest queue.
	SessionsByQueued
	// SessionsByDropped begins with the session that lost most messages.
	SessionsByDropped
)

// SessionQuery says which sessions to list. The zero query is the first hundred.
type SessionQuery struct {
	// After is the Next of the page before, "" for the first page. A session
	// that exists all the time is listed exactly once in SessionsAnyOrder and
	// SessionsByClientID; what changes its place in other orders may be listed
	// twice or not at all.
	After string
	// Limit is the number of sessions wanted, at most 10,000; 0 means 100.
	Limit int
	// Offset skips sessions instead of After, in all orders but SessionsAnyOrder.
	Offset int
	Order  SessionOrder
	// Search selects ClientIDs and user names that contain it, in any case.
	Search string
	// Username and Listener, if not empty, select by equality.
	Username string
	Listener string
	// Connected, if not nil, selects sessions with or without a connection.
	Connected *bool
}

// SessionPage is a part of a listing.
type SessionPage struct {
	Sessions []SessionInfo
	// Next is the After of the next page, "" at the end. In SessionsAnyOrder a
	// page may be shorter than asked for, and even empty, with more to come.
	Next string
	// Total is how many sessions the query selects in all, -1 in
	// SessionsAnyOrder, which does not look.
	Total int
}

// lookBudget bounds the sessions looked at for a page in SessionsAnyOrder.
const lookBudget = 100_000

// Sessions lists sessions page by page. No lock is held for longer than it
// takes to copy the list of one shard.
func (s *Server) Sessions(q SessionQuery) (SessionPage, error) {
	after, err := s.parseCursor(q.After, int(q.Order))
	if err != nil {
		return SessionPage{}, err
	}
	limit, offset := pageSize(q.Limit), max(0, q.Offset)
	if q.Order == SessionsAnyOrder {
		offset = 0
	}
	q.Search = strings.ToLower(q.Search)
	sel := selection[*session]{keep: offset + limit + 1, after: after}
	page := SessionPage{Total: -1}
	first, looked := 0, 0
	if q.Order == SessionsAnyOrder {
		if after != nil {
			first = int(min(max(after.N, 0), registryShards))
		}
	} else {
		page.Total = 0
	}
	for i := first; i < registryShards; i++ {
		shard := s.registry.list(i)
		for _, sess := range shard {
			if !q.wants(sess) {
				continue
			}
			if page.Total >= 0 {
				page.Total++
			}
			sel.offer(sess.rank(q.Order, i), sess)
		}
		if q.Order == SessionsAnyOrder && sel.full() {
			break
		}
		if looked += len(shard); q.Order == SessionsAnyOrder && looked >= lookBudget && i+1 < registryShards {
			page.Next = s.cursor(int(q.Order), rank{N: int64(i + 1)})
			break
		}
	}
	list := sel.sorted()
	list = list[min(offset, len(list)):]
	if len(list) > limit {
		list = list[:limit]
		page.Next = s.cursor(int(q.Order), list[limit-1].at)
	}
	page.Sessions = make([]SessionInfo, len(list))
	for i := range list {
		page.Sessions[i] = list[i].value.info()
	}
	return page, nil
}

// Session describes the session of a ClientID; ok is false if there is none.
func (s *Server) Session(clientID string) (info SessionInfo, ok bool) {
	sess := s.registry.find(clientID)
	if sess == nil {
		return info, false
	}
	return sess.info(), true
}

// list copies one shard.
func (r *registry) list(i int) []*session {
	sh := &r.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	list := make([]*session, 0, len(sh.sessions))
	for _, sess := range sh.sessions {
		list = append(list, sess)
	}
	return list
}

// wants tells whether the query selects the session. It takes the session's
// lock only if the query asks for what needs it.
func (q *SessionQuery) wants(s *session) bool {
	if q.Username != "" && s.username != q.Username {
		return false
	}
	if q.Search != "" && !strings.Contains(strings.ToLower(s.clientID), q.Search) &&
		!strings.Contains(strings.ToLower(s.username), q.Search) {
		return false
	}
	if q.Connected == nil && q.Listener == "" {
		return true
	}
	c := s.current()
	if q.Connected != nil && *q.Connected != (c != nil) {
		return false
	}
	return q.Listener == "" || c != nil && c.listener == q.Listener
}

// current is the session's connection, nil if there is none.
func (s *session) current() *Client {
	if c := s.online.Load(); c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// rank is the session's place in an order; shard is where the registry has it.
func (s *session) rank(order SessionOrder, shard int) rank {
	at := rank{ID: s.clientID}
	switch order {
	case SessionsAnyOrder:
		at.N = int64(shard)
	case SessionsByConnectedAt:
		at.N = 1<<63 - 1
		if c := s.current(); c != nil {
			at.N = c.connectedAt.UnixNano()
		}
	case SessionsByQueued:
		s.mu.Lock()
		at.N = -int64(s.queued())
		s.mu.Unlock()
	case SessionsByDropped:
		s.mu.Lock()
		at.N = -s.dropped
		s.mu.Unlock()
	case SessionsByClientID:
	}
	return at
}

// info describes the session now.
func (s *session) info() SessionInfo {
	s.mu.Lock()
	c := s.client
	limits := s.limits()
	info := SessionInfo{
		ClientID: s.clientID, Username: s.username, Version: s.version, Connected: c != nil,
		SessionExpiryInterval: s.expiry, Subscriptions: s.subscriptions.len(),
		Queued: s.queued(), QueuedMaximum: limits.messages,
		QueuedBytes: s.queuedBytes(), QueuedBytesMaximum: limits.bytes,
		Inflight: s.window.used, InflightMaximum: int(s.server.options.Capabilities.MaximumInflight),
		InflightReceived: len(s.received), Dropped: s.dropped,
	}
	clock := s.server.clock
	if c == nil && s.leftAt != 0 {
		info.DisconnectedAt = clock.wall(s.leftAt)
	}
	info.Durability = s.durability()
	if c == nil && s.endsAt != 0 {
		info.ExpiresAt = clock.wall(s.endsAt)
	}
	s.mu.Unlock()
	if c != nil {
		info.Remote, info.Listener, info.CleanStart = c.RemoteAddr(), c.listener, c.cleanStart
		info.KeepAlive, info.ConnectedAt = c.KeepAlive(), c.connectedAt
		info.InflightMaximum = int(c.receiveMaximum)
		info.BytesReceived, info.MessagesReceived = c.received.bytes.Load(), c.received.messages.Load()
		c.out.mu.Lock()
		info.PendingBytes, info.BytesSent, info.MessagesSent = int64(c.out.pending), c.out.bytes, c.out.messages
		c.out.mu.Unlock()
	}
	return info
}

// received counts what came from a connection.
type received struct{ bytes, messages atomic.Int64 }

// add counts a batch.
func (r *received) add(t *traffic) {
	r.bytes.Add(t.bytesIn)
	if n := t.in[packets.TypePublish]; n > 0 {
		r.messages.Add(int64(n))
	}
}
