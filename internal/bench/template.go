package bench

import (
	"github.com/linnetmq/linnet/packets"
)

// template is an encoded PUBLISH of which only the packet identifier and the
// stamp change from message to message.
type template struct {
	bytes   []byte
	id      int // where the packet identifier is; 0 if there is none
	payload int
}

func newTemplate(topic string, qos byte, retain bool, filler []byte, v packets.Version) (template, error) {
	pk := packets.Publish{Topic: topic, QoS: qos, Retain: retain, Payload: append(make([]byte, stampSize), filler...)}
	if qos > 0 {
		pk.PacketID = 1
	}
	b, err := pk.Append(nil, v)
	if err != nil {
		return template{}, err
	}
	t := template{bytes: b, payload: len(b) - len(pk.Payload)}
	if qos > 0 {
		_, n, _, err := packets.ScanHeader(b)
		if err != nil {
			return template{}, err
		}
		t.id = n + 2 + len(topic)
	}
	return t, nil
}

// append appends the message with a packet identifier and a stamp.
func (t *template) append(dst []byte, id uint16, s stamp, tag uint64) []byte {
	start := len(dst)
	dst = append(dst, t.bytes...)
	if t.id > 0 {
		dst[start+t.id], dst[start+t.id+1] = byte(id>>8), byte(id)
	}
	s.put(dst[start+t.payload:], tag)
	return dst
}
