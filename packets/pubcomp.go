package packets

// Pubcomp answers a PUBREL: the exchange of QoS 2 is complete.
type Pubcomp struct {
	PacketID   uint16
	Code       Code // MQTT 5.0 only [MQTT-3.7.2-1]
	Properties Properties
}

var _ decoder = (*Pubcomp)(nil)

// Type returns TypePubcomp.
func (*Pubcomp) Type() Type { return TypePubcomp }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Pubcomp) Decode(flags byte, body []byte, v Version) error {
	if err := checkFlags(TypePubcomp, flags, v); err != nil {
		return err
	}
	return decodeAck(TypePubcomp, body, v, &p.PacketID, &p.Code, &p.Properties)
}

// Append implements [Packet]. A Code that PUBCOMP may not carry is sent as the
// one nearest to it, see [Code.For].
func (p *Pubcomp) Append(dst []byte, v Version) ([]byte, error) {
	return appendAckPacket(dst, TypePubcomp, v, p.PacketID, p.Code, &p.Properties)
}

// AppendPubcomp appends a PUBCOMP without properties to dst. The packetID is not
// 0; the code goes through [Code.For], and MQTT 3 sends none.
func AppendPubcomp(dst []byte, v Version, packetID uint16, code Code) []byte {
	return appendAck(dst, TypePubcomp, v, packetID, code)
}
