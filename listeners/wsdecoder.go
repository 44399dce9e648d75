package listeners

import (
	"bytes"

	"github.com/gobwas/ws"
)

// wsDecoder takes frames out of raw bytes in any fragmentation. A data frame is
// never collected, whatever length it declares: its payload goes through as it
// comes. It belongs to the reader.
type wsDecoder struct {
	state ws.State

	head   [ws.MaxHeaderSize]byte // header bytes of the next frame so far
	have   int                    // how many
	parser bytes.Reader           // over head
	spare  [ws.MaxHeaderSize]byte // the parser's scratch space

	frame   ws.Header
	inside  bool   // frame is the current one, its payload not complete
	left    int64  // payload bytes to come
	offset  int    // position in the mask
	control []byte // payload of a control frame, at most 125 bytes
}

func newWSDecoder() wsDecoder { return wsDecoder{state: ws.StateServerSide} }

// next decodes buf from index r on and moves payload of data frames to index w,
// which is never beyond r. It stops behind a complete control frame, which is
// then in d.frame and d.control, or at the end of buf, and returns the new r and w.
func (d *wsDecoder) next(buf []byte, r, w int) (_, _ int, control bool, err error) {
	for r < len(buf) {
		if !d.inside {
			n, err := d.readHeader(buf[r:])
			if r += n; err != nil {
				return r, w, false, err
			}
			if !d.inside {
				break
			}
		}
		n := int(min(d.left, int64(len(buf)-r)))
		if d.frame.OpCode.IsControl() {
			d.control = append(d.control, buf[r:r+n]...)
			ws.Cipher(d.control[len(d.control)-n:], d.frame.Mask, d.offset)
		} else {
			copy(buf[w:], buf[r:r+n])
			ws.Cipher(buf[w:w+n], d.frame.Mask, d.offset)
			w += n
		}
		r += n
		d.left -= int64(n)
		d.offset = (d.offset + n) % len(d.frame.Mask)
		d.inside = d.left > 0
		if !d.inside && d.frame.OpCode.IsControl() {
			return r, w, true, nil
		}
	}
	return r, w, false, nil
}

// readHeader takes header bytes from b and returns how many it took. When the
// header is complete and right, the decoder is inside the frame.
func (d *wsDecoder) readHeader(b []byte) (n int, err error) {
	for {
		need := d.headerSize() - d.have
		if need == 0 {
			break
		}
		took := copy(d.head[d.have:d.have+need], b[n:])
		n, d.have = n+took, d.have+took
		if took < need {
			return n, nil
		}
	}
	d.parser.Reset(d.head[:d.have])
	d.have = 0
	frame, err := ws.ReadHeaderBuffer(&d.parser, d.spare[:])
	if err != nil {
		return n, &wsError{ws.StatusProtocolError, err.Error()}
	}
	return n, d.begin(frame)
}

// headerSize returns how long the header in head is, 2 as long as that is not known.
func (d *wsDecoder) headerSize() int {
	const masked, length = 0x80, 0x7f
	size := ws.MinHeaderSize
	if d.have < size {
		return size
	}
	switch d.head[1] & length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if d.head[1]&masked != 0 {
		size += 4
	}
	return size
}

// begin checks a header and makes its frame the current one.
func (d *wsDecoder) begin(frame ws.Header) error {
	if err := ws.CheckHeader(frame, d.state); err != nil {
		return &wsError{ws.StatusProtocolError, err.Error()}
	}
	if frame.OpCode == ws.OpText {
		return errTextFrame
	}
	if frame.OpCode.IsControl() {
		d.control = d.control[:0]
	} else if frame.Fin {
		d.state = d.state.Clear(ws.StateFragmented)
	} else {
		d.state = d.state.Set(ws.StateFragmented)
	}
	d.frame, d.inside, d.left, d.offset = frame, true, frame.Length, 0
	return nil
}
