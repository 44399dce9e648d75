package packets

import "encoding/binary"

// PUBACK, PUBREC, PUBREL and PUBCOMP share one layout: a Packet Identifier and,
// in MQTT 5.0, a Reason Code and properties that may both be left out.

func decodeAck(t Type, body []byte, v Version, id *uint16, code *Code, props *Properties) error {
	*code = CodeSuccess
	props.Reset()
	if len(body) < 2 {
		*id = 0
		return malformed("%s ends before its Packet Identifier", t)
	}
	*id = binary.BigEndian.Uint16(body)
	if *id == 0 {
		return zeroPacketID(t)
	}
	if len(body) == 2 {
		return nil
	}
	if v < V5 {
		return malformed("%s has %d bytes too many", t, len(body)-2)
	}
	return decodeReason(t, body[2:], code, props)
}

// decodeReason reads what is left of a packet of MQTT 5.0: the Reason Code and
// the properties, which are missing if there are none.
func decodeReason(t Type, rest []byte, code *Code, props *Properties) error {
	*code = Code(rest[0])
	if !code.AllowedIn(t) {
		return codeNotAllowed(*code, t)
	}
	if len(rest) == 1 {
		return nil
	}
	n, err := props.Decode(rest[1:], t)
	if err != nil {
		return err
	}
	if n+1 < len(rest) {
		return malformed("%s has %d bytes too many", t, len(rest)-n-1)
	}
	return nil
}

func appendAckPacket(dst []byte, t Type, v Version, id uint16, code Code, props *Properties) ([]byte, error) {
	if id == 0 {
		return dst, zeroPacketID(t)
	}
	if v < V5 || props.present(t) == 0 {
		if v >= V5 && !code.For(t).AllowedIn(t) {
			return dst, codeNotAllowed(code, t)
		}
		return appendAck(dst, t, v, id, code), nil
	}
	w := beginPacket(dst, t, ackFlags(t))
	w.uint16(id)
	w.code(code, t)
	w.properties(props, t)
	return w.finish()
}

// appendAck appends the short form: without a Reason Code if it is Success or
// the version has none.
func appendAck(dst []byte, t Type, v Version, id uint16, code Code) []byte {
	first := byte(t)<<4 | ackFlags(t)
	if code == CodeSuccess || v < V5 {
		return append(dst, first, 2, byte(id>>8), byte(id))
	}
	return append(dst, first, 3, byte(id>>8), byte(id), byte(code.For(t)))
}

func ackFlags(t Type) byte {
	if t == TypePubrel {
		return 0x02 // [MQTT-3.6.1-1]
	}
	return 0
}
