package storage

import (
	"encoding/binary"

	"github.com/linnetmq/linnet/mqtt"
)

// The flags of a message; the QoS is in the two lowest bits.
const (
	bodyRetain     = 1 << 2
	bodyProperties = 1 << 3
	bodyOrigin     = 1 << 4
	bodyExpires    = 1 << 5
	bodyKnown      = 1<<6 - 1
)

// appendBody appends a message. The payload takes what is left of the record.
func appendBody(dst []byte, b *mqtt.StoredBody) []byte {
	flags := b.QoS & 3
	if b.Retain {
		flags |= bodyRetain
	}
	if len(b.Properties) > 0 {
		flags |= bodyProperties
	}
	if b.Origin != "" {
		flags |= bodyOrigin
	}
	if b.ExpiresAt != 0 {
		flags |= bodyExpires
	}
	dst = appendField(append(dst, flags), b.Topic)
	if flags&bodyProperties != 0 {
		dst = appendField(dst, b.Properties)
	}
	if flags&bodyOrigin != 0 {
		dst = appendField(dst, b.Origin)
	}
	if flags&bodyExpires != 0 {
		dst = binary.AppendVarint(dst, b.ExpiresAt)
	}
	return append(dst, b.Payload...)
}

// body reads what appendBody wrote. It shares no memory with the record.
func (d *decoder) body(b *mqtt.StoredBody) error {
	flags := d.byte()
	b.QoS, b.Retain = flags&3, flags&bodyRetain != 0
	b.Topic = d.text()
	var properties []byte
	if flags&bodyProperties != 0 {
		properties = d.bytes()
	}
	if flags&bodyOrigin != 0 {
		b.Origin = d.text()
	}
	if flags&bodyExpires != 0 {
		b.ExpiresAt = d.varint()
	}
	if d.err == nil && (flags > bodyKnown || b.QoS > 2) {
		d.err = errFlags
	}
	payload := d.remaining()
	if d.err != nil {
		return d.err
	}
	// One allocation for both.
	kept := append(make([]byte, 0, len(properties)+len(payload)), properties...)
	kept = append(kept, payload...)
	if n := len(properties); n > 0 {
		b.Properties = kept[:n:n]
	}
	if n := len(properties); len(kept) > n {
		b.Payload = kept[n:]
	}
	return nil
}

// receiver is one session's claim to a shared body.
type receiver struct{ session, place uint64 }

// appendReceivers appends who needs a body: sessions as differences, since those
// of a fan-out lie close together.
func appendReceivers(dst []byte, to []mqtt.StoredReference) []byte {
	dst = binary.AppendUvarint(append(dst, format), uint64(len(to)))
	last := uint64(0)
	for i := range to {
		dst = binary.AppendVarint(dst, int64(to[i].Session-last))
		dst = binary.AppendUvarint(dst, to[i].Place)
		last = to[i].Session
	}
	return dst
}

// receivers calls f for each receiver in a record until f returns false.
func (d *decoder) receivers(f func(receiver) bool) error {
	n, session := d.uvarint(), uint64(0)
	if n > uint64(len(d.rest))/2 { // each takes two bytes at least
		return errShort
	}
	for range n {
		session += uint64(d.varint())
		r := receiver{session, d.uvarint()}
		if d.err != nil {
			return d.err
		}
		if !f(r) {
			return nil
		}
	}
	return d.end()
}
