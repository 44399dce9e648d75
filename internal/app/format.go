package app

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linnetmq/linnet/packets"
)

const formatHelp = `%t topic, %p payload, %q QoS, %r retain flag, %m packet
identifier, %d dup flag, %l length, %x %X payload in hex, %I local time, %U unix
time, %j JSON, %J JSON whose payload is JSON; of MQTT 5 %A topic alias, %C content
type, %D correlation data, %E expiry interval, %F payload format, %R response
topic, %S subscription identifiers, %P user properties; %% is %, \n \t \r \a \e \0 \\.`

// format is a parsed -F: pieces that are written one after another.
type format []piece

// piece writes one part of a line.
type piece func(out *bufio.Writer, pk *packets.Publish, now time.Time)

// write writes a message. The writer keeps the error.
func (f format) write(out *bufio.Writer, pk *packets.Publish, now time.Time) {
	for _, p := range f {
		p(out, pk, now)
	}
}

// formatter is the format of -F, or what -v and its absence mean.
func (f *subFlags) formatter(_ packets.Version) (format, error) {
	switch {
	case f.format != "":
		return parseFormat(f.format)
	case f.verbose:
		return parseFormat("%t %p")
	}
	return parseFormat("%p")
}

// parseFormat reads the language of -F.
func parseFormat(s string) (format, error) {
	var out format
	for s != "" {
		i := strings.IndexAny(s, `%\`)
		if i < 0 {
			i = len(s)
		}
		if i > 0 {
			out = append(out, literal(s[:i]))
			s = s[i:]
			continue
		}
		if len(s) < 2 {
			return nil, usagef("flag -F: a single %q at the end; write it twice for one", s)
		}
		table, kind := verbs, "%"
		if s[0] == '\\' {
			table, kind = escapes, `\`
		}
		p := table[s[1]]
		if p == nil {
			return nil, usagef("flag -F: %s%c is unknown; known are %s", kind, s[1], formatHelp)
		}
		out = append(out, p)
		s = s[2:]
	}
	return out, nil
}

func literal(s string) piece {
	return func(out *bufio.Writer, _ *packets.Publish, _ time.Time) { _, _ = out.WriteString(s) } // Flush tells about errors
}

// text makes a piece of a function of the message.
func text(f func(pk *packets.Publish) string) piece {
	return func(out *bufio.Writer, pk *packets.Publish, _ time.Time) { _, _ = out.WriteString(f(pk)) } // Flush tells about errors
}

var escapes = map[byte]piece{
	'n': literal("\n"), 't': literal("\t"), 'r': literal("\r"), 'a': literal("\a"), 'e': literal("\033"),
	'0': literal("\000"), '\\': literal(`\`),
}

var verbs = map[byte]piece{
	'%': literal("%"),
	't': text(func(pk *packets.Publish) string { return pk.Topic }),
	'p': text(func(pk *packets.Publish) string { return string(pk.Payload) }),
	'q': text(func(pk *packets.Publish) string { return strconv.Itoa(int(pk.QoS)) }),
	'r': text(func(pk *packets.Publish) string { return zeroOne(pk.Retain) }),
	'd': text(func(pk *packets.Publish) string { return zeroOne(pk.Dup) }),
	'm': text(func(pk *packets.Publish) string { return strconv.Itoa(int(pk.PacketID)) }),
	'l': text(func(pk *packets.Publish) string { return strconv.Itoa(len(pk.Payload)) }),
	'x': text(func(pk *packets.Publish) string { return hex.EncodeToString(pk.Payload) }),
	'X': text(func(pk *packets.Publish) string { return strings.ToUpper(hex.EncodeToString(pk.Payload)) }),
	'A': text(func(pk *packets.Publish) string {
		return numberIf(pk, packets.PropTopicAlias, pk.Properties.TopicAlias)
	}),
	'C': text(func(pk *packets.Publish) string { return pk.Properties.ContentType }),
	'D': text(func(pk *packets.Publish) string { return string(pk.Properties.CorrelationData) }),
	'E': text(func(pk *packets.Publish) string {
		return numberIf(pk, packets.PropMessageExpiryInterval, pk.Properties.MessageExpiryInterval)
	}),
	'F': text(func(pk *packets.Publish) string {
		return numberIf(pk, packets.PropPayloadFormatIndicator, pk.Properties.PayloadFormatIndicator)
	}),
	'R': text(func(pk *packets.Publish) string { return pk.Properties.ResponseTopic }),
	'S': text(func(pk *packets.Publish) string { return strings.Trim(fmt.Sprint(pk.Properties.SubscriptionIDs), "[]") }),
	'P': text(userProperties),
	'I': func(out *bufio.Writer, _ *packets.Publish, now time.Time) {
		_, _ = out.WriteString(now.Format("2006-01-02T15:04:05-0700")) // Flush tells about errors
	},
	'U': func(out *bufio.Writer, _ *packets.Publish, now time.Time) {
		_, _ = fmt.Fprintf(out, "%d.%09d", now.Unix(), now.Nanosecond()) // Flush tells about errors
	},
	'j': asJSON(false),
	'J': asJSON(true),
}

func zeroOne(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// numberIf is a number that a message has, or nothing.
func numberIf[N byte | uint16 | uint32](pk *packets.Publish, id packets.PropertyID, n N) string {
	if !pk.Properties.Has(id) {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

func userProperties(pk *packets.Publish) string {
	pairs := make([]string, len(pk.Properties.User))
	for i, u := range pk.Properties.User {
		pairs[i] = u.Key + ":" + u.Value
	}
	return strings.Join(pairs, " ")
}

// message is a message as JSON.
type message struct {
	Time          string             `json:"tst"`
	Topic         string             `json:"topic"`
	QoS           byte               `json:"qos"`
	Retain        int                `json:"retain"`
	PayloadLength int                `json:"payloadlen"`
	PacketID      uint16             `json:"mid,omitempty"`
	Properties    *messageProperties `json:"properties,omitempty"`
	Payload       any                `json:"payload"`
}

// messageProperties are those of MQTT 5.
type messageProperties struct {
	ContentType     string              `json:"content-type,omitempty"`
	ResponseTopic   string              `json:"response-topic,omitempty"`
	CorrelationData string              `json:"correlation-data,omitempty"`
	Expiry          uint32              `json:"message-expiry-interval,omitempty"`
	Format          byte                `json:"payload-format-indicator,omitempty"`
	SubscriptionIDs []uint32            `json:"subscription-identifiers,omitempty"`
	User            []map[string]string `json:"user-properties,omitempty"`
}

// asJSON writes the message as one JSON object; with nested, a payload that is
// JSON stays JSON.
func asJSON(nested bool) piece {
	return func(out *bufio.Writer, pk *packets.Publish, now time.Time) {
		m := message{
			Time: now.Format("2006-01-02T15:04:05.000000Z0700"), Topic: pk.Topic, QoS: pk.QoS,
			PayloadLength: len(pk.Payload), Properties: jsonProperties(&pk.Properties), Payload: string(pk.Payload),
		}
		if pk.Retain {
			m.Retain = 1
		}
		if pk.QoS > 0 {
			m.PacketID = pk.PacketID
		}
		if nested && json.Valid(pk.Payload) && utf8.Valid(pk.Payload) {
			m.Payload = json.RawMessage(pk.Payload)
		}
		b, err := json.Marshal(m)
		if err != nil {
			b = []byte(strconv.Quote(err.Error()))
		}
		_, _ = out.Write(b) // Flush tells about errors
	}
}

func jsonProperties(p *packets.Properties) *messageProperties {
	if p.Empty(packets.TypePublish) {
		return nil
	}
	m := &messageProperties{
		ContentType: p.ContentType, ResponseTopic: p.ResponseTopic, CorrelationData: string(p.CorrelationData),
		Expiry: p.MessageExpiryInterval, Format: p.PayloadFormatIndicator, SubscriptionIDs: p.SubscriptionIDs,
	}
	for _, u := range p.User {
		m.User = append(m.User, map[string]string{u.Key: u.Value})
	}
	return m
}
