package packets

// Pingresp answers a PINGREQ.
type Pingresp struct{}

// Type returns TypePingresp.
func (*Pingresp) Type() Type { return TypePingresp }

// Decode overwrites p with the packet in body.
func (p *Pingresp) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Pingresp) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
