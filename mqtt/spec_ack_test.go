package mqtt_test

import (
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestAckReasonCodes(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	sub := mqtttest.Dial(t, s, passing(packets.V5, "sub"))
	sub.Subscribe("heard", 0)
	tests := []struct {
		name string
		send packets.Packet
		want packets.Packet
	}{
		// [MQTT-3.4.2-1]
		{"PUBACK, nobody subscribes", &packets.Publish{Topic: "unheard", QoS: 1, PacketID: 1}, &packets.Puback{PacketID: 1, Code: packets.CodeNoMatchingSubscribers}},
		{"PUBACK, somebody subscribes", &packets.Publish{Topic: "heard", QoS: 1, PacketID: 1}, &packets.Puback{PacketID: 1}},
		// [MQTT-3.5.2-1]
		{"PUBREC, nobody subscribes", &packets.Publish{Topic: "unheard", QoS: 2, PacketID: 2}, &packets.Pubrec{PacketID: 2, Code: packets.CodeNoMatchingSubscribers}},
		{"PUBREC, somebody subscribes", &packets.Publish{Topic: "heard", QoS: 2, PacketID: 3}, &packets.Pubrec{PacketID: 3}},
		// [MQTT-3.6.2-1]
		{"PUBREL, unknown identifier", &packets.Pubrec{PacketID: 77}, &packets.Pubrel{PacketID: 77, Code: packets.ErrPacketIDNotFound}},
		// [MQTT-3.7.2-1]
		{"PUBCOMP, known identifier", &packets.Pubrel{PacketID: 3}, &packets.Pubcomp{PacketID: 3}},
		{"PUBCOMP, unknown identifier", &packets.Pubrel{PacketID: 78}, &packets.Pubcomp{PacketID: 78, Code: packets.ErrPacketIDNotFound}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.Send(tt.send)
			want, err := tt.want.Append(nil, packets.V5)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Receive().Append(nil, packets.V5)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got % X, want % X", got, want)
			}
		})
	}
}

// refusing is a hook that refuses each PUBLISH with the code in its payload.
type refusing struct{}

func (refusing) OnPublish(cl *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if cl.Inline() {
		return pk, nil
	}
	return pk, packets.Code(pk.Payload[0])
}

// [MQTT-3.4.2-1] [MQTT-3.5.2-1]
// Whatever code a hook gives, the client's decoder finds one that the packet may carry.
func TestRefusalsKeepToTheTableOfTheirPacket(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, refusing{})
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	for code := 0x80; code <= 0xFF; code++ {
		c.Send(&packets.Publish{Topic: "a", QoS: 1, PacketID: 1, Payload: []byte{byte(code)}})
		if got := mqtttest.Expect[*packets.Puback](c).Code; !got.Failed() {
			t.Errorf("PUBACK with %v for a refusal with 0x%02X", got, code)
		}
		c.Send(&packets.Publish{Topic: "a", QoS: 2, PacketID: 1, Payload: []byte{byte(code)}})
		if got := mqtttest.Expect[*packets.Pubrec](c).Code; !got.Failed() {
			t.Errorf("PUBREC with %v for a refusal with 0x%02X", got, code)
		}
	}
}

func TestAckWithForeignReasonCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		bytes []byte
	}{
		{"PUBACK [MQTT-3.4.2-1]", []byte{0x40, 3, 0, 1, 0x92}},
		{"PUBREC [MQTT-3.5.2-1]", []byte{0x50, 3, 0, 1, 0x92}},
		{"PUBREL [MQTT-3.6.2-1]", []byte{0x62, 3, 0, 1, 0x10}},
		{"PUBCOMP [MQTT-3.7.2-1]", []byte{0x70, 3, 0, 1, 0x10}},
		{"DISCONNECT [MQTT-3.14.2-1]", []byte{0xE0, 1, 0x18}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(packets.V5, "c"))
			c.Write(tt.bytes)
			c.ExpectDisconnect(packets.ErrProtocolError)
		})
	}
}

// [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
// [MQTT-3.14.1-1] [MQTT311-3.14.1-1]
func TestReservedFlags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		bytes []byte
	}{
		{"PUBREL", []byte{0x60, 2, 0, 1}},
		{"SUBSCRIBE", []byte{0x80, 6, 0, 1, 0, 1, 'a', 0}},
		{"UNSUBSCRIBE", []byte{0xA0, 5, 0, 1, 0, 1, 'a'}},
		{"DISCONNECT", []byte{0xE1, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overVersions(t, func(t *testing.T, v packets.Version) {
				c := mqtttest.Dial(t, mqtttest.NewServer(t), passing(v, "c"))
				c.Write(tt.bytes)
				expectFault(t, c, v, packets.ErrMalformedPacket)
			})
		})
	}
}

// talkative is a hook that adds a Reason String and a User Property, of the
// given lengths, to every packet of one type.
type talkative struct {
	t            packets.Type
	reason, user int
}

func (h talkative) OnPacketEncode(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	if pk.Type() != h.t {
		return pk
	}
	props := propertiesOf(pk)
	props.ReasonString = strings.Repeat("r", h.reason)
	props.User = []packets.UserProperty{{Key: "k", Value: strings.Repeat("u", h.user)}}
	return pk
}

func propertiesOf(pk packets.Packet) *packets.Properties {
	switch pk := pk.(type) {
	case *packets.Puback:
		return &pk.Properties
	case *packets.Pubrec:
		return &pk.Properties
	case *packets.Pubrel:
		return &pk.Properties
	case *packets.Pubcomp:
		return &pk.Properties
	case *packets.Suback:
		return &pk.Properties
	case *packets.Unsuback:
		return &pk.Properties
	case *packets.Disconnect:
		return &pk.Properties
	case *packets.Auth:
		return &pk.Properties
	}
	return new(packets.Properties)
}

func TestWhatIsTooLargeIsLeftOut(t *testing.T) {
	t.Parallel()
	publish := func(qos byte) packets.Packet { return &packets.Publish{Topic: "t", QoS: qos, PacketID: 1} }
	tests := []struct {
		name string
		t    packets.Type
		send packets.Packet
	}{
		{"[MQTT-3.4.2-2] [MQTT-3.4.2-3]", packets.TypePuback, publish(1)},
		{"[MQTT-3.5.2-2] [MQTT-3.5.2-3]", packets.TypePubrec, publish(2)},
		{"[MQTT-3.6.2-2] [MQTT-3.6.2-3]", packets.TypePubrel, &packets.Pubrec{PacketID: 9}},
		{"[MQTT-3.7.2-2] [MQTT-3.7.2-3]", packets.TypePubcomp, &packets.Pubrel{PacketID: 9}},
		{"[MQTT-3.9.2-1] [MQTT-3.9.2-2]", packets.TypeSuback, &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "a"}}}},
		{"[MQTT-3.11.2-1] [MQTT-3.11.2-2]", packets.TypeUnsuback, &packets.Unsubscribe{PacketID: 1, Filters: []string{"a"}}},
		{"[MQTT-3.14.2-3] [MQTT-3.14.2-4]", packets.TypeDisconnect, &packets.Auth{Code: packets.CodeReauthenticate, Properties: packets.Properties{AuthenticationMethod: "m"}}},
	}
	sizes := []struct {
		name                     string
		reason, user             int
		reasonLeft, userPropLeft bool
	}{
		{"both fit", 5, 5, true, true},
		{"Reason String too large", 200, 5, false, true},
		{"User Property too large", 5, 200, true, false},
		{"both too large", 200, 200, false, false},
		{"too large together", 30, 30, true, false},
	}
	for _, tt := range tests {
		for _, size := range sizes {
			t.Run(tt.t.String()+" "+size.name, func(t *testing.T) {
				t.Parallel()
				s := mqtttest.NewServer(t, talkative{tt.t, size.reason, size.user})
				connect := passing(packets.V5, "c")
				connect.Properties.MaximumPacketSize = 60
				c := mqtttest.Dial(t, s, connect)
				c.Send(tt.send)
				pk := c.Receive()
				if pk.Type() != tt.t {
					t.Fatalf("got %s, want %s", pk.Type(), tt.t)
				}
				props := propertiesOf(pk)
				if got := props.ReasonString != ""; got != size.reasonLeft {
					t.Errorf("Reason String there: %v, want %v", got, size.reasonLeft)
				}
				if got := len(props.User) > 0; got != size.userPropLeft {
					t.Errorf("User Property there: %v, want %v", got, size.userPropLeft)
				}
			})
		}
	}
}
