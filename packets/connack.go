package packets

// Connack answers a CONNECT.
type Connack struct {
	SessionPresent bool
	Code           Code
	Properties     Properties
}

// Type returns TypeConnack.
func (*Connack) Type() Type { return TypeConnack }

// Decode overwrites p with the packet in body.
func (p *Connack) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Connack) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
