package packets

// Suback answers a SUBSCRIBE with one Code for each of its filters, in order.
type Suback struct {
	PacketID   uint16
	Codes      []Code // at least one; MQTT 3 sends every failure as 0x80
	Properties Properties
}

var _ decoder = (*Suback)(nil)

// Type returns TypeSuback.
func (*Suback) Type() Type { return TypeSuback }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Suback) Decode(flags byte, body []byte, v Version) error {
	*p = Suback{}
	if err := checkFlags(TypeSuback, flags, v); err != nil {
		return err
	}
	r := bodyReader{rest: body, t: TypeSuback}
	p.PacketID = r.packetID()
	if v >= V5 {
		r.properties(&p.Properties, TypeSuback)
	}
	codes, err := r.codes()
	if err != nil {
		return err
	}
	for _, c := range codes {
		if v < V5 && c > CodeGrantedQoS2 && c != ErrUnspecified {
			return codeNotAllowed(c, TypeSuback) // [MQTT311-3.9.3-2]
		}
	}
	p.Codes = codes
	return nil
}

// codes reads the Reason Codes which the rest of the body is made of.
func (r *bodyReader) codes() ([]Code, error) {
	if r.err != nil {
		return nil, r.err
	}
	if len(r.rest) == 0 {
		return nil, protocolError("%s without a reason code", r.t)
	}
	codes := make([]Code, len(r.rest))
	for i, b := range r.rest {
		if !Code(b).AllowedIn(r.t) {
			return nil, codeNotAllowed(Code(b), r.t) // [MQTT-3.9.3-2] [MQTT-3.11.3-2]
		}
		codes[i] = Code(b)
	}
	return codes, nil
}

// Append implements [Packet]. A failure that SUBACK may not carry is sent as
// the one nearest to it, see [Code.For].
func (p *Suback) Append(dst []byte, v Version) ([]byte, error) {
	w := beginPacket(dst, TypeSuback, 0)
	w.packetID(p.PacketID, TypeSuback)
	if v >= V5 {
		w.properties(&p.Properties, TypeSuback)
	}
	if len(p.Codes) == 0 {
		w.fail(protocolError("SUBACK without a reason code"))
	}
	for _, c := range p.Codes {
		if v < V5 && c.Failed() {
			c = ErrUnspecified // the one failure MQTT 3.1.1 has
		}
		w.code(c, TypeSuback)
	}
	return w.finish()
}
