package mqtt

import "github.com/linnetmq/linnet/packets"

// encode appends a packet's encoding to dst. Where the packet would exceed the
// client's Maximum Packet Size, what only explains it is left out: its User
// Properties if that is enough, else its Reason String, else both
// [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2]
// [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2]
// [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4]
// [MQTT-3.15.2-2] [MQTT-3.15.2-3].
func (c *Client) encode(dst []byte, pk packets.Packet) ([]byte, error) {
	b, err := pk.Append(dst, c.version)
	p := explanation(pk)
	if err != nil || p == nil || !c.exceeds(b) {
		return b, err
	}
	reason, user := p.ReasonString, p.User
	for _, try := range []struct {
		reason string
		user   []packets.UserProperty
	}{{reason, nil}, {"", user}, {"", nil}} {
		p.ReasonString, p.User = try.reason, try.user
		if b, err = pk.Append(dst, c.version); err != nil || !c.exceeds(b) {
			break
		}
	}
	return b, err
}

// exceeds tells that an encoded packet is larger than the client accepts.
func (c *Client) exceeds(b []byte) bool {
	return c.maximumPacketSize > 0 && len(b) > int(c.maximumPacketSize)
}

// explanation returns the properties of a packet whose Reason String and User
// Properties are for information only; nil for one that has none such.
func explanation(pk packets.Packet) *packets.Properties {
	switch pk := pk.(type) {
	case *packets.Connack:
		return &pk.Properties
	case *packets.Puback:
		return &pk.Properties
	case *packets.Pubrec:
		return &pk.Properties
	case *packets.Pubrel:
		return &pk.Properties
	case *packets.Pubcomp:
		return &pk.Properties
	case *packets.Suback:
		return &pk.Properties
	case *packets.Unsuback:
		return &pk.Properties
	case *packets.Disconnect:
		return &pk.Properties
	case *packets.Auth:
		return &pk.Properties
	}
	return nil
}
