package packets

// Pubrec acknowledges a PUBLISH of QoS 2: the message is taken over.
type Pubrec struct {
	PacketID   uint16
	Code       Code // MQTT 5.0 only [MQTT-3.5.2-1]
	Properties Properties
}

var _ decoder = (*Pubrec)(nil)

// Type returns TypePubrec.
func (*Pubrec) Type() Type { return TypePubrec }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Pubrec) Decode(flags byte, body []byte, v Version) error {
	if err := checkFlags(TypePubrec, flags, v); err != nil {
		return err
	}
	return decodeAck(TypePubrec, body, v, &p.PacketID, &p.Code, &p.Properties)
}

// Append implements [Packet]. A Code that PUBREC may not carry is sent as the
// one nearest to it, see [Code.For].
func (p *Pubrec) Append(dst []byte, v Version) ([]byte, error) {
	return appendAckPacket(dst, TypePubrec, v, p.PacketID, p.Code, &p.Properties)
}

// AppendPubrec appends a PUBREC without properties to dst. The packetID is not
// 0; the code goes through [Code.For], and MQTT 3 sends none.
func AppendPubrec(dst []byte, v Version, packetID uint16, code Code) []byte {
	return appendAck(dst, TypePubrec, v, packetID, code)
}
