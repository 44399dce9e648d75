package packets

// Unsuback answers an UNSUBSCRIBE, in MQTT 5.0 with one Code for each of its
// filters, in order.
type Unsuback struct {
	PacketID   uint16
	Codes      []Code // MQTT 5.0 only: at least one
	Properties Properties
}

var _ decoder = (*Unsuback)(nil)

// Type returns TypeUnsuback.
func (*Unsuback) Type() Type { return TypeUnsuback }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Unsuback) Decode(flags byte, body []byte, v Version) error {
	*p = Unsuback{}
	if err := checkFlags(TypeUnsuback, flags, v); err != nil {
		return err
	}
	r := bodyReader{rest: body, t: TypeUnsuback}
	p.PacketID = r.packetID()
	if v < V5 {
		return r.end()
	}
	r.properties(&p.Properties, TypeUnsuback)
	codes, err := r.codes()
	p.Codes = codes
	return err
}

// Append implements [Packet]. A failure that UNSUBACK may not carry is sent as
// the one nearest to it, see [Code.For].
func (p *Unsuback) Append(dst []byte, v Version) ([]byte, error) {
	w := beginPacket(dst, TypeUnsuback, 0)
	w.packetID(p.PacketID, TypeUnsuback)
	if v < V5 {
		return w.finish()
	}
	w.properties(&p.Properties, TypeUnsuback)
	if len(p.Codes) == 0 {
		w.fail(protocolError("UNSUBACK without a reason code"))
	}
	for _, c := range p.Codes {
		w.code(c, TypeUnsuback)
	}
	return w.finish()
}
