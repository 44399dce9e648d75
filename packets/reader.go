package packets

import (
	"errors"
	"io"
)

// readerChunk is the most a Reader asks for at once while it does not know how
// much is coming.
const readerChunk = 4096

// Reader reads control packets from a byte stream. It is for one goroutine.
type Reader struct {
	r       io.Reader
	max     uint32
	version Version
	buf     []byte // read and not yet consumed: buf[from:]
	from    int
	err     error // of r, told after the bytes it came with
}

// NewReader returns a Reader that reads from r and refuses packets of more
// than maxPacketSize bytes, fixed header included; 0 means no such limit. It
// reads MQTT 3.1.1 until told otherwise by SetVersion or by a CONNECT.
func NewReader(r io.Reader, maxPacketSize uint32) *Reader {
	return &Reader{r: r, max: maxPacketSize, version: V311}
}

// SetVersion sets the protocol version of the packets that follow.
func (r *Reader) SetVersion(v Version) { r.version = v }

// ReadPacket reads the next packet. The caller owns it, also a *Publish and the
// memory it views. The error is io.EOF if the stream ends between two packets,
// io.ErrUnexpectedEOF if it ends within one, ErrPacketTooLarge before a packet
// over the limit is read, what Decode says, or that of the stream. A stream
// that timed out between two packets may be read on; after any other error the
// position is undefined.
func (r *Reader) ReadPacket() (Packet, error) {
	first, n, size, err := r.header()
	if err != nil {
		return nil, err
	}
	if r.max > 0 && uint64(n)+uint64(size) > uint64(r.max) {
		return nil, &Error{Code: ErrPacketTooLarge, Detail: Type(first>>4).String() + " over the Maximum Packet Size"}
	}
	r.from += n
	body, err := r.body(size, Type(first>>4) == TypePublish)
	if err != nil {
		return nil, err
	}
	p, err := Decode(first, body, r.version)
	if err != nil {
		return nil, err
	}
	if c, ok := p.(*Connect); ok {
		r.version = c.Version
	}
	return p, nil
}

// header scans the fixed header at the start of the buffer, reading as needed.
func (r *Reader) header() (first byte, n, size int, err error) {
	for {
		if r.from < len(r.buf) {
			if err := CheckFlags(r.buf[r.from]); err != nil {
				return 0, 0, 0, err
			}
		}
		first, n, size, err = ScanHeader(r.buf[r.from:])
		if n > 0 || err != nil {
			return first, n, size, err
		}
		if err := r.fill(); err != nil {
			return 0, 0, 0, r.atEnd(err, r.from < len(r.buf))
		}
	}
}

// body returns the next size bytes: a part of the buffer, valid until the next
// read, or memory of their own if the caller wants to own them.
func (r *Reader) body(size int, own bool) ([]byte, error) {
	if !own && size <= readerChunk {
		for len(r.buf)-r.from < size {
			if err := r.fill(); err != nil {
				return nil, r.atEnd(err, true)
			}
		}
		b := r.buf[r.from : r.from+size]
		r.from += size
		return b, nil
	}
	return r.ownBody(size)
}

// ownBody reads size bytes into new memory, which grows with what has come and
// not with what was announced.
func (r *Reader) ownBody(size int) ([]byte, error) {
	b := make([]byte, 0, min(size, max(readerChunk, len(r.buf)-r.from)))
	n := min(size, len(r.buf)-r.from)
	b = append(b, r.buf[r.from:r.from+n]...)
	r.from += n
	for idle := 0; len(b) < size; {
		if err := r.takeErr(); err != nil {
			return nil, r.atEnd(err, true)
		}
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(size, 2*cap(b)))
			copy(grown, b)
			b = grown
		}
		n, err := r.r.Read(b[len(b):cap(b)])
		b, r.err = b[:len(b)+n], err
		if idle++; n > 0 {
			idle = 0
		}
		if idle == maxEmptyReads {
			return nil, io.ErrNoProgress
		}
	}
	return b, nil
}

// maxEmptyReads is how often a stream may return nothing and no error.
const maxEmptyReads = 100

// fill reads once into the buffer. It returns nil only if bytes were added.
func (r *Reader) fill() error {
	if r.from == len(r.buf) {
		r.buf, r.from = r.buf[:0], 0
	}
	if r.from > 0 && cap(r.buf)-len(r.buf) < readerChunk {
		r.buf, r.from = r.buf[:copy(r.buf, r.buf[r.from:])], 0
	}
	if cap(r.buf)-len(r.buf) == 0 {
		r.buf = append(make([]byte, 0, 2*readerChunk), r.buf...)
	}
	for range maxEmptyReads {
		if err := r.takeErr(); err != nil {
			return err
		}
		n, err := r.r.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf, r.err = r.buf[:len(r.buf)+n], err
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// takeErr returns the error that came with the last bytes, once.
func (r *Reader) takeErr() error {
	err := r.err
	r.err = nil
	return err
}

// atEnd turns the end of the stream inside a packet into ErrUnexpectedEOF.
func (r *Reader) atEnd(err error, inside bool) error {
	if inside && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
