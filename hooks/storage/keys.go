package storage

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// The first byte of a key tells what its record is. Numbers in keys are eight
// bytes, the highest first, so that keys sort as the numbers do.
const (
	prefixBody         = 'm' // body
	prefixReceivers    = 'w' // body: who needs it
	prefixReference    = 'q' // session, place
	prefixSession      = 's' // session
	prefixSubscription = 'u' // session, filter
	prefixReceived     = 'i' // session, packet identifier in two bytes
	prefixRetained     = 'r' // topic
	prefixDeleted      = 'd' // session whose queue is still to be removed
	prefixVersion      = 'v'
	prefixTotals       = 't'
	prefixSessions     = 'n' // no session has had this number or a higher one
)

var (
	keyVersion  = []byte{prefixVersion}
	keyTotals   = []byte{prefixTotals}
	keySessions = []byte{prefixSessions}
)

// longText is the length from which a text stands in a key as its hash. Zero,
// which no topic and no filter contains, marks the hash.
const longText = 16 << 10

func appendNumberKey(dst []byte, prefix byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefix), n)
}

func appendReferenceKey(dst []byte, session, place uint64) []byte {
	return binary.BigEndian.AppendUint64(appendNumberKey(dst, prefixReference, session), place)
}

func appendReceivedKey(dst []byte, session uint64, packetID uint16) []byte {
	return binary.BigEndian.AppendUint16(appendNumberKey(dst, prefixReceived, session), packetID)
}

func appendSubscriptionKey(dst []byte, session uint64, filter string) []byte {
	return appendText(appendNumberKey(dst, prefixSubscription, session), filter)
}

func appendRetainedKey(dst []byte, topic string) []byte {
	return appendText(append(dst, prefixRetained), topic)
}

func appendText(dst []byte, text string) []byte {
	if len(text) < longText {
		return append(dst, text...)
	}
	sum := sha256.Sum256([]byte(text))
	return append(append(dst, 0), sum[:]...)
}

// appendEnd appends the first key behind all of a session's under a prefix.
func appendEnd(dst []byte, prefix byte, session uint64) []byte {
	start := len(dst)
	dst = appendNumberKey(dst, prefix, session)
	for i := len(dst) - 1; i >= start; i-- {
		dst[i]++
		if dst[i] != 0 {
			return dst[:i+1]
		}
	}
	return dst // not reached: no prefix is 0xff
}

// numberIn returns the number behind the prefix of a key; it has at least nine
// bytes.
func numberIn(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

const (
	numberKeySize    = 1 + 8
	receivedKeySize  = numberKeySize + 2
	referenceKeySize = numberKeySize + 8
)

// packetIDIn returns the packet identifier in the key of prefixReceived.
func packetIDIn(key []byte) uint16 { return binary.BigEndian.Uint16(key[numberKeySize:]) }

func prefixRange(prefix byte) (from, to []byte) {
	from = []byte{prefix}
	return from, kv.PrefixEnd(from)
}
