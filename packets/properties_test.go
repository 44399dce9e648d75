package packets

import (
	"reflect"
	"testing"
)

// propertySamples has for every property its packets, a good value and bad
// ones, as they are on the wire, and the value's place in Properties.
var propertySamples = []struct {
	id      PropertyID
	packets []Type
	good    string
	want    Properties
	bad     map[string]Code
}{
	{PropPayloadFormatIndicator, []Type{TypePublish, TypeWill}, "\x01", Properties{PayloadFormatIndicator: 1}, map[string]Code{"\x02": ErrProtocolError, "": ErrMalformedPacket}},
	{PropMessageExpiryInterval, []Type{TypePublish, TypeWill}, "\x00\x00\x01\x00", Properties{MessageExpiryInterval: 256}, map[string]Code{"\x00\x00\x01": ErrMalformedPacket}},
	{PropContentType, []Type{TypePublish, TypeWill}, str("a"), Properties{ContentType: "a"}, badTexts},
	{PropResponseTopic, []Type{TypePublish, TypeWill}, str("a"), Properties{ResponseTopic: "a"}, map[string]Code{str(""): ErrProtocolError, str("+"): ErrProtocolError, str("a/#"): ErrProtocolError, str("\xff"): ErrMalformedPacket}},
	{PropCorrelationData, []Type{TypePublish, TypeWill}, str("\x00\xff"), Properties{CorrelationData: []byte("\x00\xff")}, map[string]Code{"\x00\x02a": ErrMalformedPacket}},
	{PropSubscriptionID, []Type{TypePublish, TypeSubscribe}, "\xff\xff\xff\x7f", Properties{SubscriptionIDs: []uint32{268435455}}, map[string]Code{"\x00": ErrProtocolError, "\xff\xff\xff\xff\x01": ErrMalformedPacket, "\x80": ErrMalformedPacket, "\x81\x00": ErrMalformedPacket}},
	{PropSessionExpiryInterval, []Type{TypeConnect, TypeConnack, TypeDisconnect}, "\xff\xff\xff\xff", Properties{SessionExpiryInterval: 1<<32 - 1}, map[string]Code{"\x00": ErrMalformedPacket}},
	{PropAssignedClientID, []Type{TypeConnack}, str("a"), Properties{AssignedClientID: "a"}, badTexts},
	{PropServerKeepAlive, []Type{TypeConnack}, "\x01\x00", Properties{ServerKeepAlive: 256}, map[string]Code{"\x00": ErrMalformedPacket}},
	{PropAuthenticationMethod, []Type{TypeConnect, TypeConnack, TypeAuth}, str("a"), Properties{AuthenticationMethod: "a"}, badTexts},
	{PropAuthenticationData, []Type{TypeConnect, TypeConnack, TypeAuth}, str("\xff"), Properties{AuthenticationData: []byte("\xff")}, map[string]Code{"\x00": ErrMalformedPacket}},
	{PropRequestProblemInformation, []Type{TypeConnect}, "\x01", Properties{RequestProblemInformation: 1}, badBooleans},
	{PropWillDelayInterval, []Type{TypeWill}, "\x00\x00\x00\x01", Properties{WillDelayInterval: 1}, map[string]Code{"": ErrMalformedPacket}},
	{PropRequestResponseInformation, []Type{TypeConnect}, "\x01", Properties{RequestResponseInformation: 1}, badBooleans},
	{PropResponseInformation, []Type{TypeConnack}, str("a"), Properties{ResponseInformation: "a"}, badTexts},
	{PropServerReference, []Type{TypeConnack, TypeDisconnect}, str("a"), Properties{ServerReference: "a"}, badTexts},
	{PropReasonString, []Type{TypeConnack, TypePuback, TypePubrec, TypePubrel, TypePubcomp, TypeSuback, TypeUnsuback, TypeDisconnect, TypeAuth}, str("a"), Properties{ReasonString: "a"}, badTexts},
	{PropReceiveMaximum, []Type{TypeConnect, TypeConnack}, "\xff\xff", Properties{ReceiveMaximum: 65535}, map[string]Code{"\x00\x00": ErrProtocolError}},
	{PropTopicAliasMaximum, []Type{TypeConnect, TypeConnack}, "\x00\x01", Properties{TopicAliasMaximum: 1}, map[string]Code{"\x00": ErrMalformedPacket}},
	{PropTopicAlias, []Type{TypePublish}, "\x00\x01", Properties{TopicAlias: 1}, map[string]Code{"\x00\x00": ErrTopicAliasInvalid}}, // [MQTT-3.3.2-8]
	{PropMaximumQoS, []Type{TypeConnack}, "\x01", Properties{MaximumQoS: 1}, badBooleans},
	{PropRetainAvailable, []Type{TypeConnack}, "\x01", Properties{RetainAvailable: 1}, badBooleans},
	{
		PropUser,
		[]Type{TypeConnect, TypeConnack, TypePublish, TypePuback, TypePubrec, TypePubrel, TypePubcomp, TypeSubscribe, TypeSuback, TypeUnsubscribe, TypeUnsuback, TypeDisconnect, TypeAuth, TypeWill},
		str("k") + str("v"),
		Properties{User: []UserProperty{{"k", "v"}}},
		map[string]Code{str("k"): ErrMalformedPacket, str("\xff") + str(""): ErrMalformedPacket, str("") + str("\xff"): ErrMalformedPacket},
	}, // [MQTT-1.5.7-1]
	{PropMaximumPacketSize, []Type{TypeConnect, TypeConnack}, "\x00\x00\x00\x01", Properties{MaximumPacketSize: 1}, map[string]Code{"\x00\x00\x00\x00": ErrProtocolError}},
	{PropWildcardSubscriptionAvailable, []Type{TypeConnack}, "\x01", Properties{WildcardSubscriptionAvailable: 1}, badBooleans},
	{PropSubscriptionIDAvailable, []Type{TypeConnack}, "\x01", Properties{SubscriptionIDAvailable: 1}, badBooleans},
	{PropSharedSubscriptionAvailable, []Type{TypeConnack}, "\x01", Properties{SharedSubscriptionAvailable: 1}, badBooleans},
}

var (
	badTexts    = map[string]Code{str("\xff"): ErrMalformedPacket, str("\x00"): ErrMalformedPacket, "\x00\x02a": ErrMalformedPacket, "\x00": ErrMalformedPacket}
	badBooleans = map[string]Code{"\x02": ErrProtocolError, "\xff": ErrProtocolError, "": ErrMalformedPacket}
)

func section(s string) []byte { return append(appendVarint(nil, uint32(len(s))), s...) }

func TestPropertyByProperty(t *testing.T) {
	t.Parallel()
	for _, tc := range propertySamples {
		t.Run(tc.id.String(), func(t *testing.T) {
			t.Parallel()
			allowed := inPackets(tc.packets...)
			one := string(rune(tc.id)) + tc.good
			for ty := TypeConnect; ty <= TypeWill; ty++ {
				var p Properties
				n, err := p.Decode(section(one), ty)
				if allowed&(1<<ty) == 0 {
					if CodeOf(err) != ErrMalformedPacket { // section 2.2.2.2
						t.Errorf("%s: %v, want a malformed packet", ty, err)
					}
					continue
				}
				if err != nil || n != len(one)+1 {
					t.Fatalf("%s: n %d, error %v", ty, n, err)
				}
				if !p.Has(tc.id) {
					t.Errorf("%s: Has is false", ty)
				}
				if got, err := p.Append(nil, ty); err != nil || string(got) != string(section(one)) {
					t.Errorf("%s: encoded %q, error %v", ty, got, err)
				}
				checkTwice(t, tc.id, one, ty)
				checkBad(t, tc.id, tc.bad, ty)
				p.marked = 0
				if want := tc.want; !samePropertyValues(p, want) {
					t.Errorf("%s: decoded %+v, want %+v", ty, p, want)
				}
			}
		})
	}
	if len(propertySamples) != 27 {
		t.Errorf("%d properties of 27", len(propertySamples))
	}
}

func samePropertyValues(a, b Properties) bool {
	plainValue(reflect.ValueOf(&a).Elem())
	plainValue(reflect.ValueOf(&b).Elem())
	return reflect.DeepEqual(a, b)
}

func checkTwice(t *testing.T, id PropertyID, one string, ty Type) {
	t.Helper()
	var p Properties
	_, err := p.Decode(section(one+one), ty)
	mayRepeat := id == PropUser || id == PropSubscriptionID && ty == TypePublish
	if mayRepeat && err != nil {
		t.Errorf("%s: twice: %v", ty, err)
	}
	if !mayRepeat && CodeOf(err) != ErrProtocolError {
		t.Errorf("%s: twice: %v, want a protocol error", ty, err)
	}
}

func checkBad(t *testing.T, id PropertyID, bad map[string]Code, ty Type) {
	t.Helper()
	for value, code := range bad {
		var p Properties
		if _, err := p.Decode(section(string(rune(id))+value), ty); CodeOf(err) != code {
			t.Errorf("%s: %q: %v, want %v", ty, value, err, code)
		}
	}
}

func TestPropertiesMarks(t *testing.T) {
	t.Parallel()
	for _, tc := range propertySamples {
		t.Run(tc.id.String(), func(t *testing.T) {
			t.Parallel()
			var p Properties
			if p.Has(tc.id) {
				t.Error("the zero value has it")
			}
			p.Set(tc.id)
			if !p.Has(tc.id) {
				t.Error("marked and not there")
			}
			p.Unset(tc.id)
			if p.Has(tc.id) {
				t.Error("unmarked and still there")
			}
			p = tc.want.Clone()
			if !p.Has(tc.id) {
				t.Error("a value and not there")
			}
			p.Unset(tc.id)
			if !reflect.DeepEqual(p, Properties{}) {
				t.Errorf("unset leaves %+v", p)
			}
		})
	}
	var p Properties
	for _, id := range []PropertyID{0, 4, 63, 64, 255} {
		p.Set(id)
		p.Unset(id)
		p.Set(id)
		if p.Has(id) {
			t.Errorf("there is no property %d", id)
		}
	}
}

func TestPropertiesLength(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		b    string
		n    int
		bad  bool
	}{
		{"none", "\x00", 1, false},
		{"rest is left alone", "\x00abc", 1, false},
		{"no length", "", 0, true},
		{"length cut short", "\x80", 0, true},
		{"length longer than needed", "\x80\x00", 0, true}, // [MQTT-1.5.5-1]
		{"length of five bytes", "\xff\xff\xff\xff\x01", 0, true},
		{"longer than the packet", "\x03\x01\x01", 0, true},
		{"longer than memory", "\xff\xff\xff\x7f", 0, true},
		{"ends inside a property", "\x03\x02\x00\x00\x00\x01", 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var p Properties
			n, err := p.Decode([]byte(tc.b), TypePublish)
			if n != tc.n || (err != nil) != tc.bad || err != nil && CodeOf(err) != ErrMalformedPacket {
				t.Errorf("n %d, error %v", n, err)
			}
		})
	}
}

func TestPropertiesAppend(t *testing.T) {
	t.Parallel()
	t.Run("only what the packet may carry", func(t *testing.T) {
		t.Parallel()
		p := Properties{ReasonString: "r", TopicAlias: 3, ReceiveMaximum: 5}
		if got, err := p.Append(nil, TypePublish); err != nil || string(got) != "\x03\x23\x00\x03" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("long section", func(t *testing.T) {
		t.Parallel()
		p := Properties{User: []UserProperty{{"key", longString[1:]}, {"key", ""}}} // order is kept [MQTT-3.3.2-18]
		b, err := p.Append(nil, TypeConnack)
		if err != nil {
			t.Fatal(err)
		}
		var again Properties
		if n, err := again.Decode(b, TypeConnack); err != nil || n != len(b) || !reflect.DeepEqual(again.User, p.User) {
			t.Errorf("n %d of %d, error %v", n, len(b), err)
		}
	})
	t.Run("over the longest packet", func(t *testing.T) {
		t.Parallel()
		p := Properties{User: make([]UserProperty, maxRemainingLength/maxString+1)}
		for i := range p.User {
			p.User[i].Value = longString[1:]
		}
		if got, err := p.Append([]byte("x"), TypePublish); CodeOf(err) != ErrPacketTooLarge || string(got) != "x" {
			t.Errorf("%d bytes, error %v", len(got), err)
		}
	})
}
