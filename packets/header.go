package packets

// maxRemainingLength is the largest Remaining Length and the largest Variable
// Byte Integer: 268,435,455.
const maxRemainingLength = 1<<28 - 1

// ScanHeader reads the fixed header at the start of b: its first byte, its
// length n (2 to 5) and the Remaining Length that follows it. n is 0 if b is
// too short to tell. The error is a Malformed Packet: a Remaining Length of
// more than four bytes.
func ScanHeader(b []byte) (first byte, n, size int, err error) {
	return 0, 0, 0, ErrImplementationSpecific
}

// AppendHeader appends a fixed header to dst. size is 0 to 268,435,455.
func AppendHeader(dst []byte, first byte, size int) []byte {
	return dst
}

// CheckFlags refuses a first byte that no version of the protocol allows: the
// reserved type 0, and reserved flags that are not as they must be. What
// depends on the version is checked when the packet is decoded.
func CheckFlags(first byte) error {
	return nil
}
