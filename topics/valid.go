package topics

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxBytes is the longest UTF-8 Encoded String of the protocol.
const maxBytes = 65535

// sharePrefix begins the Topic Filter of a Shared Subscription.
const sharePrefix = "$share/"

// What ValidName and ValidFilter refuse. The values are made once, so that
// refusing costs an attacker's packet no allocation.
var (
	errEmpty        = errors.New("topic is empty")
	errTooLong      = errors.New("topic is longer than 65535 bytes")
	errUTF8         = errors.New("topic is not well-formed UTF-8")
	errNull         = errors.New("topic contains the null character U+0000")
	errNameWildcard = errors.New("topic name contains a wildcard character ('+' or '#')")
	errPlus         = errors.New("'+' does not occupy an entire level of the topic filter")
	errHash         = errors.New("'#' does not occupy an entire level of the topic filter")
	errHashNotLast  = errors.New("'#' is not the last level of the topic filter")
	errShareName    = errors.New("share name after $share/ is empty")
	errShareWild    = errors.New("share name contains a wildcard character ('+' or '#')")
	errShareFilter  = errors.New("no topic filter follows the share name")
	errShareNested  = errors.New("$share/ inside a shared subscription")
)

// ValidName returns nil if topic may stand as Topic Name in a PUBLISH or a
// Will, otherwise an error that says in plain words what is wrong.
func ValidName(topic string) error {
	if err := validString(topic); err != nil {
		return err
	}
	if strings.ContainsAny(topic, "+#") {
		return errNameWildcard // [MQTT-4.7.0-1] [MQTT311-4.7.1-1]
	}
	return nil
}

// ValidFilter returns nil if filter may stand as Topic Filter in a SUBSCRIBE
// or UNSUBSCRIBE, with or without a $share prefix, otherwise an error that
// says in plain words what is wrong.
func ValidFilter(filter string) error {
	if err := validString(filter); err != nil {
		return err
	}
	if rest, shared := strings.CutPrefix(filter, sharePrefix); shared {
		return validShared(rest)
	}
	return validLevels(filter)
}

// validString checks what names and filters have in common.
func validString(s string) error {
	switch {
	case s == "":
		return errEmpty // [MQTT-4.7.3-1]
	case len(s) > maxBytes:
		return errTooLong // [MQTT-4.7.3-3]
	case strings.IndexByte(s, 0) >= 0:
		return errNull // [MQTT-4.7.3-2]
	case !utf8.ValidString(s):
		return errUTF8 // [MQTT-1.5.4-1] [MQTT311-1.5.3-1]
	}
	return nil
}

// validShared checks what follows "$share/".
func validShared(rest string) error {
	name, filter, found := strings.Cut(rest, "/")
	switch {
	case name == "":
		return errShareName // [MQTT-4.8.2-1]
	case strings.ContainsAny(name, "+#"):
		return errShareWild // [MQTT-4.8.2-2]
	case !found || filter == "":
		return errShareFilter // [MQTT-4.8.2-2]
	case strings.HasPrefix(filter, sharePrefix):
		// The remainder has the syntax of a filter of a subscription that
		// is not shared, and no such filter begins with $share/.
		return errShareNested
	}
	return validLevels(filter)
}

// validLevels checks the positions of the wildcard characters.
func validLevels(filter string) error {
	for pos := 0; pos <= len(filter); {
		end := levelEnd(filter, pos)
		level := filter[pos:end]
		switch {
		case len(level) > 1 && strings.IndexByte(level, '#') >= 0:
			return errHash // [MQTT-4.7.1-1] [MQTT311-4.7.1-2]
		case len(level) > 1 && strings.IndexByte(level, '+') >= 0:
			return errPlus // [MQTT-4.7.1-2] [MQTT311-4.7.1-3]
		case level == "#" && end != len(filter):
			return errHashNotLast // [MQTT-4.7.1-1] [MQTT311-4.7.1-2]
		}
		pos = end + 1
	}
	return nil
}
