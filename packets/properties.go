package packets

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
	return id < 64 && p.marked&(1<<id) != 0
}

// Set marks the property: it is sent even if its value is zero.
func (p *Properties) Set(id PropertyID) {
	if id < 64 {
		p.marked |= 1 << id
	}
}

// Unset removes the property: its mark and its value.
func (p *Properties) Unset(id PropertyID) {
	if id < 64 {
		p.marked &^= 1 << id
	}
}

// Reset removes all properties.
func (p *Properties) Reset() { *p = Properties{} }

// Append appends the Property Length and those properties that a packet of
// type t may carry, in the order of their identifiers. TypeWill stands for the
// Will Properties. A value that cannot be sent gives an error and dst unchanged.
func (p *Properties) Append(dst []byte, t Type) ([]byte, error) {
	return dst, ErrImplementationSpecific
}

// Decode reads the Property Length and the properties of a packet of type t at
// the start of b and returns how many bytes they took. In PUBLISH the strings
// and byte slices are views of b, elsewhere copies. p is overwritten.
func (p *Properties) Decode(b []byte, t Type) (n int, err error) {
	return 0, ErrImplementationSpecific
}

// Clone returns a copy that shares no memory with p.
func (p *Properties) Clone() Properties { return *p }
