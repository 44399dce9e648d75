package packets

// Pubrec answers a PUBLISH of QoS 2.
type Pubrec struct {
	PacketID   uint16
	Code       Code
	Properties Properties
}

// AppendPubrec appends a PUBREC without properties to dst.
func AppendPubrec(dst []byte, v Version, packetID uint16, code Code) []byte { return dst }

// Type returns TypePubrec.
func (*Pubrec) Type() Type { return TypePubrec }

// Decode overwrites p with the packet in body.
func (p *Pubrec) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Pubrec) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
