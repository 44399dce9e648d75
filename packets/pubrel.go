package packets

// Pubrel answers a PUBREC: the Packet Identifier is released.
type Pubrel struct {
	PacketID   uint16
	Code       Code // MQTT 5.0 only [MQTT-3.6.2-1]
	Properties Properties
}

var _ decoder = (*Pubrel)(nil)

// Type returns TypePubrel.
func (*Pubrel) Type() Type { return TypePubrel }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Pubrel) Decode(flags byte, body []byte, v Version) error {
	if err := checkFlags(TypePubrel, flags, v); err != nil {
		return err
	}
	return decodeAck(TypePubrel, body, v, &p.PacketID, &p.Code, &p.Properties)
}

// Append implements [Packet]. A Code that PUBREL may not carry is sent as the
// one nearest to it, see [Code.For].
func (p *Pubrel) Append(dst []byte, v Version) ([]byte, error) {
	return appendAckPacket(dst, TypePubrel, v, p.PacketID, p.Code, &p.Properties)
}

// AppendPubrel appends a PUBREL without properties to dst. The packetID is not
// 0; the code goes through [Code.For], and MQTT 3 sends none.
func AppendPubrel(dst []byte, v Version, packetID uint16, code Code) []byte {
	return appendAck(dst, TypePubrel, v, packetID, code)
}
