package packets

import (
	"encoding/binary"
	"slices"
)

// Publish carries an application message.
//
// A decoded Publish is a view: its Topic, its Payload and the strings and byte
// slices in its Properties share the memory of the body it was decoded from and
// are valid as long as that is left alone. Clone makes it independent.
type Publish struct {
	Topic      string // empty only in MQTT 5.0, with a Topic Alias
	Payload    []byte
	QoS        QoS
	Dup        bool
	Retain     bool
	PacketID   uint16 // not 0 with QoS 1 and 2, ignored with QoS 0
	Properties Properties
}

var _ decoder = (*Publish)(nil)

// The flags of a PUBLISH.
const (
	publishRetain = 1 << 0
	publishDup    = 1 << 3
)

// Type returns TypePublish.
func (*Publish) Type() Type { return TypePublish }

// Decode overwrites p with a view of the packet that has the flags, the low
// nibble of the first byte, and the complete body. It allocates nothing but the
// slices of User Properties and Subscription Identifiers, which the next Decode
// uses again.
func (p *Publish) Decode(flags byte, body []byte, v Version) error {
	p.QoS = flags >> 1 & 3
	p.Dup = flags&publishDup != 0
	p.Retain = flags&publishRetain != 0
	p.PacketID = 0
	p.Topic, p.Payload = "", nil
	if p.QoS == 3 {
		return malformed("PUBLISH with QoS 3") // [MQTT-3.3.1-4]
	}
	if p.Dup && p.QoS == 0 {
		return malformed("PUBLISH with DUP and QoS 0") // [MQTT-3.3.1-2]
	}
	topic, n := scanBinary(body)
	if n == 0 {
		return malformed("PUBLISH ends inside its Topic Name")
	}
	if !plainTopic(topic) {
		if err := unusualTopicError(topic); err != nil {
			return err
		}
	}
	p.Topic = view(topic)
	if p.QoS > 0 {
		if len(body) < n+2 {
			return malformed("PUBLISH ends before its Packet Identifier")
		}
		p.PacketID = binary.BigEndian.Uint16(body[n:])
		if p.PacketID == 0 {
			return zeroPacketID(TypePublish)
		}
		n += 2
	}
	if v >= V5 {
		m, err := p.Properties.Decode(body[n:], TypePublish)
		if err != nil {
			return err
		}
		n += m
	} else {
		p.Properties.resetKeep()
	}
	p.Payload = body[n:len(body):len(body)]
	if len(topic) == 0 {
		return p.emptyTopicError(v)
	}
	return nil
}

// unusualTopicError takes the slow way for a topic that plainTopic doubts.
func unusualTopicError(topic []byte) error {
	if !validText(topic) {
		return malformed("Topic Name of PUBLISH is not valid UTF-8") // [MQTT-3.3.2-1]
	}
	if hasWildcard(view(topic)) {
		return malformed("PUBLISH to a Topic Name with a wildcard") // [MQTT-3.3.2-2]
	}
	return nil
}

func (p *Publish) emptyTopicError(v Version) error {
	if v >= V5 && p.Properties.Has(PropTopicAlias) {
		return nil
	}
	return protocolError("PUBLISH without a Topic Name") // [MQTT-4.7.3-1]
}

// Append implements [Packet].
func (p *Publish) Append(dst []byte, v Version) ([]byte, error) {
	set, propsSize, err := p.check(v)
	if err != nil {
		return dst, err
	}
	size := 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		size += 2
	}
	if v >= V5 {
		size += varintSize(propsSize) + propsSize
	}
	if size > maxRemainingLength {
		return dst, tooLong()
	}
	dst = slices.Grow(dst, 5+size)
	dst = AppendHeader(dst, byte(TypePublish)<<4|p.flags(), size)
	dst = appendString(dst, p.Topic)
	if p.QoS > 0 {
		dst = append(dst, byte(p.PacketID>>8), byte(p.PacketID))
	}
	if v >= V5 {
		dst = p.Properties.appendSet(appendVarint(dst, uint32(propsSize)), set)
	}
	return append(dst, p.Payload...), nil
}

// check refuses what cannot be sent and returns the set and the size of the
// properties.
func (p *Publish) check(v Version) (set uint64, propsSize int, err error) {
	switch {
	case p.QoS > 2:
		return 0, 0, malformed("PUBLISH with QoS %d", p.QoS) // [MQTT-3.3.1-4]
	case p.QoS > 0 && p.PacketID == 0:
		return 0, 0, zeroPacketID(TypePublish)
	case p.QoS == 0 && p.Dup:
		return 0, 0, malformed("PUBLISH with DUP and QoS 0") // [MQTT-3.3.1-2]
	case len(p.Topic) > maxString:
		return 0, 0, malformed("Topic Name of %d bytes is too long", len(p.Topic))
	case p.Topic == "":
		err = p.emptyTopicError(v)
	case !plainTopic(bytesOf(p.Topic)):
		err = unusualTopicError(bytesOf(p.Topic))
	}
	if err != nil || v < V5 {
		return 0, 0, err
	}
	if set = p.Properties.present(TypePublish); set != 0 {
		propsSize, err = p.Properties.measure(set, TypePublish)
	}
	return set, propsSize, err
}

func (p *Publish) flags() byte {
	flags := p.QoS << 1
	if p.Dup {
		flags |= publishDup
	}
	if p.Retain {
		flags |= publishRetain
	}
	return flags
}

// Clone returns a copy that shares no memory with p or with the body p was
// decoded from.
func (p *Publish) Clone() *Publish {
	c := *p
	buf := make([]byte, len(p.Topic)+len(p.Payload))
	n := copy(buf, p.Topic)
	copy(buf[n:], p.Payload)
	c.Topic, c.Payload = view(buf[:n]), buf[n:]
	c.Properties = p.Properties.Clone()
	return &c
}
