package packets

// Pingreq asks whether the other side is alive; it keeps the connection alive as well.
type Pingreq struct{}

var _ decoder = (*Pingreq)(nil)

// Type returns TypePingreq.
func (*Pingreq) Type() Type { return TypePingreq }

// Decode checks that flags and body are empty.
func (p *Pingreq) Decode(flags byte, body []byte, v Version) error {
	if err := checkFlags(TypePingreq, flags, v); err != nil {
		return err
	}
	r := bodyReader{rest: body, t: TypePingreq}
	return r.end()
}

// Append implements [Packet]; it cannot fail.
func (p *Pingreq) Append(dst []byte, v Version) ([]byte, error) {
	return append(dst, byte(TypePingreq)<<4, 0), nil
}
