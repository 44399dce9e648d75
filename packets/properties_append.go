package packets

import (
	"encoding/binary"
	"math/bits"
)

// Append appends the Property Length and those properties that a packet of
// type t may carry, in the order of their identifiers; others are left out.
// TypeWill stands for the Will Properties. A value that cannot be sent gives an
// error and dst unchanged.
func (p *Properties) Append(dst []byte, t Type) ([]byte, error) {
	set := p.present(t)
	if set == 0 {
		return append(dst, 0), nil
	}
	size, err := p.measure(set, t)
	if err != nil {
		return dst, err
	}
	return p.appendSet(appendVarint(dst, uint32(size)), set), nil
}

// measure checks the properties in set and returns how many bytes they take.
func (p *Properties) measure(set uint64, t Type) (size int, err error) {
	for ; set != 0; set &= set - 1 {
		n, err := p.measureOne(PropertyID(bits.TrailingZeros64(set)), t)
		if err != nil {
			return 0, err
		}
		if size += n; size > maxRemainingLength {
			return 0, tooLong()
		}
	}
	return size, nil
}

func (p *Properties) measureOne(id PropertyID, t Type) (size int, err error) {
	switch propertyTable[id].kind {
	case kindByte:
		return 2, id.checkNumber(p.number(id))
	case kindUint16:
		return 3, id.checkNumber(p.number(id))
	case kindUint32:
		return 5, id.checkNumber(p.number(id))
	case kindText:
		s := *p.textField(id)
		if err := textError(s, id.String()); err != nil {
			return 0, err
		}
		return 3 + len(s), id.checkText(s)
	case kindBinary:
		b := *p.binaryField(id)
		return 3 + len(b), binaryError(b, id.String())
	case kindVarint:
		return p.measureSubscriptionIDs(t)
	default:
		return p.measureUser()
	}
}

func (p *Properties) measureSubscriptionIDs(t Type) (size int, err error) {
	if len(p.SubscriptionIDs) > 1 && !PropSubscriptionID.repeats(t) {
		return 0, protocolError("%s with more than one %s", t, PropSubscriptionID)
	}
	for _, v := range p.SubscriptionIDs {
		if v == 0 || v > maxRemainingLength {
			return 0, protocolError("%s is %d", PropSubscriptionID, v)
		}
		size += 1 + varintSize(int(v))
	}
	return size, nil
}

func (p *Properties) measureUser() (size int, err error) {
	for i := range p.User {
		u := &p.User[i]
		if err := textError(u.Key, "key of User Property"); err != nil {
			return 0, err
		}
		if err := textError(u.Value, "value of User Property"); err != nil {
			return 0, err
		}
		size += 5 + len(u.Key) + len(u.Value)
	}
	return size, nil
}

// appendSet appends the properties in set, which measure has checked.
func (p *Properties) appendSet(dst []byte, set uint64) []byte {
	for ; set != 0; set &= set - 1 {
		id := PropertyID(bits.TrailingZeros64(set))
		switch propertyTable[id].kind {
		case kindByte:
			dst = append(dst, byte(id), *p.byteField(id))
		case kindUint16:
			dst = binary.BigEndian.AppendUint16(append(dst, byte(id)), *p.uint16Field(id))
		case kindUint32:
			dst = binary.BigEndian.AppendUint32(append(dst, byte(id)), *p.uint32Field(id))
		case kindText:
			dst = appendString(append(dst, byte(id)), *p.textField(id))
		case kindBinary:
			dst = appendBinary(append(dst, byte(id)), *p.binaryField(id))
		case kindVarint:
			for _, v := range p.SubscriptionIDs {
				dst = appendVarint(append(dst, byte(id)), v)
			}
		default:
			for i := range p.User {
				dst = appendString(append(dst, byte(id)), p.User[i].Key)
				dst = appendString(dst, p.User[i].Value)
			}
		}
	}
	return dst
}
