package mqtt

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/linnetmq/linnet/packets"
)

// ErrServerClosed is returned by methods of a server that was shut down.
var ErrServerClosed = errors.New("mqtt: server closed")

// protocolErrorf makes an error with a Reason Code for the peer, and the plain
// words that it and the operator read.
func protocolErrorf(code packets.Code, format string, args ...any) error {
	return &packets.Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// codeFor is the one place where an error becomes a Reason Code: its own if it
// carries one, else 0x83.
func codeFor(err error) packets.Code {
	if code, ok := errors.AsType[packets.Code](err); ok {
		return code
	}
	return packets.ErrImplementationSpecific
}

// withCode gives an error of the server's own workings, such as a hook's, the
// Reason Code that the client is told.
func withCode(err error) error {
	if _, ok := errors.AsType[packets.Code](err); ok {
		return err
	}
	return fmt.Errorf("%w: %w", codeFor(err), err)
}

// reasonString is what a peer is told about an error: the detail of a protocol
// error, or the words of its Reason Code. Errors of the server's own workings
// leak nothing.
func reasonString(err error) string {
	if pe, ok := errors.AsType[*packets.Error](err); ok && pe.Detail != "" {
		return clipped(pe.Detail)
	}
	return codeFor(err).Error()
}

// maximumReason bounds Reason Strings in bytes: a client's own words, such as
// the filters it is refused, may be in them.
const maximumReason = 1000

// clipped is the beginning of a long text.
func clipped(text string) string {
	if len(text) <= maximumReason {
		return text
	}
	end := maximumReason
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
