package packets

// Subscription is one request of a SUBSCRIBE. MQTT 3 knows Filter and QoS only.
type Subscription struct {
	Filter            string
	QoS               QoS // the maximum the client asks for
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    byte // 0 send retained, 1 only for a new subscription, 2 never
}

// Subscribe asks for subscriptions.
type Subscribe struct {
	PacketID      uint16
	Subscriptions []Subscription // at least one [MQTT-3.8.3-2]
	Properties    Properties
}

var _ decoder = (*Subscribe)(nil)

// The Subscription Options of MQTT 5.0.
const (
	subscribeNoLocal           = 1 << 2
	subscribeRetainAsPublished = 1 << 3
)

// Type returns TypeSubscribe.
func (*Subscribe) Type() Type { return TypeSubscribe }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body. Filters are
// valid UTF-8; whether they are Topic Filters is for the caller to see.
func (p *Subscribe) Decode(flags byte, body []byte, v Version) error {
	*p = Subscribe{}
	if err := checkFlags(TypeSubscribe, flags, v); err != nil {
		return err // [MQTT-3.8.1-1]
	}
	r := bodyReader{rest: body, t: TypeSubscribe}
	p.PacketID = r.packetID()
	if v >= V5 {
		r.properties(&p.Properties, TypeSubscribe)
	}
	for len(r.rest) > 0 {
		s := Subscription{Filter: string(r.text("Topic Filter"))} // [MQTT-3.8.3-1]
		options := r.byte("Subscription Options")
		if r.err != nil {
			break
		}
		if err := s.setOptions(options, v); err != nil {
			return err
		}
		p.Subscriptions = append(p.Subscriptions, s)
	}
	if err := r.end(); err != nil {
		return err
	}
	if len(p.Subscriptions) == 0 {
		return protocolError("SUBSCRIBE without a Topic Filter") // [MQTT-3.8.3-2]
	}
	return nil
}

func (s *Subscription) setOptions(options byte, v Version) error {
	s.QoS = options & 3
	reserved := options & 0xC0 // [MQTT-3.8.3-5]
	if v < V5 {
		reserved = options & 0xFC // [MQTT311-3.8.3-4]
	}
	if reserved != 0 {
		return malformed("SUBSCRIBE with Subscription Options 0x%02X", options)
	}
	if s.QoS == 3 && v < V5 {
		return malformed("SUBSCRIBE with QoS 3") // [MQTT311-3.8.3-4]
	}
	if s.QoS == 3 {
		return protocolError("SUBSCRIBE with QoS 3")
	}
	s.NoLocal = options&subscribeNoLocal != 0
	s.RetainAsPublished = options&subscribeRetainAsPublished != 0
	s.RetainHandling = options >> 4
	if s.RetainHandling == 3 {
		return protocolError("SUBSCRIBE with Retain Handling 3")
	}
	return nil
}

// Append implements [Packet].
func (p *Subscribe) Append(dst []byte, v Version) ([]byte, error) {
	w := beginPacket(dst, TypeSubscribe, 0x02)
	w.packetID(p.PacketID, TypeSubscribe)
	if v >= V5 {
		w.properties(&p.Properties, TypeSubscribe)
	}
	if len(p.Subscriptions) == 0 {
		w.fail(protocolError("SUBSCRIBE without a Topic Filter"))
	}
	for i := range p.Subscriptions {
		s := &p.Subscriptions[i]
		w.text(s.Filter, "Topic Filter")
		options, err := s.options(v)
		if err != nil {
			w.fail(err)
		}
		w.byte(options)
	}
	return w.finish()
}

func (s *Subscription) options(v Version) (byte, error) {
	if s.QoS > 2 {
		return 0, protocolError("SUBSCRIBE with QoS %d", s.QoS)
	}
	if v < V5 {
		return s.QoS, nil
	}
	if s.RetainHandling > 2 {
		return 0, protocolError("SUBSCRIBE with Retain Handling %d", s.RetainHandling)
	}
	options := s.QoS | s.RetainHandling<<4
	if s.NoLocal {
		options |= subscribeNoLocal
	}
	if s.RetainAsPublished {
		options |= subscribeRetainAsPublished
	}
	return options, nil
}
