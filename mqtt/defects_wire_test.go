package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Defects about packets that are short, wrong or not allowed.

// raw encodes a packet and lets edit break it.
func edited(t *testing.T, pk packets.Packet, edit func(b []byte) []byte) []byte {
	t.Helper()
	b, err := pk.Append(nil, packets.V5)
	if err != nil {
		t.Fatal(err)
	}
	return edit(b)
}

func TestBadPacketsEndTheirOwnConnectionOnly(t *testing.T) {
	t.Parallel()
	publishQoS0 := &packets.Publish{Topic: "t", Payload: []byte("x")}
	subscribe := &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t"}}}
	tests := []struct {
		name  string
		bytes []byte
		code  packets.Code
	}{
		{"an empty SUBSCRIBE", []byte{0x82, 3, 0, 1, 0}, packets.ErrProtocolError},   // [MQTT-3.8.3-2]
		{"an empty UNSUBSCRIBE", []byte{0xA2, 3, 0, 1, 0}, packets.ErrProtocolError}, // [MQTT-3.10.3-2]
		{"a SUBSCRIBE of nothing at all", []byte{0x82, 0}, packets.ErrMalformedPacket},
		{"reserved bits of a subscription", edited(t, subscribe, func(b []byte) []byte { b[len(b)-1] |= 0xC0; return b }), packets.ErrMalformedPacket}, // [MQTT-3.8.3-5]
		{"a subscription of QoS 3", edited(t, subscribe, func(b []byte) []byte { b[len(b)-1] |= 3; return b }), packets.ErrProtocolError},
		{"a PUBLISH of QoS 3", edited(t, publishQoS0, func(b []byte) []byte { b[0] |= 6; return b }), packets.ErrMalformedPacket},          // [MQTT-3.3.1-4]
		{"a PUBLISH of QoS 0 with DUP", edited(t, publishQoS0, func(b []byte) []byte { b[0] |= 8; return b }), packets.ErrMalformedPacket}, // [MQTT-3.3.1-2]
		{"a PUBLISH cut short", []byte{0x30, 3, 0, 9, 't'}, packets.ErrMalformedPacket},
		{"a PUBLISH of one byte", []byte{0x30, 1, 0}, packets.ErrMalformedPacket},
		{"a PUBLISH to a wildcard", edited(t, publishQoS0, func(b []byte) []byte { b[4] = '#'; return b }), packets.ErrMalformedPacket}, // [MQTT-3.3.2-2]
		{"an unknown alias", []byte{0x30, 6, 0, 0, 3, 0x23, 0, 9}, packets.ErrProtocolError},
		{"a PUBACK of one byte", []byte{0x40, 1, 0}, packets.ErrMalformedPacket},
		{"reserved flags", []byte{0x63, 2, 0, 1}, packets.ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"packet type 0", []byte{0x00, 0}, packets.ErrMalformedPacket},
		{"a server's packet", []byte{0x20, 3, 0, 0, 0}, packets.ErrProtocolError},
		{"AUTH without a method", []byte{0xF0, 0}, packets.ErrProtocolError}, // [MQTT-4.12.0-7]
		{"a Remaining Length of five bytes", []byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1}, packets.ErrMalformedPacket},
		{"a packet as large as the protocol allows", []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, packets.ErrPacketTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			other := mqtttest.Dial(t, s, mqtttest.Connect("other"))
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			c.Write(tt.bytes)
			c.ExpectDisconnect(tt.code)
			other.Ping()
		})
	}
}

func TestWhatConnackRulesOutIsRefused(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{
		MaximumQos: 1, RetainAvailable: mqtt.Unavailable, SharedSubAvailable: mqtt.Unavailable,
		WildcardSubAvailable: mqtt.Unavailable, SubIDAvailable: mqtt.Unavailable,
	}})
	for _, tt := range []struct {
		name string
		pk   packets.Packet
		code packets.Code
	}{
		{"QoS", &packets.Publish{Topic: "t", QoS: 2, PacketID: 1}, packets.ErrQoSNotSupported}, // [MQTT-3.2.2-11]
		{"retain", &packets.Publish{Topic: "t", Retain: true}, packets.ErrRetainNotSupported},  // [MQTT-3.2.2-14]
		{"subscription identifiers", subscribeWithID(), packets.ErrSubscriptionIDsNotSupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			p := c.Connack.Properties
			if p.MaximumQoS != 1 || !p.Has(packets.PropRetainAvailable) || !p.Has(packets.PropSharedSubscriptionAvailable) ||
				!p.Has(packets.PropWildcardSubscriptionAvailable) || !p.Has(packets.PropSubscriptionIDAvailable) {
				t.Errorf("CONNACK with %+v", p)
			}
			c.Send(tt.pk)
			c.ExpectDisconnect(tt.code)
		})
	}
	for _, tt := range []struct {
		name string
		will packets.Will
		code packets.Code
	}{
		{"a Will's QoS", packets.Will{Topic: "t", QoS: 2}, packets.ErrQoSNotSupported},             // [MQTT-3.2.2-12]
		{"a retained Will", packets.Will{Topic: "t", Retain: true}, packets.ErrRetainNotSupported}, // [MQTT-3.2.2-13]
	} {
		t.Run(tt.name, func(t *testing.T) {
			pk := mqtttest.Connect("c")
			pk.WillFlag, pk.Will = true, tt.will
			c := mqtttest.DialRefused(t, s, pk)
			if c.Connack.Code != tt.code {
				t.Errorf("refused with %v, want %v", c.Connack.Code, tt.code)
			}
			c.ExpectClosed()
		})
	}
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	codes := c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "$share/g/t"}, packets.Subscription{Filter: "a/+"}, packets.Subscription{Filter: "a", QoS: 2})
	if codes[0] != packets.ErrSharedSubscriptionsNotSupported || codes[1] != packets.ErrWildcardSubscriptionsNotSupported || codes[2] != packets.CodeGrantedQoS1 {
		t.Errorf("codes %v", codes)
	}
}

func subscribeWithID() *packets.Subscribe {
	return &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t"}}, Properties: packets.Properties{SubscriptionIDs: []uint32{1}}}
}

func TestWrongWillFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		flags byte
	}{
		{"QoS 3", 0x02 | 0x04 | 0x18},            // [MQTT-3.1.2-12]
		{"a QoS without a Will", 0x02 | 0x08},    // [MQTT-3.1.2-11]
		{"retained without a Will", 0x02 | 0x20}, // [MQTT-3.1.2-13]
		{"the reserved bit", 0x03},               // [MQTT-3.1.2-3]
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			c := mqtttest.NewClient(t, s.Conn(t), packets.V5)
			body := []byte{0, 4, 'M', 'Q', 'T', 'T', 5, tt.flags, 0, 60, 0, 0, 1, 'c'}
			if tt.flags&4 != 0 {
				body = append(body, 0, 0, 1, 'w', 0, 0)
			}
			c.Write(append([]byte{0x10, byte(len(body))}, body...))
			if ack := mqtttest.Expect[*packets.Connack](c); ack.Code != packets.ErrMalformedPacket {
				t.Errorf("CONNACK with %v", ack.Code)
			}
			c.ExpectClosed()
		})
	}
}

// proof is an authenticator of one step.
type proof struct{}

func (proof) OnEnhancedAuth(_ *mqtt.Client, method string, data []byte) ([]byte, mqtt.AuthDecision, error) {
	if method != "PROOF" {
		return nil, mqtt.AuthPass, nil
	}
	if len(data) == 0 {
		return []byte("who?"), mqtt.AuthContinue, nil
	}
	return []byte("welcome"), mqtt.AuthAllow, nil
}

func TestTheAuthenticationMethodIsInEveryAnswer(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, proof{})
	c := mqtttest.NewClient(t, s.Conn(t), packets.V5)
	pk := mqtttest.Connect("c")
	pk.Properties.AuthenticationMethod = "PROOF"
	c.Send(pk)
	if ask := mqtttest.Expect[*packets.Auth](c); ask.Properties.AuthenticationMethod != "PROOF" || string(ask.Properties.AuthenticationData) != "who?" {
		t.Errorf("AUTH %+v", ask)
	}
	answer := &packets.Auth{Code: packets.CodeContinueAuthentication}
	answer.Properties.AuthenticationMethod, answer.Properties.AuthenticationData = "PROOF", []byte("me")
	c.Send(answer)
	if ack := mqtttest.Expect[*packets.Connack](c); ack.Properties.AuthenticationMethod != "PROOF" || string(ack.Properties.AuthenticationData) != "welcome" { // [MQTT-4.12.0-5]
		t.Errorf("CONNACK %+v", ack)
	}
}
