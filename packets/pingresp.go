package packets

// Pingresp answers a PINGREQ.
type Pingresp struct{}

var _ decoder = (*Pingresp)(nil)

// Type returns TypePingresp.
func (*Pingresp) Type() Type { return TypePingresp }

// Decode checks that flags and body are empty.
func (p *Pingresp) Decode(flags byte, body []byte, v Version) error {
	if err := checkFlags(TypePingresp, flags, v); err != nil {
		return err
	}
	r := bodyReader{rest: body, t: TypePingresp}
	return r.end()
}

// Append implements [Packet]; it cannot fail.
func (p *Pingresp) Append(dst []byte, v Version) ([]byte, error) {
	return append(dst, byte(TypePingresp)<<4, 0), nil
}
