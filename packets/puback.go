package packets

// Puback acknowledges a PUBLISH of QoS 1.
type Puback struct {
	PacketID   uint16
	Code       Code // MQTT 5.0 only [MQTT-3.4.2-1]
	Properties Properties
}

var _ decoder = (*Puback)(nil)

// Type returns TypePuback.
func (*Puback) Type() Type { return TypePuback }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Puback) Decode(flags byte, body []byte, v Version) error {
	if err := checkFlags(TypePuback, flags, v); err != nil {
		return err
	}
	return decodeAck(TypePuback, body, v, &p.PacketID, &p.Code, &p.Properties)
}

// Append implements [Packet]. A Code that PUBACK may not carry is sent as the
// one nearest to it, see [Code.For].
func (p *Puback) Append(dst []byte, v Version) ([]byte, error) {
	return appendAckPacket(dst, TypePuback, v, p.PacketID, p.Code, &p.Properties)
}

// AppendPuback appends a PUBACK without properties to dst. The packetID is not
// 0; the code goes through [Code.For], and MQTT 3 sends none.
func AppendPuback(dst []byte, v Version, packetID uint16, code Code) []byte {
	return appendAck(dst, TypePuback, v, packetID, code)
}
