package packets

// Pubrel releases a PUBLISH of QoS 2.
type Pubrel struct {
	PacketID   uint16
	Code       Code
	Properties Properties
}

// AppendPubrel appends a PUBREL without properties to dst.
func AppendPubrel(dst []byte, v Version, packetID uint16, code Code) []byte { return dst }

// Type returns TypePubrel.
func (*Pubrel) Type() Type { return TypePubrel }

// Decode overwrites p with the packet in body.
func (p *Pubrel) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Pubrel) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
