package packets

// Subscription is one request of a SUBSCRIBE.
type Subscription struct {
	Filter            string
	QoS               QoS
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    byte
}

// Subscribe asks for subscriptions.
type Subscribe struct {
	PacketID      uint16
	Subscriptions []Subscription
	Properties    Properties
}

// Type returns TypeSubscribe.
func (*Subscribe) Type() Type { return TypeSubscribe }

// Decode overwrites p with the packet in body.
func (p *Subscribe) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Subscribe) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
