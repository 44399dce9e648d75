package packets

import "strconv"

// Version is the protocol level of a connection as CONNECT states it.
type Version byte

// The protocol levels this package speaks.
const (
	V31  Version = 3 // MQTT 3.1, protocol name "MQIsdp"
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

// String returns the version as people write it, "3.1.1".
func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return "Version(" + strconv.Itoa(int(v)) + ")"
}

// QoS is a Quality of Service: 0, 1 or 2.
type QoS = byte

// Type is the type of a control packet, the high nibble of its first byte.
type Type byte

// The control packet types, and TypeWill, which is no packet: it names the
// place of the Will Properties inside CONNECT for [Properties].
const (
	TypeConnect     Type = 1
	TypeConnack     Type = 2
	TypePublish     Type = 3
	TypePuback      Type = 4
	TypePubrec      Type = 5
	TypePubrel      Type = 6
	TypePubcomp     Type = 7
	TypeSubscribe   Type = 8
	TypeSuback      Type = 9
	TypeUnsubscribe Type = 10
	TypeUnsuback    Type = 11
	TypePingreq     Type = 12
	TypePingresp    Type = 13
	TypeDisconnect  Type = 14
	TypeAuth        Type = 15
	TypeWill        Type = 16
)

var typeNames = [...]string{
	TypeConnect: "CONNECT", TypeConnack: "CONNACK", TypePublish: "PUBLISH",
	TypePuback: "PUBACK", TypePubrec: "PUBREC", TypePubrel: "PUBREL", TypePubcomp: "PUBCOMP",
	TypeSubscribe: "SUBSCRIBE", TypeSuback: "SUBACK",
	TypeUnsubscribe: "UNSUBSCRIBE", TypeUnsuback: "UNSUBACK",
	TypePingreq: "PINGREQ", TypePingresp: "PINGRESP",
	TypeDisconnect: "DISCONNECT", TypeAuth: "AUTH", TypeWill: "WILL",
}

// String returns the name of the packet as the specification writes it, "CONNECT".
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// Packet is a control packet of any type.
type Packet interface {
	// Type returns the packet's type.
	Type() Type
	// Append appends the packet's encoding for protocol version v to dst and
	// returns the extended slice. A packet that cannot be encoded (a string
	// over 65,535 bytes or not UTF-8, a packet over 268,435,455 bytes, a value
	// the specification forbids) gives an error and dst unchanged.
	Append(dst []byte, v Version) ([]byte, error)
}

// decoder is what every control packet of this package does beside [Packet].
type decoder interface {
	Packet
	Decode(flags byte, body []byte, v Version) error
}

// Decode decodes one control packet. The first byte is that of the fixed
// header, body is exactly Remaining Length bytes. A *Publish it returns is a
// view of body; other packets keep no reference to it. The error is a [Code]
// or an [*Error].
func Decode(first byte, body []byte, v Version) (Packet, error) {
	p := newPacket(Type(first >> 4))
	if p == nil {
		return nil, malformed("packet type 0 is reserved")
	}
	if err := p.Decode(first&0x0F, body, v); err != nil {
		return nil, err
	}
	return p, nil
}

func newPacket(t Type) decoder {
	switch t {
	case TypeConnect:
		return new(Connect)
	case TypeConnack:
		return new(Connack)
	case TypePublish:
		return new(Publish)
	case TypePuback:
		return new(Puback)
	case TypePubrec:
		return new(Pubrec)
	case TypePubrel:
		return new(Pubrel)
	case TypePubcomp:
		return new(Pubcomp)
	case TypeSubscribe:
		return new(Subscribe)
	case TypeSuback:
		return new(Suback)
	case TypeUnsubscribe:
		return new(Unsubscribe)
	case TypeUnsuback:
		return new(Unsuback)
	case TypePingreq:
		return new(Pingreq)
	case TypePingresp:
		return new(Pingresp)
	case TypeDisconnect:
		return new(Disconnect)
	case TypeAuth:
		return new(Auth)
	default:
		return nil
	}
}
