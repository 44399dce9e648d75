package mqtt

import (
	"time"
	"unsafe"

	"github.com/linnetmq/linnet/packets"
)

// Message is an Application Message that outlives the packet which brought it:
// it is queued, in flight or retained. It is immutable; receivers share it.
type Message struct {
	// Topic is the Topic Name.
	Topic string
	// Payload must not be changed.
	Payload []byte
	// QoS is the publisher's; receivers get it lowered to what was granted.
	QoS byte
	// Retain tells that the publisher set the RETAIN flag.
	Retain bool
	// Origin is the ClientID of the publisher, "" for the server itself.
	Origin string

	// properties are the encoded v5 properties forwarded unchanged, without
	// their length and without expiry, alias and subscription identifiers.
	properties []byte
	// expires is when the message ends, on the server's clock; 0: never.
	expires instant
}

// size is what the message is counted as in queue limits, in bytes.
func (m *Message) size() int64 {
	return int64(len(m.Topic) + len(m.Payload) + len(m.properties) + messageOverhead)
}

// newMessage allocates a Message and an empty slice with room for n bytes, in
// one piece where the bytes are few.
func newMessage(n int) (*Message, []byte) {
	switch {
	case n <= 32:
		return messageWith[[32]byte]()
	case n <= 64:
		return messageWith[[64]byte]()
	case n <= 128:
		return messageWith[[128]byte]()
	case n <= 256:
		return messageWith[[256]byte]()
	case n <= 512:
		return messageWith[[512]byte]()
	}
	return new(Message), make([]byte, 0, n)
}

func messageWith[A [32]byte | [64]byte | [128]byte | [256]byte | [512]byte]() (*Message, []byte) {
	m := new(struct {
		message Message
		bytes   A
	})
	return &m.message, unsafe.Slice((*byte)(unsafe.Pointer(&m.bytes)), len(m.bytes))[:0] //nolint:gosec // an array of a type parameter has no slices
}

// messageOverhead is the fixed cost of a queued message in bytes.
const messageOverhead = 128

func (m *Message) expired(now instant) bool { return m.expires != 0 && now >= m.expires }

// Properties decodes the message's v5 properties; ok is false if it has none.
func (m *Message) Properties() (p packets.Properties, ok bool) {
	if len(m.properties) == 0 {
		return p, false
	}
	return decodeForwarded(m.properties), true
}

// instant is a time on the server's monotonic clock: nanoseconds since the
// server was made. Wall clock jumps do not touch it.
type instant int64

// clock tells the server's time.
type clock struct{ start time.Time }

func newClock() clock { return clock{start: time.Now().Add(-time.Nanosecond)} }

// now is always positive, so that zero can mean "no time".
func (c clock) now() instant { return instant(time.Since(c.start)) }

// after is the instant d from now; a duration beyond the clock's range is "never" (0).
func (c clock) after(d time.Duration) instant { return c.now() + instant(d) }

// at is the instant of a wall clock time, negative if that was before the
// server was made.
func (c clock) at(t time.Time) instant { return c.now() + instant(time.Until(t)) }

// wall is the wall clock time of an instant, by the wall clock as it is now.
func (c clock) wall(at instant) time.Time {
	return time.Now().Add(time.Duration(at - c.now())).Round(0)
}

// secondsLeft is the remaining time in whole seconds, rounded up, at least 0.
func secondsLeft(expires, now instant) uint32 {
	if expires <= now {
		return 0
	}
	return uint32((time.Duration(expires-now) + time.Second - 1) / time.Second)
}
