package mqtt_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestConnackOnTheWire(t *testing.T) {
	// [MQTT-3.2.2-1] [MQTT-3.2.2-3] [MQTT-2.2.2-1] [MQTT-3.2.0-1]
	t.Parallel()
	bare := func(v packets.Version) []byte { return encode(t, v, durableConnect(v, "c"), &packets.Disconnect{}) }
	tests := []struct {
		name          string
		version       packets.Version
		first, second []byte
	}{
		{"3.1", packets.V31, []byte{0x20, 2, 0, 0}, []byte{0x20, 2, 0, 0}}, // which has no Session Present
		{"3.1.1", packets.V311, []byte{0x20, 2, 0, 0}, []byte{0x20, 2, 1, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sent := bare(tt.version)
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServer(t)
				if got := exchange(t, s, sent); !bytes.Equal(got, tt.first) {
					t.Errorf("first CONNACK % x, want % x", got, tt.first)
				}
				if got := exchange(t, s, sent); !bytes.Equal(got, tt.second) {
					t.Errorf("second CONNACK % x, want % x", got, tt.second)
				}
			})
		})
	}
	t.Run("5.0", func(t *testing.T) {
		t.Parallel()
		sent := bare(packets.V5)
		synctest.Test(t, func(t *testing.T) {
			s := mqtttest.NewServer(t)
			for _, flags := range []byte{0, 1} {
				if got := exchange(t, s, sent); got[2] != flags || got[3] != 0 || int(got[4]) != len(got)-5 {
					t.Errorf("CONNACK % x, want the flags %d", got, flags)
				}
			}
		})
	})
}

func TestRefusedConnect(t *testing.T) {
	// [MQTT-3.1.4-2] [MQTT-3.1.4-6] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-3.2.0-2]
	// [MQTT311-3.1.4-5] [MQTT311-3.2.2-6]
	codes := map[packets.Code]byte{ // and the return code of 3.x, 0 for a close without CONNACK
		packets.ErrBadUsernameOrPassword: 4, packets.ErrNotAuthorized: 5, packets.ErrBanned: 5,
		packets.ErrServerUnavailable: 3, packets.ErrServerBusy: 3, packets.ErrQuotaExceeded: 3,
		packets.ErrUseAnotherServer: 3, packets.ErrServerMoved: 3, packets.ErrConnectionRateExceeded: 3,
		packets.ErrClientIdentifierNotValid: 2, packets.ErrImplementationSpecific: 0,
	}
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for code, old := range codes {
			s := mqtttest.NewServer(t, denyWith(code))
			w := watcher(t, s, "#")
			kept := durableConnect(v, "refused")
			got := exchange(t, s, encode(t, v, withWill(kept, "will"), &packets.Publish{Topic: "t"},
				&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t"}}}, &packets.Pingreq{}))
			switch {
			case v == packets.V5:
				list := decodeAll(t, v, got)
				ack, ok := list[0].(*packets.Connack)
				if len(list) != 1 || !ok || ack.Code != code || ack.SessionPresent || ack.Properties.ReasonString == "" {
					t.Errorf("%v: answered by %d packets, the first %+v", code, len(list), list[0])
				}
			case old == 0:
				if len(got) > 0 {
					t.Errorf("%v: answered by % x", code, got)
				}
			case !bytes.Equal(got, []byte{0x20, 2, 0, old}):
				t.Errorf("%v: answered by % x, want return code %d", code, got, old)
			}
			refusedOnce(t, s, code)
			nothing(t, w)
			if n := s.Stats().ClientsTotal; n != 1 {
				t.Errorf("%v: %d clients are known, want the watcher", code, n)
			}
		}
	})
}

type failingHook struct{}

func (failingHook) OnConnectAuthenticate(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) {
	return mqtt.Allow, errors.New("database password is 1234")
}

func TestRefusalTellsNoSecrets(t *testing.T) {
	// [MQTT-3.1.4-2] [MQTT311-3.2.2-6]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, failingHook{})
		got := exchange(t, s, encode(t, v, cleanConnect(v, "c")))
		if strings.Contains(string(got), "1234") {
			t.Errorf("the client is told %q", got)
		}
		if v != packets.V5 && len(got) > 0 {
			t.Errorf("answered by % x", got)
		}
		if v == packets.V5 && (len(got) < 4 || got[3] != byte(packets.ErrImplementationSpecific)) {
			t.Errorf("answered by % x, want 0x83", got)
		}
	})
}

func TestServerReference(t *testing.T) {
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for _, code := range []packets.Code{packets.ErrUseAnotherServer, packets.ErrServerMoved, packets.ErrBanned} {
			s := mqtttest.NewServerWith(t, &mqtt.Options{ServerReference: "other.example"}, denyWith(code))
			c := mqtttest.DialRefused(t, s, cleanConnect(v, "refused"))
			want := ""
			if v == packets.V5 && code != packets.ErrBanned {
				want = "other.example"
			}
			if got := c.Connack.Properties.ServerReference; got != want {
				t.Errorf("%v with the Server Reference %q, want %q", code, got, want)
			}
			c.ExpectClosed()
		}
	})
}

func TestClientIdentifiers(t *testing.T) {
	// [MQTT-3.1.3-5] [MQTT-3.1.3-8] [MQTT311-3.1.3-8] [MQTT311-3.1.3-9]
	long := strings.Repeat("x", 300)
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		type test struct {
			clientID   string
			cleanStart bool
			accepted   bool
		}
		tests := []test{
			{"a", true, true},
			{"a", false, true},
			{long[:23], true, true},
			{long[:23], false, true},
			{long[:24], true, v != packets.V31},
			{long, true, v != packets.V31},
			{"\u00e9\u4e16 /+#$", true, true},
			{"", true, v != packets.V31},
			{"", false, v == packets.V5},
		}
		for _, tt := range tests {
			s := mqtttest.NewServer(t)
			connect := cleanConnect(v, tt.clientID)
			connect.CleanStart = tt.cleanStart
			c := mqtttest.DialRefused(t, s, connect)
			if tt.accepted {
				presentIs(t, c, v, false)
				c.Ping()
				continue
			}
			if c.Connack.Code != packets.ErrClientIdentifierNotValid {
				t.Errorf("%d bytes, Clean Start %v: %v", len(tt.clientID), tt.cleanStart, c.Connack.Code)
			}
			c.ExpectClosed()
			refusedOnce(t, s, packets.ErrClientIdentifierNotValid)
		}
	})
}

func TestRefusedIdentifier(t *testing.T) {
	// [MQTT-3.1.3-8] [MQTT311-3.1.3-9]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, denyWith(packets.ErrClientIdentifierNotValid))
		got := exchange(t, s, encode(t, v, cleanConnect(v, "refused")))
		want := byte(2)
		if v == packets.V5 {
			want = 0x85
		}
		if len(got) < 4 || got[3] != want {
			t.Errorf("answered by % x, want 0x%02x", got, want)
		}
	})
}

func TestAssignedIdentifiers(t *testing.T) {
	// [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT311-3.1.3-6]
	inVersions(t, versions4, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t)
		pub := mqtttest.Dial(t, s, cleanConnect(v, "pub"))
		assigned := map[string]bool{}
		var clients []*mqtttest.Client
		for range 20 {
			c := mqtttest.Dial(t, s, cleanConnect(v, ""))
			c.Subscribe("t", 1)
			clients = append(clients, c)
			assigned[c.Connack.Properties.AssignedClientID] = true
		}
		if v == packets.V5 && (len(assigned) != 20 || assigned[""]) {
			t.Errorf("20 clients have the identifiers %v", assigned)
		}
		pub.Publish("t", "x", 1, false)
		for _, c := range clients {
			wantMessage(t, c, "t", "x") // nobody was taken over
		}
		if named := mqtttest.Dial(t, s, cleanConnect(v, "own")); named.Connack.Properties.AssignedClientID != "" {
			t.Error("a client with an identifier was assigned another")
		}
		if v != packets.V5 {
			return
		}
		connect := durableConnect(v, "")
		c := mqtttest.Dial(t, s, connect)
		c.Subscribe("t", 1)
		lose(c)
		connect.ClientID = c.Connack.Properties.AssignedClientID
		presentIs(t, mqtttest.Dial(t, s, connect), v, true)
	})
}

func TestAnnouncedLimits(t *testing.T) {
	// [MQTT-3.2.2-9] [MQTT-3.2.2-22]
	t.Parallel()
	tests := []struct {
		name string
		caps mqtt.Capabilities
		want func(p *packets.Properties) bool
	}{
		{"defaults", mqtt.Capabilities{}, func(p *packets.Properties) bool {
			return !p.Has(packets.PropMaximumQoS) && !p.Has(packets.PropRetainAvailable) && !p.Has(packets.PropServerKeepAlive) &&
				!p.Has(packets.PropWildcardSubscriptionAvailable) && !p.Has(packets.PropSubscriptionIDAvailable) &&
				!p.Has(packets.PropSharedSubscriptionAvailable) && !p.Has(packets.PropSessionExpiryInterval) &&
				!p.Has(packets.PropAssignedClientID) && !p.Has(packets.PropResponseInformation) && !p.Has(packets.PropReasonString) &&
				p.ReceiveMaximum == 1024 && p.TopicAliasMaximum == 32 && p.MaximumPacketSize == 1<<20
		}},
		{"qos 1", mqtt.Capabilities{MaximumQos: 1}, func(p *packets.Properties) bool { return p.MaximumQoS == 1 }},
		{"qos 0", mqtt.Capabilities{MaximumQos: mqtt.QoS0Only}, func(p *packets.Properties) bool {
			return p.Has(packets.PropMaximumQoS) && p.MaximumQoS == 0
		}},
		{"no retain", mqtt.Capabilities{RetainAvailable: mqtt.Unavailable}, func(p *packets.Properties) bool {
			return p.Has(packets.PropRetainAvailable) && p.RetainAvailable == 0
		}},
		{"no wildcards", mqtt.Capabilities{WildcardSubAvailable: mqtt.Unavailable}, func(p *packets.Properties) bool {
			return p.Has(packets.PropWildcardSubscriptionAvailable) && p.WildcardSubscriptionAvailable == 0
		}},
		{"no identifiers", mqtt.Capabilities{SubIDAvailable: mqtt.Unavailable}, func(p *packets.Properties) bool {
			return p.Has(packets.PropSubscriptionIDAvailable) && p.SubscriptionIDAvailable == 0
		}},
		{"no shared", mqtt.Capabilities{SharedSubAvailable: mqtt.Unavailable}, func(p *packets.Properties) bool {
			return p.Has(packets.PropSharedSubscriptionAvailable) && p.SharedSubscriptionAvailable == 0
		}},
		{"receive maximum", mqtt.Capabilities{ReceiveMaximum: 3}, func(p *packets.Properties) bool { return p.ReceiveMaximum == 3 }},
		{"packet size", mqtt.Capabilities{MaximumPacketSize: 99}, func(p *packets.Properties) bool { return p.MaximumPacketSize == 99 }},
		{"aliases", mqtt.Capabilities{TopicAliasMaximum: 7}, func(p *packets.Properties) bool { return p.TopicAliasMaximum == 7 }},
		{"no aliases", mqtt.Capabilities{NoTopicAliases: true}, func(p *packets.Properties) bool { return p.TopicAliasMaximum == 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: tt.caps})
				if c := mqtttest.Dial(t, s, cleanConnect(packets.V5, "c")); !tt.want(&c.Connack.Properties) {
					t.Errorf("CONNACK %+v", c.Connack.Properties)
				}
			})
		})
	}
}

func TestResponseInformation(t *testing.T) {
	// [MQTT-3.1.2-28]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{ResponseInformation: "re/"})
		for _, request := range []string{"absent", "0", "1"} {
			connect := cleanConnect(v, "c")
			want := ""
			switch {
			case request == "0":
				connect.Properties.Set(packets.PropRequestResponseInformation)
			case request == "1" && v == packets.V5:
				connect.Properties.RequestResponseInformation, want = 1, "re/"
			}
			c := mqtttest.Dial(t, s, connect)
			if got := c.Connack.Properties.ResponseInformation; got != want {
				t.Errorf("request %s: got %q, want %q", request, got, want)
			}
		}
	})
}

func TestProblemInformation(t *testing.T) {
	// [MQTT-3.1.2-29]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		hook := &mqtt.HookFuncs{OnSubscribe: func(_ *mqtt.Client, sub packets.Subscription) packets.Code {
			if sub.Filter == "no" {
				return packets.ErrNotAuthorized
			}
			return packets.CodeGrantedQoS2
		}}
		s := mqtttest.NewServer(t, hook)
		user := []packets.UserProperty{{Key: "k", Value: "v"}}
		for _, wanted := range []bool{true, false} {
			connect := cleanConnect(v, "c")
			if !wanted {
				connect.Properties.Set(packets.PropRequestProblemInformation) // marked and zero
			}
			connect.Properties.User = user
			c := mqtttest.Dial(t, s, connect)
			check := func(what string, p packets.Properties, refused bool) {
				t.Helper()
				if (p.ReasonString != "") != (wanted && refused) || len(p.User) > 0 {
					t.Errorf("wanted %v: %s with the reason %q and the user properties %v", wanted, what, p.ReasonString, p.User)
				}
			}
			check("CONNACK", c.Connack.Properties, false)
			with := packets.Properties{User: user}
			c.Send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "no"}, {Filter: "yes"}}, Properties: with})
			check("SUBACK", mqtttest.Expect[*packets.Suback](c).Properties, true)
			c.Send(&packets.Publish{Topic: "$SYS/x", QoS: 1, PacketID: 2, Properties: with})
			check("PUBACK", mqtttest.Expect[*packets.Puback](c).Properties, true)
			c.Send(&packets.Publish{Topic: "$SYS/x", QoS: 2, PacketID: 3, Properties: with})
			check("PUBREC", mqtttest.Expect[*packets.Pubrec](c).Properties, true)
			c.Send(&packets.Publish{Topic: "t", QoS: 1, PacketID: 4, Properties: with})
			check("PUBACK of an accepted message", mqtttest.Expect[*packets.Puback](c).Properties, false)
			c.Send(&packets.Publish{Topic: "t", QoS: 2, PacketID: 5, Properties: with})
			check("PUBREC of an accepted message", mqtttest.Expect[*packets.Pubrec](c).Properties, false)
			c.Send(&packets.Pubrel{PacketID: 5, Properties: with})
			check("PUBCOMP", mqtttest.Expect[*packets.Pubcomp](c).Properties, false)
			c.Send(&packets.Unsubscribe{PacketID: 6, Filters: []string{"yes"}, Properties: with})
			check("UNSUBACK", mqtttest.Expect[*packets.Unsuback](c).Properties, false)
			c.Subscribe("t", 0)
			c.Send(&packets.Publish{Topic: "t", Properties: with})
			if got := c.Message(); !slices.Equal(got.Properties.User, user) {
				t.Errorf("a PUBLISH lost its user properties: %v", got.Properties.User)
			}
			c.Disconnect(packets.CodeSuccess)
		}
	})
}

// chatty adds a Reason String and User Properties to every CONNACK.
type chatty struct{}

func (chatty) OnPacketEncode(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	if ack, ok := pk.(*packets.Connack); ok {
		ack.Properties.ReasonString = strings.Repeat("r", 50)
		ack.Properties.User = []packets.UserProperty{{Key: "k", Value: strings.Repeat("v", 50)}}
	}
	return pk
}

func TestConnackFits(t *testing.T) {
	// [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.1.2-24]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := mqtttest.NewServer(t, chatty{})
		connect := cleanConnect(v, "c")
		size := func() int { return len(encode(t, v, mqtttest.Dial(t, s, connect).Connack)) }
		full := size()
		for _, tt := range []struct {
			maximum      int
			reason, user bool
		}{{full, true, true}, {full - 1, true, false}, {full - 60, false, false}} {
			connect.Properties.MaximumPacketSize = uint32(tt.maximum)
			c := mqtttest.Dial(t, s, connect)
			p := c.Connack.Properties
			if (p.ReasonString != "") != tt.reason || (len(p.User) > 0) != tt.user || len(encode(t, v, c.Connack)) > tt.maximum {
				t.Errorf("maximum %d of %d: reason %q, user %v", tt.maximum, full, p.ReasonString, p.User)
			}
		}
	})
}

func TestConnackTooLarge(t *testing.T) {
	// A client whose maximum leaves no room for what it must know is refused.
	// [MQTT-3.1.2-24] [MQTT-3.2.2-7] [MQTT-3.2.0-2]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, maximum := range []uint32{1, 4, 5, 10} {
			s := mqtttest.NewServer(t)
			connect := cleanConnect(v, "c")
			connect.Properties.MaximumPacketSize = maximum
			got := exchange(t, s, encode(t, v, connect))
			if len(got) > int(maximum) {
				t.Errorf("maximum %d: sent % x", maximum, got)
			}
			if len(got) > 0 {
				wantRefusal(t, v, "a small maximum", got, packets.ErrPacketTooLarge)
			}
			if n := s.Stats().ClientsTotal; n != 0 {
				t.Errorf("maximum %d: %d clients are left", maximum, n)
			}
		}
	})
}
