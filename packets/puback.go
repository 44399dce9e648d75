package packets

// Puback answers a PUBLISH of QoS 1.
type Puback struct {
	PacketID   uint16
	Code       Code
	Properties Properties
}

// AppendPuback appends a PUBACK without properties to dst.
func AppendPuback(dst []byte, v Version, packetID uint16, code Code) []byte { return dst }

// Type returns TypePuback.
func (*Puback) Type() Type { return TypePuback }

// Decode overwrites p with the packet in body.
func (p *Puback) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Puback) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
