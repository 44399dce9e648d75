package packets

// Publish carries an application message.
type Publish struct {
	Topic      string
	Payload    []byte
	QoS        QoS
	Dup        bool
	Retain     bool
	PacketID   uint16
	Properties Properties
}

// Clone returns a copy that shares no memory with p.
func (p *Publish) Clone() *Publish { c := *p; return &c }

// Type returns TypePublish.
func (*Publish) Type() Type { return TypePublish }

// Decode overwrites p with the packet in body.
func (p *Publish) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Publish) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
