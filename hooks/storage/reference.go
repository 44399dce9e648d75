package storage

import (
	"encoding/binary"
	"errors"

	"github.com/linnetmq/linnet/mqtt"
)

var errFlags = errors.New("record has flags that do not exist")

// What a reference has, in the two lowest bits of its flags.
const (
	kindInline   = 0 // the message itself
	kindShared   = 1 // the number of a body
	kindReleased = 2 // nothing: PUBREC came
)

// The other flags of a reference; the QoS is in bits 2 and 3.
const (
	referenceQoS    = 2 // shift
	referenceRetain = 1 << 4
	referenceIDs    = 1 << 5
	referenceShare  = 1 << 6
	referenceKnown  = 1<<7 - 1
)

// appendReference appends a reference up to what its kind adds.
func appendReference(dst []byte, kind byte, r *mqtt.StoredReference) []byte {
	flags := kind | r.QoS&3<<referenceQoS
	if r.Retain {
		flags |= referenceRetain
	}
	if len(r.IDs) > 0 {
		flags |= referenceIDs
	}
	if r.Share != "" {
		flags |= referenceShare
	}
	dst = binary.AppendUvarint(append(dst, format, flags), r.Total)
	if flags&referenceIDs != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(r.IDs)))
		for _, id := range r.IDs {
			dst = binary.AppendUvarint(dst, uint64(id))
		}
	}
	if flags&referenceShare != 0 {
		dst = appendField(dst, r.Share)
	}
	return dst
}

// reference reads what appendReference wrote and returns the kind; what follows
// is still to be read. Session and Place are in the key.
func (d *decoder) reference(r *mqtt.StoredReference) (kind byte, err error) {
	flags := d.byte()
	r.QoS, r.Retain = flags>>referenceQoS&3, flags&referenceRetain != 0
	r.Total = d.uvarint()
	if flags&referenceIDs != 0 {
		n := d.uvarint()
		if n > uint64(len(d.rest)) { // each takes a byte at least
			return 0, errShort
		}
		r.IDs = make([]uint32, n)
		for i := range r.IDs {
			r.IDs[i] = uint32(d.uvarint())
		}
	}
	if flags&referenceShare != 0 {
		r.Share = d.text()
	}
	kind = flags & 3
	if d.err == nil && (flags > referenceKnown || r.QoS > 2 || kind > kindReleased) {
		d.err = errFlags
	}
	return kind, d.err
}

// delivery reads a reference and, if it has one, its message. For a shared body
// it returns the number, else 0.
func (d *decoder) delivery(to *mqtt.StoredDelivery) (body uint64, err error) {
	kind, err := d.reference(&to.Reference)
	if err != nil {
		return 0, err
	}
	switch kind {
	case kindInline:
		return 0, d.body(&to.Body)
	case kindShared:
		body = d.uvarint()
	default:
		to.Released = true
	}
	return body, d.end()
}

func appendSharedReference(dst []byte, r *mqtt.StoredReference, body uint64) []byte {
	return binary.AppendUvarint(appendReference(dst, kindShared, r), body)
}

// sharedIn returns the number of the body that a record of a reference names, 0
// if it names none.
func sharedIn(value []byte) (uint64, error) {
	d, err := openRecord(value)
	if err != nil {
		return 0, err
	}
	var r mqtt.StoredReference
	kind, err := d.reference(&r)
	if err != nil || kind != kindShared {
		return 0, err
	}
	return d.uvarint(), d.end()
}
