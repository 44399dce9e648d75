package packets

// Unsubscribe ends subscriptions.
type Unsubscribe struct {
	PacketID   uint16
	Filters    []string
	Properties Properties
}

// Type returns TypeUnsubscribe.
func (*Unsubscribe) Type() Type { return TypeUnsubscribe }

// Decode overwrites p with the packet in body.
func (p *Unsubscribe) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Unsubscribe) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
