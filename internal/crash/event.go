package crash

import (
	"fmt"
	"strings"

	"github.com/linnetmq/linnet/packets"
)

// Kind says what an Event tells.
type Kind byte

// What a history is made of. Sent events are written down before the bytes
// leave, received ones after the bytes came: if one event stands before another
// of the same history, so it was for the broker, too.
const (
	BrokerStarted Kind = iota + 1 // accepts connections
	BrokerKilled

	ConnectSent     // Clean, Durable
	ConnackReceived // Present, Code
	ConnectionEnded // the client knows, or wants it so
	EndSent         // DISCONNECT with Session Expiry Interval 0

	SubscribeSent // Topic is the filter, QoS the one asked for
	SubackReceived
	UnsubscribeSent
	UnsubackReceived

	PublishSent // also again: Dup
	PubackReceived
	PubrecReceived
	PubrelSent
	PubcompReceived

	MessageReceived
	PubackSent
	PubrecSent
	PubrelReceived
	PubcompSent

	RetainedAsked    // somebody new subscribes to all retained messages
	RetainedReceived // one of them
	RetainedEnd      // there are no more
	Drained          // the client waited for what was due to it, in vain or not
	BadPacket        // what no client should ever get
)

var kindNames = [...]string{
	BrokerStarted: "BROKER STARTED", BrokerKilled: "BROKER KILLED",
	ConnectSent: "-> CONNECT", ConnackReceived: "<- CONNACK", ConnectionEnded: "connection ended", EndSent: "-> DISCONNECT and end the session",
	SubscribeSent: "-> SUBSCRIBE", SubackReceived: "<- SUBACK", UnsubscribeSent: "-> UNSUBSCRIBE", UnsubackReceived: "<- UNSUBACK",
	PublishSent: "-> PUBLISH", PubackReceived: "<- PUBACK", PubrecReceived: "<- PUBREC", PubrelSent: "-> PUBREL", PubcompReceived: "<- PUBCOMP",
	MessageReceived: "<- PUBLISH", PubackSent: "-> PUBACK", PubrecSent: "-> PUBREC", PubrelReceived: "<- PUBREL", PubcompSent: "-> PUBCOMP",
	RetainedAsked: "asks for retained messages", RetainedReceived: "<- retained PUBLISH", RetainedEnd: "has all retained messages",
	Drained: "has waited for everything due", BadPacket: "<- unexpected",
}

// String returns the kind as histories print it.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", byte(k))
}

// Message names an application message: no two of a history have the same name.
type Message struct {
	Publisher string // empty: a payload that is none of ours
	Number    int    // grows with every message of the publisher, from 1
}

// String returns the name as it stands at the start of the payload.
func (m Message) String() string { return fmt.Sprintf("%s#%d", m.Publisher, m.Number) }

// Event is one line of a history.
type Event struct {
	Seq     int // place in the history, from 1; Add sets it
	Kind    Kind
	Client  string // ClientID; empty for the broker's own
	Conn    int    // number of the connection
	ID      uint16 // packet identifier
	Message Message
	Topic   string // or filter
	QoS     byte
	Retain  bool
	Dup     bool
	Clean   bool // CONNECT with Clean Start, or Clean Session
	Durable bool // CONNECT that lets the session outlive the connection
	Present bool // CONNACK with Session Present
	Empty   bool // a PUBLISH without payload, which clears a retained message
	Code    packets.Code
	Note    string // for people
}

// String returns the event as one line.
func (e *Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%6d ", e.Seq)
	if e.Client != "" {
		fmt.Fprintf(&b, "%-4s conn %-4d ", e.Client, e.Conn)
	}
	b.WriteString(e.Kind.String())
	if e.Message.Publisher != "" {
		fmt.Fprintf(&b, " %s", e.Message)
	}
	if e.Topic != "" {
		fmt.Fprintf(&b, " %q QoS %d", e.Topic, e.QoS)
	}
	if e.ID != 0 {
		fmt.Fprintf(&b, " id %d", e.ID)
	}
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{e.Retain, "retain"},
		{e.Dup, "DUP"},
		{e.Clean, "clean start"},
		{e.Durable, "durable"},
		{e.Present, "session present"},
		{e.Empty, "empty"},
	} {
		if flag.set {
			b.WriteString(", " + flag.name)
		}
	}
	if e.Code != packets.CodeSuccess {
		fmt.Fprintf(&b, ", code 0x%02X", byte(e.Code))
	}
	if e.Note != "" {
		b.WriteString(", " + e.Note)
	}
	return b.String()
}
