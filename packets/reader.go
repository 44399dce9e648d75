package packets

import "io"

// Reader reads control packets from a byte stream.
type Reader struct {
	r       io.Reader
	max     uint32
	version Version
}

// NewReader returns a Reader that reads from r and refuses packets of more
// than maxPacketSize bytes, fixed header included; 0 means no such limit. It
// reads MQTT 3.1.1 until told otherwise by SetVersion or by a CONNECT.
func NewReader(r io.Reader, maxPacketSize uint32) *Reader {
	return &Reader{r: r, max: maxPacketSize, version: V311}
}

// SetVersion sets the protocol version of the packets that follow.
func (r *Reader) SetVersion(v Version) { r.version = v }

// ReadPacket reads the next packet.
func (r *Reader) ReadPacket() (Packet, error) { return nil, ErrImplementationSpecific }
