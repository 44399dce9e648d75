package app

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/linnetmq/linnet/packets"
)

// propertyNames are the words of -D, in the spelling of mosquitto_pub.
var propertyNames = map[string]packets.PropertyID{
	"payload-format-indicator":     packets.PropPayloadFormatIndicator,
	"message-expiry-interval":      packets.PropMessageExpiryInterval,
	"content-type":                 packets.PropContentType,
	"response-topic":               packets.PropResponseTopic,
	"correlation-data":             packets.PropCorrelationData,
	"subscription-identifier":      packets.PropSubscriptionID,
	"session-expiry-interval":      packets.PropSessionExpiryInterval,
	"authentication-method":        packets.PropAuthenticationMethod,
	"authentication-data":          packets.PropAuthenticationData,
	"request-problem-information":  packets.PropRequestProblemInformation,
	"request-response-information": packets.PropRequestResponseInformation,
	"will-delay-interval":          packets.PropWillDelayInterval,
	"receive-maximum":              packets.PropReceiveMaximum,
	"topic-alias-maximum":          packets.PropTopicAliasMaximum,
	"topic-alias":                  packets.PropTopicAlias,
	"maximum-packet-size":          packets.PropMaximumPacketSize,
	"user-property":                packets.PropUser,
}

// propertyPlaces are the packets of -D and their types.
var propertyPlaces = map[string]packets.Type{
	"connect": packets.TypeConnect, "publish": packets.TypePublish, "subscribe": packets.TypeSubscribe,
	"unsubscribe": packets.TypeUnsubscribe, "disconnect": packets.TypeDisconnect, "will": packets.TypeWill,
}

// separator joins the words of one -D; no argument of a process can contain it.
const separator = "\x00"

// joinProperties makes the three or four words behind -D one, which pflag can
// read.
func joinProperties(flags *pflag.FlagSet, args []string) ([]string, error) {
	var out []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--":
			return append(out, args[i:]...), nil
		case args[i] != "-D" && args[i] != "--property":
			out = append(out, args[i])
			if takesWord(flags, args[i]) && i+1 < len(args) {
				i++
				out = append(out, args[i])
			}
			continue
		}
		words := 3
		if i+2 < len(args) && args[i+2] == "user-property" {
			words = 4
		}
		if i+words >= len(args) {
			return nil, usagef("flag -D needs a packet, a property and its value: -D publish content-type text/plain")
		}
		out = append(out, "--property="+strings.Join(args[i+1:i+1+words], separator))
		i += words
	}
	return out, nil
}

// takesWord reports whether the word behind a flag is its value.
func takesWord(flags *pflag.FlagSet, arg string) bool {
	name, long := strings.CutPrefix(arg, "--")
	switch {
	case long:
		f := flags.Lookup(name)
		return f != nil && f.NoOptDefVal == ""
	case len(arg) < 2 || arg[0] != '-':
		return false
	}
	for i := 1; i < len(arg); i++ { // -vt: the last letter counts, unless one before takes the rest
		f := flags.ShorthandLookup(arg[i : i+1])
		if f == nil {
			return false
		}
		if f.NoOptDefVal == "" {
			return i == len(arg)-1
		}
	}
	return false
}

// applyProperties sets those of the -D properties that are for one packet.
func applyProperties(all []string, place string, p *packets.Properties, v packets.Version) error {
	for _, joined := range all {
		words := strings.Split(joined, separator)
		t, ok := propertyPlaces[words[0]]
		if !ok || len(words) < 3 {
			return usagef("flag -D: %q: use connect, publish, subscribe, unsubscribe, disconnect or will, then the property and its value", words[0])
		}
		id, ok := propertyNames[words[1]]
		if !ok {
			return usagef("flag -D: there is no property %q", words[1])
		}
		if v != packets.V5 {
			return usagef("flag -D needs MQTT 5 (-V 5)")
		}
		if words[0] != place {
			continue
		}
		if err := setProperty(p, id, words[2:]); err != nil {
			return usagef("flag -D: %s %s: %w", words[0], words[1], err)
		}
		if _, err := p.Append(nil, t); err != nil {
			return usagef("flag -D: %s %s: %w", words[0], words[1], err)
		}
		if !allowedIn(id, t) {
			return usagef("flag -D: %s has no property %s", words[0], words[1])
		}
	}
	return nil
}

// allowedIn reports whether a packet may carry a property.
func allowedIn(id packets.PropertyID, t packets.Type) bool {
	var p packets.Properties
	if setProperty(&p, id, []string{"1", "1"}) != nil {
		return false
	}
	return !p.Empty(t)
}

// setProperty sets one property to a value in words.
func setProperty(p *packets.Properties, id packets.PropertyID, words []string) (err error) {
	value := words[0]
	p.Set(id)
	switch id {
	case packets.PropUser:
		p.User = append(p.User, packets.UserProperty{Key: value, Value: words[1]})
	case packets.PropContentType:
		p.ContentType = value
	case packets.PropResponseTopic:
		p.ResponseTopic = value
	case packets.PropCorrelationData:
		p.CorrelationData = []byte(value)
	case packets.PropAuthenticationMethod:
		p.AuthenticationMethod = value
	case packets.PropAuthenticationData:
		p.AuthenticationData = []byte(value)
	case packets.PropSubscriptionID:
		var n uint64
		n, err = number(value, 28)
		p.SubscriptionIDs = append(p.SubscriptionIDs, uint32(n))
	default:
		err = setNumber(p, id, value)
	}
	return err
}

func setNumber(p *packets.Properties, id packets.PropertyID, value string) error {
	bits := 8
	switch id {
	case packets.PropMessageExpiryInterval, packets.PropSessionExpiryInterval, packets.PropWillDelayInterval, packets.PropMaximumPacketSize:
		bits = 32
	case packets.PropReceiveMaximum, packets.PropTopicAliasMaximum, packets.PropTopicAlias:
		bits = 16
	default: // the others that are numbers are bytes
	}
	n, err := number(value, bits)
	if err != nil {
		return err
	}
	switch id {
	case packets.PropPayloadFormatIndicator:
		p.PayloadFormatIndicator = byte(n)
	case packets.PropRequestProblemInformation:
		p.RequestProblemInformation = byte(n)
	case packets.PropRequestResponseInformation:
		p.RequestResponseInformation = byte(n)
	case packets.PropMessageExpiryInterval:
		p.MessageExpiryInterval = uint32(n)
	case packets.PropSessionExpiryInterval:
		p.SessionExpiryInterval = uint32(n)
	case packets.PropWillDelayInterval:
		p.WillDelayInterval = uint32(n)
	case packets.PropMaximumPacketSize:
		p.MaximumPacketSize = uint32(n)
	case packets.PropReceiveMaximum:
		p.ReceiveMaximum = uint16(n)
	case packets.PropTopicAliasMaximum:
		p.TopicAliasMaximum = uint16(n)
	case packets.PropTopicAlias:
		p.TopicAlias = uint16(n)
	default: // only a server sends it, no flag names it
	}
	return nil
}

func number(value string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(value, 10, bits)
	if err != nil {
		return 0, usagef("%q: use a number from 0 to %d", value, uint64(1)<<bits-1)
	}
	return n, nil
}

// unusedPlaces refuses properties for packets that a command never sends.
func unusedPlaces(all []string, used ...string) error {
	for _, joined := range all {
		if place, _, _ := strings.Cut(joined, separator); !slices.Contains(used, place) {
			return usagef("flag -D: this command sets no properties of %q; it sets those of %s", place, strings.Join(used, ", "))
		}
	}
	return nil
}
