package mqtt

import (
	"github.com/linnetmq/linnet/packets"
)

// outgoing is everything of a PUBLISH as it leaves to one receiver.
type outgoing struct {
	topic      string
	payload    []byte
	properties []byte // forwarded, encoded
	ids        []uint32
	expiry     uint32
	hasExpiry  bool
	packetID   uint16
	alias      uint16
	qos        byte
	dup        bool
	retain     bool
}

// appendPublish appends the encoding without intermediate packets: the topic,
// payload and properties were checked when the message came in.
func (p *outgoing) append(dst []byte, v packets.Version) []byte {
	size := p.remaining(v)
	first := byte(packets.TypePublish)<<4 | p.qos<<1
	if p.dup {
		first |= 8
	}
	if p.retain {
		first |= 1
	}
	dst = packets.AppendHeader(dst, first, size)
	dst = append(dst, byte(len(p.topic)>>8), byte(len(p.topic)))
	dst = append(dst, p.topic...)
	if p.qos > 0 {
		dst = append(dst, byte(p.packetID>>8), byte(p.packetID))
	}
	if v == packets.V5 {
		dst = p.appendProperties(dst)
	}
	return append(dst, p.payload...)
}

func (p *outgoing) remaining(v packets.Version) int {
	size := 2 + len(p.topic) + len(p.payload)
	if p.qos > 0 {
		size += 2
	}
	if v == packets.V5 {
		n := p.propertiesSize()
		size += varintSize(uint32(n)) + n
	}
	return size
}

func (p *outgoing) propertiesSize() int {
	n := len(p.properties)
	if p.hasExpiry {
		n += 5
	}
	if p.alias != 0 {
		n += 3
	}
	for _, id := range p.ids {
		n += 1 + varintSize(id)
	}
	return n
}

func (p *outgoing) appendProperties(dst []byte) []byte {
	dst = appendVarint(dst, uint32(p.propertiesSize()))
	if p.hasExpiry {
		e := p.expiry
		dst = append(dst, byte(packets.PropMessageExpiryInterval), byte(e>>24), byte(e>>16), byte(e>>8), byte(e))
	}
	if p.alias != 0 {
		dst = append(dst, byte(packets.PropTopicAlias), byte(p.alias>>8), byte(p.alias))
	}
	for _, id := range p.ids {
		dst = appendVarint(append(dst, byte(packets.PropSubscriptionID)), id)
	}
	return append(dst, p.properties...)
}

// size is the whole packet's size in bytes.
func (p *outgoing) size(v packets.Version) int {
	n := p.remaining(v)
	return 1 + varintSize(uint32(n)) + n
}

// packet is the same as a typed packet, for hooks. It shares the slices.
func (p *outgoing) packet() *packets.Publish {
	pk := &packets.Publish{
		Topic: p.topic, Payload: p.payload, QoS: p.qos, Dup: p.dup, Retain: p.retain, PacketID: p.packetID,
	}
	if len(p.properties) > 0 {
		pk.Properties = decodeForwarded(p.properties)
	}
	pk.Properties.SubscriptionIDs = p.ids
	pk.Properties.TopicAlias = p.alias
	if p.hasExpiry {
		pk.Properties.MessageExpiryInterval = p.expiry
		pk.Properties.Set(packets.PropMessageExpiryInterval)
	}
	return pk
}

// appendForwarded appends to dst the properties of a PUBLISH that go on to the
// receivers unaltered [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16]
// [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20], without their length.
func appendForwarded(dst []byte, p packets.Properties, t packets.Type) ([]byte, error) {
	p.Unset(packets.PropMessageExpiryInterval)
	p.Unset(packets.PropTopicAlias)
	p.Unset(packets.PropSubscriptionID)
	p.Unset(packets.PropWillDelayInterval)
	start := len(dst)
	dst, err := p.Append(dst, t)
	if err != nil {
		return dst[:start], err
	}
	skip := 1
	for dst[start+skip-1]&0x80 != 0 {
		skip++
	}
	return append(dst[:start], dst[start+skip:]...), nil
}

// decodeForwarded is the inverse of appendForwarded.
func decodeForwarded(b []byte) packets.Properties {
	var p packets.Properties
	whole := append(appendVarint(make([]byte, 0, len(b)+4), uint32(len(b))), b...)
	if _, err := p.Decode(whole, packets.TypePublish); err != nil {
		return packets.Properties{} // they were encoded by appendForwarded, so this cannot be
	}
	return p
}

func appendVarint(dst []byte, n uint32) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

func varintSize(n uint32) int {
	size := 1
	for n >= 0x80 {
		n >>= 7
		size++
	}
	return size
}
