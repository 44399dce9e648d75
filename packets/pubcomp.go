package packets

// Pubcomp completes a PUBLISH of QoS 2.
type Pubcomp struct {
	PacketID   uint16
	Code       Code
	Properties Properties
}

// AppendPubcomp appends a PUBCOMP without properties to dst.
func AppendPubcomp(dst []byte, v Version, packetID uint16, code Code) []byte { return dst }

// Type returns TypePubcomp.
func (*Pubcomp) Type() Type { return TypePubcomp }

// Decode overwrites p with the packet in body.
func (p *Pubcomp) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Pubcomp) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
