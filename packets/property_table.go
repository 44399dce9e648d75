package packets

import "strconv"

// propertyKind is the data type of a property on the wire.
type propertyKind byte

const (
	kindNone   propertyKind = iota
	kindByte                // Byte
	kindUint16              // Two Byte Integer
	kindUint32              // Four Byte Integer
	kindVarint              // Variable Byte Integer: Subscription Identifier
	kindText                // UTF-8 Encoded String
	kindBinary              // Binary Data
	kindPair                // UTF-8 String Pair: User Property
)

// propertyRule is what a property's value must keep to beside its data type.
type propertyRule byte

const (
	anyValue propertyRule = iota
	zeroOrOne
	notZero
	topicName
)

type propertySpec struct {
	name    string
	kind    propertyKind
	rule    propertyRule
	packets uint32 // set of Type
}

// propertyTable is table 2-4 of MQTT 5.0, section 2.2.2.2.
var propertyTable = [64]propertySpec{
	PropPayloadFormatIndicator:     {"Payload Format Indicator", kindByte, zeroOrOne, inPackets(TypePublish, TypeWill)},
	PropMessageExpiryInterval:      {"Message Expiry Interval", kindUint32, anyValue, inPackets(TypePublish, TypeWill)},
	PropContentType:                {"Content Type", kindText, anyValue, inPackets(TypePublish, TypeWill)},
	PropResponseTopic:              {"Response Topic", kindText, topicName, inPackets(TypePublish, TypeWill)},
	PropCorrelationData:            {"Correlation Data", kindBinary, anyValue, inPackets(TypePublish, TypeWill)},
	PropSubscriptionID:             {"Subscription Identifier", kindVarint, notZero, inPackets(TypePublish, TypeSubscribe)},
	PropSessionExpiryInterval:      {"Session Expiry Interval", kindUint32, anyValue, inPackets(TypeConnect, TypeConnack, TypeDisconnect)},
	PropAssignedClientID:           {"Assigned Client Identifier", kindText, anyValue, inPackets(TypeConnack)},
	PropServerKeepAlive:            {"Server Keep Alive", kindUint16, anyValue, inPackets(TypeConnack)},
	PropAuthenticationMethod:       {"Authentication Method", kindText, anyValue, inPackets(TypeConnect, TypeConnack, TypeAuth)},
	PropAuthenticationData:         {"Authentication Data", kindBinary, anyValue, inPackets(TypeConnect, TypeConnack, TypeAuth)},
	PropRequestProblemInformation:  {"Request Problem Information", kindByte, zeroOrOne, inPackets(TypeConnect)},
	PropWillDelayInterval:          {"Will Delay Interval", kindUint32, anyValue, inPackets(TypeWill)},
	PropRequestResponseInformation: {"Request Response Information", kindByte, zeroOrOne, inPackets(TypeConnect)},
	PropResponseInformation:        {"Response Information", kindText, anyValue, inPackets(TypeConnack)},
	PropServerReference:            {"Server Reference", kindText, anyValue, inPackets(TypeConnack, TypeDisconnect)},
	PropReasonString: {"Reason String", kindText, anyValue, inPackets(TypeConnack, TypePuback, TypePubrec,
		TypePubrel, TypePubcomp, TypeSuback, TypeUnsuback, TypeDisconnect, TypeAuth)},
	PropReceiveMaximum:    {"Receive Maximum", kindUint16, notZero, inPackets(TypeConnect, TypeConnack)},
	PropTopicAliasMaximum: {"Topic Alias Maximum", kindUint16, anyValue, inPackets(TypeConnect, TypeConnack)},
	PropTopicAlias:        {"Topic Alias", kindUint16, notZero, inPackets(TypePublish)},
	PropMaximumQoS:        {"Maximum QoS", kindByte, zeroOrOne, inPackets(TypeConnack)},
	PropRetainAvailable:   {"Retain Available", kindByte, zeroOrOne, inPackets(TypeConnack)},
	PropUser: {"User Property", kindPair, anyValue, inPackets(TypeConnect, TypeConnack, TypePublish, TypePuback, TypePubrec,
		TypePubrel, TypePubcomp, TypeSubscribe, TypeSuback, TypeUnsubscribe, TypeUnsuback, TypeDisconnect, TypeAuth, TypeWill)},
	PropMaximumPacketSize:             {"Maximum Packet Size", kindUint32, notZero, inPackets(TypeConnect, TypeConnack)},
	PropWildcardSubscriptionAvailable: {"Wildcard Subscription Available", kindByte, zeroOrOne, inPackets(TypeConnack)},
	PropSubscriptionIDAvailable:       {"Subscription Identifiers Available", kindByte, zeroOrOne, inPackets(TypeConnack)},
	PropSharedSubscriptionAvailable:   {"Shared Subscription Available", kindByte, zeroOrOne, inPackets(TypeConnack)},
}

// propertiesOf holds for every packet type the set of properties it may carry.
var propertiesOf = propertiesByType()

func propertiesByType() (sets [TypeWill + 1]uint64) {
	for id, spec := range propertyTable {
		for t := range sets {
			if spec.packets&(1<<t) != 0 {
				sets[t] |= 1 << id
			}
		}
	}
	return sets
}

// String returns the name of the property as the specification writes it.
func (id PropertyID) String() string {
	if int(id) < len(propertyTable) && propertyTable[id].kind != kindNone {
		return propertyTable[id].name
	}
	return "Property(" + strconv.Itoa(int(id)) + ")"
}

// repeats reports whether the property may occur more than once in a packet of
// type t.
func (id PropertyID) repeats(t Type) bool {
	return id == PropUser || id == PropSubscriptionID && t == TypePublish
}

// checkNumber applies the property's rule to a number.
func (id PropertyID) checkNumber(v uint32) error {
	switch propertyTable[id].rule {
	case zeroOrOne:
		if v > 1 {
			return protocolError("%s is %d, not 0 or 1", id, v)
		}
	case notZero:
		if v == 0 && id == PropTopicAlias {
			return &Error{Code: ErrTopicAliasInvalid, Detail: "Topic Alias is 0"} // [MQTT-3.3.2-8]
		}
		if v == 0 {
			return protocolError("%s is 0", id)
		}
	case anyValue, topicName: // no rule for numbers
	}
	return nil
}

// checkText applies the property's rule to a string.
func (id PropertyID) checkText(s string) error {
	if propertyTable[id].rule != topicName {
		return nil
	}
	if s == "" {
		return protocolError("%s is empty", id) // [MQTT-4.7.3-1]
	}
	if hasWildcard(s) {
		return protocolError("%s with a wildcard", id) // [MQTT-3.3.2-14]
	}
	return nil
}
