package mqtt_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// What one hook returns is what the next one gets, and what takes effect.
func TestPacketReadChangesEveryPacket(t *testing.T) {
	t.Parallel()
	var log diary
	first := fnRead(func(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
		switch p := pk.(type) {
		case *packets.Connect:
			other := *p
			other.ClientID += "-changed"
			return &other, nil
		case *packets.Publish:
			other := p.Clone()
			other.Topic, other.Payload = "new", []byte("other")
			return other, nil
		case *packets.Subscribe:
			p.Subscriptions[0].QoS = 1
		case *packets.Unsubscribe:
			return &packets.Unsubscribe{PacketID: p.PacketID, Filters: []string{"new"}}, nil
		}
		return pk, nil
	})
	second := fnRead(func(c *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
		switch p := pk.(type) {
		case *packets.Connect:
			log.add("CONNECT %s", p.ClientID)
		case *packets.Publish:
			log.add("PUBLISH %s by %s", p.Topic, c.ID())
		}
		return nil, nil // nil leaves the packet as it is
	})
	s := newServer(t, first, second)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	if _, ok := s.Client("c-changed"); !ok {
		t.Error("the changed client identifier has no effect")
	}
	if code := c.Subscribe("new", 2); code != packets.CodeGrantedQoS1 {
		t.Errorf("SUBACK %v, want QoS 1", code)
	}
	c.Send(&packets.Publish{Topic: "old", Payload: []byte("x")})
	if p := c.Message(); p.Topic != "new" || string(p.Payload) != "other" {
		t.Errorf("got %s=%s", p.Topic, p.Payload)
	}
	c.Send(&packets.Unsubscribe{PacketID: 9, Filters: []string{"nothing"}})
	if ack := mqtttest.Expect[*packets.Unsuback](c); ack.Codes[0] != packets.CodeSuccess {
		t.Errorf("UNSUBACK %v", ack.Codes[0])
	}
	log.expect(t, "CONNECT c-changed", "PUBLISH new by c-changed")
}

func TestPacketReadErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want packets.Code // of the DISCONNECT; 0: stays connected
	}{
		{"reject", mqtt.ErrRejectPacket, 0},
		{"wrapped reject", fmt.Errorf("not today: %w", mqtt.ErrRejectPacket), 0},
		{"code", packets.ErrQuotaExceeded, packets.ErrQuotaExceeded},
		{"any", errors.New("database away"), packets.ErrImplementationSpecific},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log diary
			s := newServer(t, fnRead(func(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
				if _, ok := pk.(*packets.Publish); ok {
					return pk, tt.err
				}
				return pk, nil
			}), fnPublish(func(_ *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
				log.add("published")
				return p, nil
			}))
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			c.Send(&packets.Publish{Topic: "a"})
			if tt.want != 0 {
				c.ExpectDisconnect(tt.want)
			} else {
				c.Ping()
			}
			log.expect(t)
		})
	}
}

func TestPacketReadRefusesConnect(t *testing.T) {
	t.Parallel()
	s := newServer(t, fnRead(func(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
		return pk, packets.ErrServerBusy
	}))
	c := mqtttest.DialRefused(t, s, mqtttest.Connect("c"))
	if c.Connack.Code != packets.ErrServerBusy {
		t.Errorf("CONNACK %v", c.Connack.Code)
	}
	c.ExpectClosed()
}

func TestPacketEncodeChangesEveryPacket(t *testing.T) {
	t.Parallel()
	user := packets.Properties{User: []packets.UserProperty{{Key: "by", Value: "hook"}}}
	for qos := range byte(3) {
		t.Run(fmt.Sprintf("qos %d", qos), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			sent := make(map[string][]byte)
			s := newServer(t, fnEncode(func(_ *mqtt.Client, pk packets.Packet) packets.Packet {
				switch p := pk.(type) {
				case *packets.Publish:
					other := p.Clone()
					other.Payload = append(other.Payload, " and more"...)
					return other
				case *packets.Connack:
					p.Properties.User = user.User
				case *packets.Suback:
					p.Properties.User = user.User
				case *packets.Puback:
					p.Properties.User = user.User
				}
				return nil // as it is
			}), fnEncode(func(_ *mqtt.Client, pk packets.Packet) packets.Packet {
				if p, ok := pk.(*packets.Publish); ok {
					other := p.Clone()
					other.Payload = append(other.Payload, " and more"...)
					return other
				}
				return pk
			}), fnSent(func(_ *mqtt.Client, pk packets.Packet, b []byte) {
				mu.Lock()
				defer mu.Unlock()
				sent[pk.Type().String()] = append([]byte(nil), b...)
			}))
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			if len(c.Connack.Properties.User) != 1 {
				t.Error("the changed CONNACK has no effect")
			}
			c.Subscribe("a", qos)
			if err := s.Publish("a", []byte("x"), false, qos); err != nil {
				t.Fatal(err)
			}
			got := c.Message()
			if string(got.Payload) != "x and more and more" || got.QoS != qos {
				t.Errorf("got %q with QoS %d", got.Payload, got.QoS)
			}
			c.Ping()
			mu.Lock()
			defer mu.Unlock()
			want, err := got.Append(nil, packets.V5)
			if err != nil {
				t.Fatal(err)
			}
			if string(sent["PUBLISH"]) != string(want) {
				t.Errorf("OnPacketSent saw %x, sent was %x", sent["PUBLISH"], want)
			}
		})
	}
}

// Hooks that see every packet do not change the order in which messages of one
// publisher reach a subscriber, however many publish at once [MQTT-4.6.0-5].
func TestOrderWithEncodeHooks(t *testing.T) {
	t.Parallel()
	const publishers, messages = 4, 200
	for qos := range byte(3) {
		t.Run(fmt.Sprintf("qos %d", qos), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, fnEncode(func(_ *mqtt.Client, pk packets.Packet) packets.Packet { return pk }),
				fnQosPublish(func(*mqtt.Client, *packets.Publish, time.Time, int) {}))
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			c.Subscribe("#", qos)
			var group sync.WaitGroup
			for p := range publishers {
				group.Go(func() {
					for i := range messages {
						_ = s.Publish(fmt.Sprint(p), []byte{byte(i)}, false, qos) // checked by what arrives
					}
				})
			}
			next := make(map[string]byte)
			for range publishers * messages {
				m := receivePublish(t, c)
				if want := next[m.Topic]; m.Payload[0] != want {
					t.Fatalf("publisher %s: got message %d, want %d", m.Topic, m.Payload[0], want)
				}
				next[m.Topic]++
			}
			group.Wait()
		})
	}
}

// receivePublish returns the next PUBLISH and answers whatever comes.
func receivePublish(t *testing.T, c *mqtttest.Client) *packets.Publish {
	t.Helper()
	for {
		switch pk := c.Receive().(type) {
		case *packets.Publish:
			switch pk.QoS {
			case 1:
				c.Send(&packets.Puback{PacketID: pk.PacketID})
			case 2:
				c.Send(&packets.Pubrec{PacketID: pk.PacketID})
			}
			return pk
		case *packets.Pubrel:
			c.Send(&packets.Pubcomp{PacketID: pk.PacketID})
		default:
			t.Fatalf("got %s", pk.Type())
		}
	}
}

func TestAuthPacketChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t, fnEnhanced(func(_ *mqtt.Client, method string, data []byte) ([]byte, mqtt.AuthDecision, error) {
		switch {
		case method != "m":
			return nil, mqtt.AuthPass, nil
		case data == nil:
			return []byte("who?"), mqtt.AuthContinue, nil
		case string(data) == "me indeed":
			return []byte("welcome"), mqtt.AuthAllow, nil
		}
		return nil, mqtt.AuthDeny, nil
	}), fnAuthPacket(func(_ *mqtt.Client, pk *packets.Auth) (*packets.Auth, error) {
		if string(pk.Properties.AuthenticationData) == "forbidden" {
			return nil, packets.ErrBanned
		}
		other := *pk
		other.Properties.AuthenticationData = append(other.Properties.AuthenticationData, " indeed"...)
		return &other, nil
	}))
	tests := []struct {
		name, method, data string
		want               packets.Code
	}{
		{"changed", "m", "me", packets.CodeSuccess},
		{"denied", "m", "you", packets.ErrNotAuthorized},
		{"refused by the packet hook", "m", "forbidden", packets.ErrBanned},
		{"unknown method", "n", "", packets.ErrBadAuthenticationMethod},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := mqtttest.NewClient(t, s.Conn(t), packets.V5)
			connect := mqtttest.Connect(tt.name)
			connect.Properties.AuthenticationMethod = tt.method
			c.Send(connect)
			if tt.method == "m" {
				if pk := mqtttest.Expect[*packets.Auth](c); string(pk.Properties.AuthenticationData) != "who?" {
					t.Errorf("AUTH with %q", pk.Properties.AuthenticationData)
				}
				c.Send(&packets.Auth{
					Code:       packets.CodeContinueAuthentication,
					Properties: packets.Properties{AuthenticationMethod: "m", AuthenticationData: []byte(tt.data)},
				})
			}
			ack := mqtttest.Expect[*packets.Connack](c)
			if ack.Code != tt.want {
				t.Errorf("CONNACK %v, want %v", ack.Code, tt.want)
			}
			if !tt.want.Failed() && string(ack.Properties.AuthenticationData) != "welcome" {
				t.Errorf("CONNACK with %q", ack.Properties.AuthenticationData)
			}
		})
	}
}

func TestConnectHookRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want packets.Code
	}{
		{"code", packets.ErrUseAnotherServer, packets.ErrUseAnotherServer},
		{"any", errors.New("database away"), packets.ErrImplementationSpecific},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log diary
			s := newServer(t, fnConnect(func(*mqtt.Client, *packets.Connect) error { return tt.err }),
				fnEstablish(func(*mqtt.Client, *packets.Connect) { log.add("established") }),
				fnDisconnect(func(*mqtt.Client, error, bool) { log.add("disconnected") }))
			c := mqtttest.DialRefused(t, s, mqtttest.Connect("c"))
			if c.Connack.Code != tt.want {
				t.Errorf("CONNACK %v, want %v", c.Connack.Code, tt.want)
			}
			if r := c.Connack.Properties.ReasonString; r == "database away" {
				t.Error("the client is told of the server's workings")
			}
			c.ExpectClosed()
			log.expect(t)
		})
	}
}

// A client that a hook closes before its session exists is refused, not
// accepted and cut.
func TestCloseBeforeSession(t *testing.T) {
	t.Parallel()
	for _, hook := range []any{
		fnConnect(func(c *mqtt.Client, _ *packets.Connect) error { c.Close(); return nil }),
		fnEstablish(func(c *mqtt.Client, _ *packets.Connect) { c.Close() }),
		fnAuth(func(c *mqtt.Client, _ *packets.Connect) (mqtt.Decision, error) { c.Close(); return mqtt.Allow, nil }),
	} {
		t.Run(methodOf(hook), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, hook)
			c := mqtttest.DialRefused(t, s, mqtttest.Connect("c"))
			if !c.Connack.Code.Failed() {
				t.Errorf("CONNACK %v", c.Connack.Code)
			}
			c.ExpectClosed()
		})
	}
}
