package mqtt_test

import (
	"errors"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// riddle is an authenticator for the method "riddle": "start" is answered by a
// challenge, "more" by another, "42" is right, "error" breaks it and everything
// else is wrong.
type riddle struct{}

func (riddle) OnEnhancedAuth(_ *mqtt.Client, method string, data []byte) ([]byte, mqtt.AuthDecision, error) {
	if method != "riddle" {
		return nil, mqtt.AuthPass, nil
	}
	switch string(data) {
	case "start", "more":
		return append([]byte("after "), data...), mqtt.AuthContinue, nil
	case "42":
		return []byte("welcome"), mqtt.AuthAllow, nil
	case "error":
		return nil, mqtt.AuthDeny, errors.New("the oracle is out")
	}
	return nil, mqtt.AuthDeny, nil
}

var _ mqtt.EnhancedAuthenticator = riddle{}

func authProperties(method, data string) packets.Properties {
	return packets.Properties{AuthenticationMethod: method, AuthenticationData: []byte(data)}
}

func authPacket(code packets.Code, method, data string) *packets.Auth {
	return &packets.Auth{Code: code, Properties: authProperties(method, data)}
}

func connectWithAuth(method, data string) *packets.Connect {
	pk := passing(packets.V5, "c")
	pk.Properties = authProperties(method, data)
	return pk
}

// beginRiddle connects as far as the first challenge.
func beginRiddle(t *testing.T, s *mqtttest.Server, connect *packets.Connect) *mqtttest.Client {
	t.Helper()
	c := mqtttest.NewClient(t, s.Conn(t), packets.V5)
	c.Send(connect)
	expectAuth(t, c, packets.CodeContinueAuthentication, "after start")
	return c
}

// [MQTT-3.15.2-1] [MQTT-4.12.0-2] [MQTT-4.12.0-5]
func expectAuth(t *testing.T, c *mqtttest.Client, code packets.Code, data string) {
	t.Helper()
	pk := mqtttest.Expect[*packets.Auth](c)
	if pk.Code != code || pk.Properties.AuthenticationMethod != "riddle" || string(pk.Properties.AuthenticationData) != data {
		t.Fatalf("AUTH 0x%02X %q %q, want 0x%02X riddle %q", byte(pk.Code), pk.Properties.AuthenticationMethod, pk.Properties.AuthenticationData, byte(code), data)
	}
}

// solvedRiddle returns a client that has connected by the method.
func solvedRiddle(t *testing.T, s *mqtttest.Server) *mqtttest.Client {
	t.Helper()
	c := beginRiddle(t, s, connectWithAuth("riddle", "start"))
	c.Send(authPacket(packets.CodeContinueAuthentication, "riddle", "42"))
	if ack := mqtttest.Expect[*packets.Connack](c); ack.Code.Failed() {
		t.Fatalf("refused with %v", ack.Code)
	}
	return c
}

// [MQTT-4.12.0-2] [MQTT-4.12.0-5]
func TestAuthInManySteps(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, riddle{})
	c := beginRiddle(t, s, connectWithAuth("riddle", "start"))
	for range 3 {
		c.Send(authPacket(packets.CodeContinueAuthentication, "riddle", "more"))
		expectAuth(t, c, packets.CodeContinueAuthentication, "after more")
	}
	c.Send(authPacket(packets.CodeContinueAuthentication, "riddle", "42"))
	ack := mqtttest.Expect[*packets.Connack](c)
	if ack.Code != packets.CodeSuccess || ack.Properties.AuthenticationMethod != "riddle" || string(ack.Properties.AuthenticationData) != "welcome" {
		t.Errorf("CONNACK %v %q %q", ack.Code, ack.Properties.AuthenticationMethod, ack.Properties.AuthenticationData)
	}
	if got := c.Subscribe("a", 1); got != packets.CodeGrantedQoS1 {
		t.Errorf("SUBACK with %v", got)
	}
}

// [MQTT-4.12.0-5]
func TestAuthInOneStep(t *testing.T) {
	t.Parallel()
	c := mqtttest.Dial(t, mqtttest.NewServer(t, riddle{}), connectWithAuth("riddle", "42"))
	if p := c.Connack.Properties; p.AuthenticationMethod != "riddle" || string(p.AuthenticationData) != "welcome" {
		t.Errorf("CONNACK with method %q and data %q", p.AuthenticationMethod, p.AuthenticationData)
	}
	c.Ping()
}

// Until the CONNACK nothing but AUTH and DISCONNECT is taken, and no session exists.
func TestAuthRefused(t *testing.T) {
	t.Parallel()
	const more = packets.CodeContinueAuthentication
	tests := []struct {
		name    string
		hooks   []any
		connect *packets.Connect
		then    packets.Packet // after the first challenge, nil without one
		want    packets.Code
	}{
		{"no authenticator [MQTT-4.12.0-1]", nil, connectWithAuth("riddle", "42"), nil, packets.ErrBadAuthenticationMethod},
		{"unknown method [MQTT-4.12.0-1]", []any{riddle{}}, connectWithAuth("sphinx", "42"), nil, packets.ErrBadAuthenticationMethod},
		{"wrong at once [MQTT-4.12.0-4] [MQTT-4.13.2-1]", []any{riddle{}}, connectWithAuth("riddle", "41"), nil, packets.ErrNotAuthorized},
		{"authenticator fails [MQTT-4.12.0-4]", []any{riddle{}}, connectWithAuth("riddle", "error"), nil, packets.ErrImplementationSpecific},
		{"wrong later [MQTT-4.12.0-4]", []any{riddle{}}, connectWithAuth("riddle", "start"), authPacket(more, "riddle", "41"), packets.ErrNotAuthorized},
		{"AUTH with 0x00 [MQTT-4.12.0-3]", []any{riddle{}}, connectWithAuth("riddle", "start"), authPacket(packets.CodeSuccess, "riddle", "42"), packets.ErrProtocolError},
		{"AUTH with 0x19 [MQTT-4.12.0-3]", []any{riddle{}}, connectWithAuth("riddle", "start"), authPacket(packets.CodeReauthenticate, "riddle", "42"), packets.ErrProtocolError},
		{"method changes [MQTT-4.12.0-5]", []any{riddle{}}, connectWithAuth("riddle", "start"), authPacket(more, "Riddle", "42"), packets.ErrProtocolError},
		{"PUBLISH in between", []any{riddle{}}, connectWithAuth("riddle", "start"), &packets.Publish{Topic: "a"}, packets.ErrProtocolError},
		{"CONNECT in between", []any{riddle{}}, connectWithAuth("riddle", "start"), connectWithAuth("riddle", "42"), packets.ErrProtocolError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t, tt.hooks...)
			var ack *packets.Connack
			var c *mqtttest.Client
			if tt.then != nil {
				c = beginRiddle(t, s, tt.connect)
				c.Send(tt.then)
				ack = mqtttest.Expect[*packets.Connack](c)
			} else {
				c = mqtttest.DialRefused(t, s, tt.connect)
				ack = c.Connack
			}
			if ack.Code != tt.want {
				t.Errorf("CONNACK 0x%02X, want 0x%02X", byte(ack.Code), byte(tt.want))
			}
			c.ExpectClosed()
			if _, there := s.Client("c"); there {
				t.Error("the client is connected all the same")
			}
		})
	}
}

func TestAuthGivenUp(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, riddle{})
	c := beginRiddle(t, s, connectWithAuth("riddle", "start"))
	c.Send(&packets.Disconnect{}, authPacket(packets.CodeContinueAuthentication, "riddle", "42"))
	c.ExpectClosed()
}

// [MQTT-4.12.0-6] [MQTT-4.12.0-7]
func TestAuthWithoutMethod(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, riddle{})
	c := mqtttest.Dial(t, s, passing(packets.V5, "c")) // and no AUTH before the CONNACK
	if p := c.Connack.Properties; p.AuthenticationMethod != "" || p.Has(packets.PropAuthenticationData) {
		t.Errorf("CONNACK with method %q and data %q", p.AuthenticationMethod, p.AuthenticationData)
	}
	c.Ping()
	c.Send(authPacket(packets.CodeReauthenticate, "riddle", "42"))
	c.ExpectDisconnect(packets.ErrProtocolError)
}

// [MQTT-4.12.1-1]
func TestReauthentication(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, riddle{})
	c := solvedRiddle(t, s)
	for range 2 {
		c.Send(authPacket(packets.CodeReauthenticate, "riddle", "start"))
		expectAuth(t, c, packets.CodeContinueAuthentication, "after start")
		c.Publish("a", "meanwhile all goes on", 1, false)
		c.Send(authPacket(packets.CodeContinueAuthentication, "riddle", "42"))
		expectAuth(t, c, packets.CodeSuccess, "welcome")
	}
	c.Ping()
}

func TestReauthenticationRefused(t *testing.T) {
	t.Parallel()
	again := func(method, data string) *packets.Auth { return authPacket(packets.CodeReauthenticate, method, data) }
	tests := []struct {
		name string
		send []packets.Packet
		want packets.Code
	}{
		{"with 0x18 [MQTT-4.12.1-1]", []packets.Packet{authPacket(packets.CodeContinueAuthentication, "riddle", "42")}, packets.ErrProtocolError},
		{"with 0x00 [MQTT-4.12.1-1]", []packets.Packet{authPacket(packets.CodeSuccess, "riddle", "42")}, packets.ErrProtocolError},
		{"with another method [MQTT-4.12.1-1]", []packets.Packet{again("sphinx", "42")}, packets.ErrProtocolError},
		{"wrong [MQTT-4.12.1-2]", []packets.Packet{again("riddle", "41")}, packets.ErrNotAuthorized},
		{"wrong later [MQTT-4.12.1-2]", []packets.Packet{again("riddle", "start"), authPacket(packets.CodeContinueAuthentication, "riddle", "41")}, packets.ErrNotAuthorized},
		{"begun twice [MQTT-4.12.0-3]", []packets.Packet{again("riddle", "start"), again("riddle", "start")}, packets.ErrProtocolError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := solvedRiddle(t, mqtttest.NewServer(t, riddle{}))
			for i, pk := range tt.send {
				if i > 0 {
					expectAuth(t, c, packets.CodeContinueAuthentication, "after start")
				}
				c.Send(pk)
			}
			c.ExpectDisconnect(tt.want)
		})
	}
}

// [MQTT-4.12.1-2]
// An authenticator that fails ends the connection too.
func TestReauthenticationFails(t *testing.T) {
	t.Parallel()
	c := solvedRiddle(t, mqtttest.NewServer(t, riddle{}))
	c.Send(authPacket(packets.CodeReauthenticate, "riddle", "error"))
	c.ExpectDisconnect(packets.ErrImplementationSpecific)
}

// [MQTT-3.15.1-1] [MQTT-3.15.2-1]
func TestMalformedAuth(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		send []byte
		want packets.Code
	}{
		{"flags", []byte{0xF1, 0}, packets.ErrMalformedPacket},
		{"foreign reason code", []byte{0xF0, 6, 0x87, 4, 0x15, 0, 1, 'm'}, packets.ErrProtocolError},
		{"no method", []byte{0xF0, 2, 0x19, 0}, packets.ErrProtocolError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := solvedRiddle(t, mqtttest.NewServer(t, riddle{}))
			c.Write(tt.send)
			c.ExpectDisconnect(tt.want)
		})
	}
	t.Run("in 3.1.1", func(t *testing.T) {
		t.Parallel()
		c := mqtttest.Dial(t, mqtttest.NewServer(t, riddle{}), passing(packets.V311, "c"))
		c.Write([]byte{0xF0, 0})
		c.ExpectClosed()
	})
}

// [MQTT-3.15.2-2] [MQTT-3.15.2-3]
func TestAuthLeavesOutWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, riddle{}, talkative{packets.TypeAuth, 200, 200})
	connect := connectWithAuth("riddle", "start")
	connect.Properties.MaximumPacketSize = 100
	c := beginRiddle(t, s, connect)
	c.Send(authPacket(packets.CodeContinueAuthentication, "riddle", "42"))
	mqtttest.Expect[*packets.Connack](c)
}
