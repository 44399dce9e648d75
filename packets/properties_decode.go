package packets

import "encoding/binary"

// Decode reads the Property Length and the properties of a packet of type t at
// the start of b and returns how many bytes they took. In PUBLISH the strings
// and byte slices are views of b, and the slices in p are used again; elsewhere
// they are copies. p is overwritten.
func (p *Properties) Decode(b []byte, t Type) (n int, err error) {
	if t == TypePublish {
		p.resetKeep()
	} else {
		p.Reset()
	}
	size, n := scanVarint(b)
	if n <= 0 {
		return 0, malformed("Property Length of %s is malformed", t)
	}
	if int(size) > len(b)-n {
		return 0, malformed("properties of %s are longer than the packet", t)
	}
	n += int(size)
	for rest := b[n-int(size) : n]; len(rest) > 0; {
		m, err := p.decodeOne(rest, t)
		if err != nil {
			return 0, err
		}
		rest = rest[m:]
	}
	return n, nil
}

// decodeOne reads the property at the start of b and returns its length.
func (p *Properties) decodeOne(b []byte, t Type) (n int, err error) {
	id := PropertyID(b[0]) // every identifier of MQTT 5.0 fits into one byte
	if id >= 64 || propertyTable[id].packets&(1<<t) == 0 {
		return 0, malformed("%s with property 0x%02X", t, byte(id)) // section 2.2.2.2
	}
	if p.marked&(1<<id) != 0 && !id.repeats(t) {
		return 0, protocolError("%s with property 0x%02X twice", t, byte(id))
	}
	p.marked |= 1 << id
	copied := t != TypePublish
	switch propertyTable[id].kind {
	case kindText:
		n, err = p.decodeText(b[1:], id, copied)
	case kindBinary:
		n, err = p.decodeBinary(b[1:], id, copied)
	case kindPair:
		n, err = p.decodePair(b[1:], copied)
	case kindVarint:
		n, err = p.decodeSubscriptionID(b[1:])
	default:
		n, err = p.decodeNumber(b[1:], id)
	}
	return n + 1, err
}

func (p *Properties) decodeNumber(b []byte, id PropertyID) (n int, err error) {
	var v uint32
	switch kind := propertyTable[id].kind; {
	case kind == kindByte && len(b) >= 1:
		v, n = uint32(b[0]), 1
	case kind == kindUint16 && len(b) >= 2:
		v, n = uint32(binary.BigEndian.Uint16(b)), 2
	case kind == kindUint32 && len(b) >= 4:
		v, n = binary.BigEndian.Uint32(b), 4
	default:
		return 0, cutShort(id)
	}
	p.setNumber(id, v)
	return n, id.checkNumber(v)
}

func (p *Properties) decodeSubscriptionID(b []byte) (n int, err error) {
	v, n := scanVarint(b)
	if n <= 0 {
		return 0, malformed("%s is malformed", PropSubscriptionID)
	}
	p.SubscriptionIDs = append(p.SubscriptionIDs, v)
	return n, PropSubscriptionID.checkNumber(v)
}

func (p *Properties) decodeText(b []byte, id PropertyID, copied bool) (n int, err error) {
	s, n, err := scanText(b, id, copied)
	if err != nil {
		return 0, err
	}
	*p.textField(id) = s
	return n, id.checkText(s)
}

func (p *Properties) decodeBinary(b []byte, id PropertyID, copied bool) (n int, err error) {
	data, n := scanBinary(b)
	if n == 0 {
		return 0, cutShort(id)
	}
	if copied {
		data = copyBytes(data)
	}
	*p.binaryField(id) = data
	return n, nil
}

func (p *Properties) decodePair(b []byte, copied bool) (n int, err error) {
	key, n, err := scanText(b, PropUser, copied)
	if err != nil {
		return 0, err
	}
	value, m, err := scanText(b[n:], PropUser, copied)
	if err != nil {
		return 0, err
	}
	p.User = append(p.User, UserProperty{key, value})
	return n + m, nil
}

// scanText returns the string at the start of b and the bytes it took.
func scanText(b []byte, id PropertyID, copied bool) (s string, n int, err error) {
	text, n := scanBinary(b)
	if n == 0 {
		return "", 0, cutShort(id)
	}
	if !validText(text) {
		return "", 0, malformed("%s is not valid UTF-8", id)
	}
	if copied {
		return string(text), n, nil
	}
	return view(text), n, nil
}

func cutShort(id PropertyID) error { return malformed("%s is cut short", id) }
