package packets

// Suback answers a SUBSCRIBE.
type Suback struct {
	PacketID   uint16
	Codes      []Code
	Properties Properties
}

// Type returns TypeSuback.
func (*Suback) Type() Type { return TypeSuback }

// Decode overwrites p with the packet in body.
func (p *Suback) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Suback) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
