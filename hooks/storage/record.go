package storage

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// Kind is what a record is, in the words of the documentation.
type Kind string

// The kinds of records.
const (
	KindSession      Kind = "session"
	KindSubscription Kind = "subscription"
	KindReceived     Kind = "received"
	KindReference    Kind = "reference"
	KindBody         Kind = "body"
	KindReceivers    Kind = "receivers"
	KindRetained     Kind = "retained"
	KindDeleted      Kind = "deleted"
	KindTotals       Kind = "totals"
	KindVersion      Kind = "version"
	KindSessions     Kind = "sessions"
	KindUnknown      Kind = "unknown"
)

var kinds = map[byte]Kind{
	prefixSession: KindSession, prefixSubscription: KindSubscription, prefixReceived: KindReceived,
	prefixReference: KindReference, prefixBody: KindBody, prefixReceivers: KindReceivers, prefixRetained: KindRetained,
	prefixDeleted: KindDeleted, prefixTotals: KindTotals, prefixVersion: KindVersion, prefixSessions: KindSessions,
}

// Record is one record with its contents, for people and tools. Only the fields
// that its kind has are set.
type Record struct {
	Kind         Kind                     `json:"kind"`
	Key          string                   `json:"key"` // hexadecimal
	Bytes        int                      `json:"bytes"`
	Number       uint64                   `json:"number,omitempty"` // session, body, version or mark
	Place        uint64                   `json:"place,omitempty"`
	PacketID     uint16                   `json:"packet_id,omitempty"`
	Session      *mqtt.StoredSession      `json:"session,omitempty"`
	Subscription *mqtt.StoredSubscription `json:"subscription,omitempty"`
	Reference    *mqtt.StoredReference    `json:"reference,omitempty"`
	SharedBody   uint64                   `json:"shared_body,omitempty"`
	Released     bool                     `json:"released,omitempty"`
	Message      *mqtt.StoredBody         `json:"message,omitempty"`
	Receivers    []Receiver               `json:"receivers,omitempty"`
	At           *time.Time               `json:"at,omitempty"`
	Totals       *mqtt.Stats              `json:"totals,omitempty"`
}

// Receiver is one of the places at which a shared body is queued.
type Receiver struct {
	Session uint64 `json:"session"`
	Place   uint64 `json:"place"`
}

// DecodeRecord takes a key and its value apart. An error says what is wrong with
// them; kind and key of the result are set all the same.
func DecodeRecord(key, value []byte) (*Record, error) {
	r := &Record{Kind: KindUnknown, Key: hex.EncodeToString(key), Bytes: len(key) + len(value)}
	if len(key) == 0 {
		return r, errKeyShape
	}
	kind, known := kinds[key[0]]
	if !known {
		return r, fmt.Errorf("key of no known kind: %q", key)
	}
	r.Kind = kind
	if err := r.readKey(key); err != nil {
		return r, err
	}
	if kind == KindVersion {
		var err error
		r.Number, err = decodeVersion(value)
		return r, err
	}
	d, err := openRecord(value)
	if err != nil {
		return r, err
	}
	return r, r.readContents(d)
}

// keySizes are the lengths of keys of fixed length.
var keySizes = map[Kind]int{
	KindSession: numberKeySize, KindReceived: receivedKeySize, KindReference: referenceKeySize, KindBody: numberKeySize,
	KindReceivers: numberKeySize, KindDeleted: numberKeySize, KindTotals: 1, KindVersion: 1, KindSessions: 1,
}

func (r *Record) readKey(key []byte) error {
	size, fixed := keySizes[r.Kind]
	if fixed && len(key) != size || r.Kind == KindSubscription && len(key) < numberKeySize {
		return errKeyShape
	}
	if r.Kind != KindRetained && len(key) >= numberKeySize {
		r.Number = numberIn(key)
	}
	switch r.Kind {
	case KindReference:
		r.Place = placeIn(key)
	case KindReceived:
		r.PacketID = packetIDIn(key)
	default:
	}
	return nil
}

func (r *Record) readContents(d decoder) (err error) {
	switch r.Kind {
	case KindSession:
		r.Session = &mqtt.StoredSession{Session: r.Number}
		return d.session(r.Session)
	case KindSubscription:
		r.Subscription = &mqtt.StoredSubscription{Session: r.Number}
		return d.subscription(r.Subscription)
	case KindReference:
		return r.readReference(d)
	case KindBody, KindRetained:
		r.Message = new(mqtt.StoredBody)
		return d.body(r.Message)
	case KindReceivers:
		return d.receivers(func(to receiver) bool {
			r.Receivers = append(r.Receivers, Receiver{to.session, to.place})
			return true
		})
	case KindTotals:
		var at time.Time
		at, r.Totals, err = d.totals()
		r.At = &at
		return err
	case KindSessions:
		r.Number = d.uvarint()
	default:
	}
	return d.end()
}

func (r *Record) readReference(d decoder) (err error) {
	delivery := mqtt.StoredDelivery{Reference: mqtt.StoredReference{Session: r.Number, Place: r.Place}}
	if r.SharedBody, err = d.delivery(&delivery); err != nil {
		return err
	}
	r.Reference, r.Released = &delivery.Reference, delivery.Released
	if !r.Released && r.SharedBody == 0 {
		r.Message = &delivery.Body
	}
	return nil
}

// Records calls f for every record of an engine in the order of the keys, until
// f returns false. For one that cannot be read, err says why and r has what is
// known; where a whole block is damaged, r stands for all its records. name is
// what errors call the store.
func Records(store kv.KV, name string, f func(key, value []byte, r *Record, err error) bool) error {
	ended := false
	report := func(key []byte, err error) {
		if r, _ := DecodeRecord(key, nil); !ended {
			ended = !f(key, nil, r, err)
		}
	}
	w := walker{name: name, from: store, damaged: report}
	return w.walk(nil, nil, func(key, value []byte) bool {
		if !ended {
			r, err := DecodeRecord(key, value)
			ended = !f(key, value, r, err)
		}
		return !ended
	})
}
