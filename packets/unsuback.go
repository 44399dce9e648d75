package packets

// Unsuback answers an UNSUBSCRIBE.
type Unsuback struct {
	PacketID   uint16
	Codes      []Code
	Properties Properties
}

// Type returns TypeUnsuback.
func (*Unsuback) Type() Type { return TypeUnsuback }

// Decode overwrites p with the packet in body.
func (p *Unsuback) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Unsuback) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
