package mqtt

import (
	"errors"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Store keeps durable sessions, what is queued for them and retained messages
// outside of the process. The server asks it before it acknowledges anything
// that must survive. Give one to Options.Store; package hooks/storage has it for
// several engines.
//
// Sessions have numbers that are never used again, and a session's queued
// deliveries have places, numbers that only grow. Both are the server's.
type Store interface {
	// Load reads what an earlier run left, except for queues, before anything
	// is written. Records that cannot be read are left out and reported by the
	// store itself; an error means that the server must not start.
	Load() (*StoredState, error)

	// Begin returns an empty transaction. It belongs to one goroutine, and to
	// the store again after Commit or Discard.
	Begin() StoreTx

	// Queue calls f for the queued deliveries of a session with from <= place <
	// to, in order, until f returns false. What f gets may be kept. Deliveries
	// that cannot be read are left out and reported by the store itself. A
	// delivery is seen when the transaction that enqueued it is done.
	Queue(session, from, to uint64, f func(*StoredDelivery) bool) error

	// QueueEnds returns the first and the last delivery queued for a session;
	// both are zero if there is none. Their bodies need not be filled in.
	QueueEnds(session uint64) (first, last StoredReference, err error)

	// Err returns nil while the store is well, else why it takes nothing now.
	Err() error

	// Pending returns the bytes committed and not yet done.
	Pending() int64

	// Watch has f called whenever Err changes, on a goroutine of the store; f
	// must not block. It is called once, before Load.
	Watch(f func(error))

	// Close finishes every Commit and releases the store.
	Close() error
}

// StoreLevel says what a Commit waits for.
type StoreLevel byte

const (
	// StoreSynced: it is on the disk and survives a crash of the machine.
	StoreSynced StoreLevel = iota
	// StoreWritten: it is handed to the operating system and survives a crash
	// of the process.
	StoreWritten
	// StoreLazy: it is written soon, together with others.
	StoreLazy
)

// StoreTx is a list of changes that become visible together or not at all. The
// methods copy what they are given.
type StoreTx interface {
	// PutSession writes or replaces a session's record.
	PutSession(*StoredSession)
	// DeleteSession removes the session with all that belongs to it.
	DeleteSession(session uint64)
	// ResetSession removes all that belongs to the session, except its queue.
	ResetSession(session uint64)
	// PutSubscription writes or replaces a subscription of a session.
	PutSubscription(session uint64, sub *StoredSubscription)
	DeleteSubscription(session uint64, filter string)
	// PutReceived notes the packet identifier of a QoS 2 PUBLISH received.
	PutReceived(session uint64, packetID uint16)
	DeleteReceived(session uint64, packetID uint16)
	// Enqueue queues one message for sessions: the body is kept once.
	Enqueue(body *StoredBody, to []StoredReference)
	// Release notes that PUBREC came for a delivery: its body is needed no more.
	// total is that of its reference, which QueueEnds and Queue go on returning.
	Release(session, place, total uint64)
	// Dequeue removes a delivery.
	Dequeue(session, place uint64)
	// DequeueBefore removes all deliveries of a session before a place. It costs
	// what it passes over, also what is removed already: it is for now and then.
	DequeueBefore(session, place uint64)
	// Retain stores the retained message of its topic.
	Retain(body *StoredBody)
	// Unretain removes it.
	Unretain(topic string)
	// PutTotals stores the time, which tells after a crash until when the
	// server lived, and the totals.
	PutTotals(at time.Time, totals *Stats)

	// Commit hands the changes over and returns at once. done, which may be
	// nil, is called once with the result, in the order of the Commits whatever
	// their level, on a goroutine of the store; it must not block. An error that
	// matches ErrStoreFull means that nothing was changed; after any other the
	// outcome is unknown.
	Commit(level StoreLevel, done func(error))
	// Discard drops the changes.
	Discard()
}

// ErrStoreFull is matched by the error of a Commit for which there is no space.
var ErrStoreFull = errors.New("the store has no space left")

// StoredState is what Store.Load returns.
type StoredState struct {
	Sessions      []StoredSession
	Subscriptions []StoredSubscription
	Received      []StoredReceived
	Retained      []StoredBody
	// At is the last time of PutTotals, Totals what it stored; zero and nil if
	// there was none.
	At     time.Time
	Totals *Stats
	// NextSession is a number that no session has had.
	NextSession uint64
}

// StoredSession is a session's record.
type StoredSession struct {
	Session  uint64
	ClientID string
	Username string
	Version  packets.Version
	// SessionExpiryInterval is in seconds.
	SessionExpiryInterval uint32
	// DisconnectedAt is zero while the session has a connection.
	DisconnectedAt time.Time
	// Will is the Will Message that is not published yet, nil if none.
	Will *packets.Will
	// SentBefore is the place before which deliveries may have been sent; those
	// are sent again with DUP.
	SentBefore uint64
}

// StoredReceived is a packet identifier of PutReceived.
type StoredReceived struct {
	Session  uint64
	PacketID uint16
}

// StoredReference is one session's part of a queued message.
type StoredReference struct {
	Session uint64
	Place   uint64
	// Total is the size of this message and of all that were queued for this
	// session before, in bytes.
	Total uint64
	QoS   byte
	// Retain is the RETAIN flag to send.
	Retain bool
	// IDs are the Subscription Identifiers.
	IDs []uint32
	// Share is the full filter of the shared subscription it came by, "" if none.
	Share string
}

// StoredBody is a message as it is stored.
type StoredBody struct {
	Topic   string
	Payload []byte
	// Properties are the encoded properties that are forwarded unchanged.
	Properties []byte
	// Origin is the ClientID of the publisher.
	Origin string
	QoS    byte
	Retain bool
	// ExpiresAt is in nanoseconds since 1970; 0: never.
	ExpiresAt int64
}

// StoredDelivery is a queued delivery as Store.Queue returns it.
type StoredDelivery struct {
	Reference StoredReference
	Body      StoredBody
	// Released tells that PUBREC came; there is no body then, and of the
	// reference only Session, Place and Total.
	Released bool
}
