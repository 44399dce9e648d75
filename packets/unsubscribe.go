package packets

// Unsubscribe ends subscriptions.
type Unsubscribe struct {
	PacketID   uint16
	Filters    []string // at least one [MQTT-3.10.3-2]
	Properties Properties
}

var _ decoder = (*Unsubscribe)(nil)

// Type returns TypeUnsubscribe.
func (*Unsubscribe) Type() Type { return TypeUnsubscribe }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body. Filters are
// valid UTF-8; whether they are Topic Filters is for the caller to see.
func (p *Unsubscribe) Decode(flags byte, body []byte, v Version) error {
	*p = Unsubscribe{}
	if err := checkFlags(TypeUnsubscribe, flags, v); err != nil {
		return err // [MQTT-3.10.1-1]
	}
	r := bodyReader{rest: body, t: TypeUnsubscribe}
	p.PacketID = r.packetID()
	if v >= V5 {
		r.properties(&p.Properties, TypeUnsubscribe)
	}
	for len(r.rest) > 0 {
		filter := r.text("Topic Filter") // [MQTT-3.10.3-1]
		if r.err == nil {
			p.Filters = append(p.Filters, string(filter))
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	if len(p.Filters) == 0 {
		return protocolError("UNSUBSCRIBE without a Topic Filter") // [MQTT-3.10.3-2]
	}
	return nil
}

// Append implements [Packet].
func (p *Unsubscribe) Append(dst []byte, v Version) ([]byte, error) {
	w := beginPacket(dst, TypeUnsubscribe, 0x02)
	w.packetID(p.PacketID, TypeUnsubscribe)
	if v >= V5 {
		w.properties(&p.Properties, TypeUnsubscribe)
	}
	if len(p.Filters) == 0 {
		w.fail(protocolError("UNSUBSCRIBE without a Topic Filter"))
	}
	for _, filter := range p.Filters {
		w.text(filter, "Topic Filter")
	}
	return w.finish()
}
