package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// The flags of a session.
const (
	sessionDisconnected = 1 << 0
	sessionWill         = 1 << 1
	sessionWillRetain   = 1 << 2
	sessionWillQoS      = 3 // shift
	sessionKnown        = 1<<5 - 1
)

// appendSession appends a session's record. An error says that its Will cannot
// be sent, and so not be stored.
func appendSession(dst []byte, s *mqtt.StoredSession) ([]byte, error) {
	flags := byte(0)
	if !s.DisconnectedAt.IsZero() {
		flags |= sessionDisconnected
	}
	if w := s.Will; w != nil {
		flags |= sessionWill | w.QoS&3<<sessionWillQoS
		if w.Retain {
			flags |= sessionWillRetain
		}
	}
	dst = append(dst, format, flags, byte(s.Version))
	dst = appendField(dst, s.ClientID)
	dst = appendField(dst, s.Username)
	dst = binary.AppendUvarint(dst, uint64(s.SessionExpiryInterval))
	dst = binary.AppendUvarint(dst, s.SentBefore)
	if flags&sessionDisconnected != 0 {
		dst = binary.AppendVarint(dst, s.DisconnectedAt.UnixNano())
	}
	if s.Will == nil {
		return dst, nil
	}
	dst = appendField(dst, s.Will.Topic)
	dst, err := s.Will.Properties.Append(dst, packets.TypeWill)
	if err != nil {
		return dst, fmt.Errorf("store will of %q: %w", s.ClientID, err)
	}
	return append(dst, s.Will.Payload...), nil
}

// session reads what appendSession wrote; the number is in the key.
func (d *decoder) session(s *mqtt.StoredSession) error {
	flags := d.byte()
	s.Version = packets.Version(d.byte())
	s.ClientID, s.Username = d.text(), d.text()
	s.SessionExpiryInterval = uint32(d.uvarint())
	s.SentBefore = d.uvarint()
	if flags&sessionDisconnected != 0 {
		s.DisconnectedAt = time.Unix(0, d.varint())
	}
	if d.err == nil && flags > sessionKnown {
		return errFlags
	}
	if flags&sessionWill == 0 {
		return d.end()
	}
	s.Will = &packets.Will{Topic: d.text(), QoS: flags >> sessionWillQoS & 3, Retain: flags&sessionWillRetain != 0}
	if d.err != nil {
		return d.err
	}
	n, err := s.Will.Properties.Decode(d.rest, packets.TypeWill)
	if err != nil {
		return fmt.Errorf("properties of the will: %w", err)
	}
	s.Will.Payload = bytes.Clone(d.rest[n:])
	return nil
}

// The flags of a subscription; the QoS is in the two lowest bits.
const (
	subscriptionNoLocal           = 1 << 2
	subscriptionRetainAsPublished = 1 << 3
	subscriptionRetainHandling    = 4 // shift
	subscriptionKnown             = 1<<6 - 1
)

func appendSubscription(dst []byte, s *mqtt.StoredSubscription) []byte {
	flags := s.QoS&3 | s.RetainHandling&3<<subscriptionRetainHandling
	if s.NoLocal {
		flags |= subscriptionNoLocal
	}
	if s.RetainAsPublished {
		flags |= subscriptionRetainAsPublished
	}
	dst = binary.AppendUvarint(append(dst, format, flags), uint64(s.SubscriptionID))
	return append(dst, s.Filter...)
}

// subscription reads what appendSubscription wrote; the session is in the key.
func (d *decoder) subscription(s *mqtt.StoredSubscription) error {
	flags := d.byte()
	s.QoS, s.NoLocal = flags&3, flags&subscriptionNoLocal != 0
	s.RetainAsPublished = flags&subscriptionRetainAsPublished != 0
	s.RetainHandling = flags >> subscriptionRetainHandling & 3
	s.SubscriptionID = uint32(d.uvarint())
	s.Filter = string(d.remaining())
	if d.err == nil && flags > subscriptionKnown {
		return errFlags
	}
	return d.err
}

// appendTotals appends the time and the totals, as JSON since their fields come
// and go.
func appendTotals(dst []byte, at time.Time, totals *mqtt.Stats) ([]byte, error) {
	dst = binary.AppendVarint(append(dst, format), at.UnixNano())
	if totals == nil {
		return dst, nil
	}
	text, err := json.Marshal(totals)
	if err != nil {
		return dst, fmt.Errorf("store totals: %w", err)
	}
	return append(dst, text...), nil
}

func (d *decoder) totals() (at time.Time, totals *mqtt.Stats, err error) {
	at = time.Unix(0, d.varint())
	text := d.remaining()
	if d.err != nil || len(text) == 0 {
		return at, nil, d.err
	}
	totals = new(mqtt.Stats)
	if err := json.Unmarshal(text, totals); err != nil {
		return at, nil, err
	}
	return at, totals, nil
}
