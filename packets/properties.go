package packets

import (
	"slices"
	"strings"
)

// UserProperty is one name-value pair of an application.
type UserProperty struct{ Key, Value string }

// PropertyID is the identifier of a property, MQTT 5.0 section 2.2.2.2.
type PropertyID byte

// The properties of MQTT 5.0.
const (
	PropPayloadFormatIndicator        PropertyID = 0x01
	PropMessageExpiryInterval         PropertyID = 0x02
	PropContentType                   PropertyID = 0x03
	PropResponseTopic                 PropertyID = 0x08
	PropCorrelationData               PropertyID = 0x09
	PropSubscriptionID                PropertyID = 0x0B
	PropSessionExpiryInterval         PropertyID = 0x11
	PropAssignedClientID              PropertyID = 0x12
	PropServerKeepAlive               PropertyID = 0x13
	PropAuthenticationMethod          PropertyID = 0x15
	PropAuthenticationData            PropertyID = 0x16
	PropRequestProblemInformation     PropertyID = 0x17
	PropWillDelayInterval             PropertyID = 0x18
	PropRequestResponseInformation    PropertyID = 0x19
	PropResponseInformation           PropertyID = 0x1A
	PropServerReference               PropertyID = 0x1C
	PropReasonString                  PropertyID = 0x1F
	PropReceiveMaximum                PropertyID = 0x21
	PropTopicAliasMaximum             PropertyID = 0x22
	PropTopicAlias                    PropertyID = 0x23
	PropMaximumQoS                    PropertyID = 0x24
	PropRetainAvailable               PropertyID = 0x25
	PropUser                          PropertyID = 0x26
	PropMaximumPacketSize             PropertyID = 0x27
	PropWildcardSubscriptionAvailable PropertyID = 0x28
	PropSubscriptionIDAvailable       PropertyID = 0x29
	PropSharedSubscriptionAvailable   PropertyID = 0x2A
)

// Properties holds the MQTT 5.0 properties of any packet. A field is sent if
// it is not zero, or if [Properties.Set] marked it, so that a zero with a
// meaning can be sent. Packets of MQTT 3 ignore it.
type Properties struct {
	ContentType            string
	ResponseTopic          string
	CorrelationData        []byte
	SubscriptionIDs        []uint32
	User                   []UserProperty
	AssignedClientID       string
	AuthenticationMethod   string
	AuthenticationData     []byte
	ResponseInformation    string
	ServerReference        string
	ReasonString           string
	MessageExpiryInterval  uint32 // seconds
	SessionExpiryInterval  uint32 // seconds
	WillDelayInterval      uint32 // seconds
	MaximumPacketSize      uint32 // bytes
	ServerKeepAlive        uint16 // seconds
	ReceiveMaximum         uint16
	TopicAliasMaximum      uint16
	TopicAlias             uint16
	PayloadFormatIndicator byte

	RequestProblemInformation     byte
	RequestResponseInformation    byte
	MaximumQoS                    byte
	RetainAvailable               byte
	WildcardSubscriptionAvailable byte
	SubscriptionIDAvailable       byte
	SharedSubscriptionAvailable   byte

	marked uint64 // bit per PropertyID: seen on the wire, or Set
}

// Has reports whether the property was on the wire, is marked or is not zero.
func (p *Properties) Has(id PropertyID) bool {
	if id >= 64 {
		return false
	}
	if p.marked&(1<<id) != 0 {
		return true
	}
	switch propertyTable[id].kind {
	case kindByte, kindUint16, kindUint32:
		return p.number(id) != 0
	case kindText:
		return *p.textField(id) != ""
	case kindBinary:
		return len(*p.binaryField(id)) > 0
	case kindVarint:
		return len(p.SubscriptionIDs) > 0
	case kindPair:
		return len(p.User) > 0
	case kindNone:
	}
	return false
}

// Set marks the property: it is sent even if its value is zero. Of User
// Properties and Subscription Identifiers there is nothing to send but what
// their slices hold.
func (p *Properties) Set(id PropertyID) {
	if id < 64 && propertyTable[id].kind != kindNone {
		p.marked |= 1 << id
	}
}

// Unset removes the property: its mark and its value.
func (p *Properties) Unset(id PropertyID) {
	if id >= 64 {
		return
	}
	p.marked &^= 1 << id
	switch propertyTable[id].kind {
	case kindByte, kindUint16, kindUint32:
		p.setNumber(id, 0)
	case kindText:
		*p.textField(id) = ""
	case kindBinary:
		*p.binaryField(id) = nil
	case kindVarint:
		p.SubscriptionIDs = nil
	case kindPair:
		p.User = nil
	case kindNone:
	}
}

// Reset removes all properties.
func (p *Properties) Reset() { *p = Properties{} }

// resetKeep removes all properties and keeps the memory of the slices.
func (p *Properties) resetKeep() {
	ids, user := p.SubscriptionIDs[:0], p.User[:0]
	*p = Properties{SubscriptionIDs: ids, User: user}
}

// Clone returns a copy that shares no memory with p.
func (p *Properties) Clone() Properties {
	c := *p
	for _, s := range [...]*string{
		&c.ContentType, &c.ResponseTopic, &c.AssignedClientID, &c.AuthenticationMethod,
		&c.ResponseInformation, &c.ServerReference, &c.ReasonString,
	} {
		*s = strings.Clone(*s)
	}
	c.CorrelationData = slices.Clone(p.CorrelationData)
	c.AuthenticationData = slices.Clone(p.AuthenticationData)
	c.SubscriptionIDs = slices.Clone(p.SubscriptionIDs)
	c.User = slices.Clone(p.User)
	for i, u := range c.User {
		c.User[i] = UserProperty{strings.Clone(u.Key), strings.Clone(u.Value)}
	}
	return c
}

// present returns the set of properties a packet of type t is to send.
func (p *Properties) present(t Type) uint64 {
	set := p.marked | p.presentInMessage()
	if t != TypePublish {
		set |= p.presentElsewhere()
	}
	return set & propertiesOf[t]
}

func (p *Properties) presentInMessage() (set uint64) {
	if p.PayloadFormatIndicator != 0 {
		set |= 1 << PropPayloadFormatIndicator
	}
	if p.MessageExpiryInterval != 0 {
		set |= 1 << PropMessageExpiryInterval
	}
	if p.ContentType != "" {
		set |= 1 << PropContentType
	}
	if p.ResponseTopic != "" {
		set |= 1 << PropResponseTopic
	}
	if len(p.CorrelationData) > 0 {
		set |= 1 << PropCorrelationData
	}
	if len(p.SubscriptionIDs) > 0 {
		set |= 1 << PropSubscriptionID
	}
	if p.TopicAlias != 0 {
		set |= 1 << PropTopicAlias
	}
	if len(p.User) > 0 {
		set |= 1 << PropUser
	}
	return set
}

func (p *Properties) presentElsewhere() (set uint64) {
	for id := PropSessionExpiryInterval; id <= PropSharedSubscriptionAvailable; id++ {
		if p.Has(id) {
			set |= 1 << id
		}
	}
	return set
}

// textField returns the field of a property of kind text.
func (p *Properties) textField(id PropertyID) *string {
	switch id {
	case PropContentType:
		return &p.ContentType
	case PropResponseTopic:
		return &p.ResponseTopic
	case PropAssignedClientID:
		return &p.AssignedClientID
	case PropAuthenticationMethod:
		return &p.AuthenticationMethod
	case PropResponseInformation:
		return &p.ResponseInformation
	case PropServerReference:
		return &p.ServerReference
	default:
		return &p.ReasonString
	}
}

// binaryField returns the field of a property of kind binary.
func (p *Properties) binaryField(id PropertyID) *[]byte {
	if id == PropCorrelationData {
		return &p.CorrelationData
	}
	return &p.AuthenticationData
}

func (p *Properties) uint32Field(id PropertyID) *uint32 {
	switch id {
	case PropMessageExpiryInterval:
		return &p.MessageExpiryInterval
	case PropSessionExpiryInterval:
		return &p.SessionExpiryInterval
	case PropWillDelayInterval:
		return &p.WillDelayInterval
	default:
		return &p.MaximumPacketSize
	}
}

func (p *Properties) uint16Field(id PropertyID) *uint16 {
	switch id {
	case PropServerKeepAlive:
		return &p.ServerKeepAlive
	case PropReceiveMaximum:
		return &p.ReceiveMaximum
	case PropTopicAliasMaximum:
		return &p.TopicAliasMaximum
	default:
		return &p.TopicAlias
	}
}

func (p *Properties) byteField(id PropertyID) *byte {
	switch id {
	case PropPayloadFormatIndicator:
		return &p.PayloadFormatIndicator
	case PropRequestProblemInformation:
		return &p.RequestProblemInformation
	case PropRequestResponseInformation:
		return &p.RequestResponseInformation
	case PropMaximumQoS:
		return &p.MaximumQoS
	case PropRetainAvailable:
		return &p.RetainAvailable
	case PropWildcardSubscriptionAvailable:
		return &p.WildcardSubscriptionAvailable
	case PropSubscriptionIDAvailable:
		return &p.SubscriptionIDAvailable
	default:
		return &p.SharedSubscriptionAvailable
	}
}

// number returns the value of a property of one, two or four bytes.
func (p *Properties) number(id PropertyID) uint32 {
	switch propertyTable[id].kind {
	case kindByte:
		return uint32(*p.byteField(id))
	case kindUint16:
		return uint32(*p.uint16Field(id))
	default:
		return *p.uint32Field(id)
	}
}

func (p *Properties) setNumber(id PropertyID, v uint32) {
	switch propertyTable[id].kind {
	case kindByte:
		*p.byteField(id) = byte(v)
	case kindUint16:
		*p.uint16Field(id) = uint16(v)
	default:
		*p.uint32Field(id) = v
	}
}

// Empty reports whether a packet of type t with these properties sends none.
func (p *Properties) Empty(t Type) bool { return p.present(t) == 0 }
