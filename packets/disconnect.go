package packets

// Disconnect is the last packet of a connection.
type Disconnect struct {
	Code       Code
	Properties Properties
}

// Type returns TypeDisconnect.
func (*Disconnect) Type() Type { return TypeDisconnect }

// Decode overwrites p with the packet in body.
func (p *Disconnect) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Disconnect) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
