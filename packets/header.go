package packets

// maxRemainingLength is the largest Remaining Length and the largest Variable
// Byte Integer: 268,435,455.
const maxRemainingLength = 1<<28 - 1

// ScanHeader reads the fixed header at the start of b: its first byte, its
// length n (2 to 5) and the Remaining Length that follows it. n is 0 if b is
// too short to tell. The error is a Malformed Packet: a Remaining Length of
// more than four bytes or of more bytes than it needs [MQTT-1.5.5-1].
func ScanHeader(b []byte) (first byte, n, size int, err error) {
	if len(b) < 2 {
		return 0, 0, 0, nil
	}
	if b[1] < 0x80 {
		return b[0], 2, int(b[1]), nil
	}
	v, m := scanVarint(b[1:])
	if m < 0 {
		return 0, 0, 0, malformed("Remaining Length is longer than allowed")
	}
	if m == 0 {
		return 0, 0, 0, nil
	}
	return b[0], 1 + m, int(v), nil
}

// AppendHeader appends a fixed header to dst. The size, 0 to 268,435,455, is
// the length of what the caller appends next.
func AppendHeader(dst []byte, first byte, size int) []byte {
	return appendVarint(append(dst, first), uint32(size))
}

// CheckFlags refuses a first byte that no version of the protocol allows: the
// reserved type 0, QoS 3, and reserved flags that are not as they must be
// [MQTT-2.1.3-1]. What depends on the version or on more than these flags is
// checked when the packet is decoded.
func CheckFlags(first byte) error {
	t, flags := Type(first>>4), first&0x0F
	switch t {
	case 0:
		return malformed("packet type 0 is reserved")
	case TypePublish:
		if flags&0x06 == 0x06 {
			return malformed("PUBLISH with QoS 3") // [MQTT-3.3.1-4]
		}
		return nil
	default:
		return checkFlags(t, flags, V31)
	}
}

// checkFlags refuses flags a packet of type t, not PUBLISH, must not have in
// version v. MQTT 3.1 lets requests of QoS 1 be repeated with DUP set.
func checkFlags(t Type, flags byte, v Version) error {
	want := byte(0)
	switch t {
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		want = 0x02 // [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
		if v == V31 {
			flags &^= 0x08
		}
	default: // no flag is in use
	}
	if flags != want {
		return malformed("%s with flags 0x%X", t, flags)
	}
	return nil
}
