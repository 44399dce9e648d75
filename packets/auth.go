package packets

// Auth carries extended authentication.
type Auth struct {
	Code       Code
	Properties Properties
}

// Type returns TypeAuth.
func (*Auth) Type() Type { return TypeAuth }

// Decode overwrites p with the packet in body.
func (p *Auth) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Auth) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
