package packets

// packetWriter appends one control packet to a slice. After the first error it
// writes on, and finish gives the error and the slice as it was.
type packetWriter struct {
	dst   []byte // as the caller gave it
	b     []byte
	start int
	err   error
}

// beginPacket appends the first byte and keeps room for a short Remaining Length.
func beginPacket(dst []byte, t Type, flags byte) packetWriter {
	return packetWriter{dst: dst, b: append(dst, byte(t)<<4|flags, 0), start: len(dst)}
}

func (w *packetWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *packetWriter) byte(b byte)     { w.b = append(w.b, b) }
func (w *packetWriter) uint16(v uint16) { w.b = append(w.b, byte(v>>8), byte(v)) }

func (w *packetWriter) text(s, what string) {
	if err := textError(s, what); err != nil {
		w.fail(err)
		return
	}
	w.b = appendString(w.b, s)
}

func (w *packetWriter) binary(b []byte, what string) {
	if err := binaryError(b, what); err != nil {
		w.fail(err)
		return
	}
	w.b = appendBinary(w.b, b)
}

func (w *packetWriter) packetID(id uint16, t Type) {
	if id == 0 {
		w.fail(zeroPacketID(t))
	}
	w.uint16(id)
}

func (w *packetWriter) code(c Code, t Type) {
	c = c.For(t)
	if !c.AllowedIn(t) {
		w.fail(codeNotAllowed(c, t))
	}
	w.byte(byte(c))
}

func (w *packetWriter) properties(p *Properties, t Type) {
	b, err := p.Append(w.b, t)
	if err != nil {
		w.fail(err)
		return
	}
	w.b = b
}

// finish writes the Remaining Length; one of more than a byte moves the body.
func (w *packetWriter) finish() ([]byte, error) {
	if w.err != nil {
		return w.dst, w.err
	}
	size := len(w.b) - w.start - 2
	if size < 0x80 {
		w.b[w.start+1] = byte(size)
		return w.b, nil
	}
	if size > maxRemainingLength {
		return w.dst, tooLong()
	}
	extra := varintSize(size) - 1
	w.b = append(w.b, "\x00\x00\x00"[:extra]...)
	copy(w.b[w.start+2+extra:], w.b[w.start+2:w.start+2+size])
	appendVarint(w.b[:w.start+1], uint32(size)) // in place: the room is there
	return w.b, nil
}

func tooLong() error {
	return &Error{Code: ErrPacketTooLarge, Detail: "Remaining Length over 268,435,455"}
}
