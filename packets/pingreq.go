package packets

// Pingreq asks whether the server is alive.
type Pingreq struct{}

// Type returns TypePingreq.
func (*Pingreq) Type() Type { return TypePingreq }

// Decode overwrites p with the packet in body.
func (p *Pingreq) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Pingreq) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
