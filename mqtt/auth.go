package mqtt

import (
	"errors"

	"github.com/linnetmq/linnet/packets"
)

// authExchange is an enhanced authentication under way [MQTT-4.12.0-2].
type authExchange struct {
	connect *packets.Connect // nil when a connected client re-authenticates
}

// beginAuth starts the exchange a CONNECT with an Authentication Method asks for.
func (in *inbound) beginAuth(pk *packets.Connect) error {
	in.auth = &authExchange{connect: pk}
	return in.continueAuth(pk.Properties.AuthenticationData)
}

// continueAuth gives the client's data to the authenticators and sends their answer.
func (in *inbound) continueAuth(data []byte) error {
	c := in.client
	reply, decision, err := in.askAuthenticators(data)
	if err != nil {
		return err
	}
	switch decision {
	case AuthAllow:
		return in.authenticated(reply)
	case AuthContinue:
		in.handle = (*inbound).authenticating
		if in.auth.connect == nil {
			in.handle = (*inbound).connected
		}
		return c.appendPacket(authPacket(packets.CodeContinueAuthentication, c.authMethod, reply)) // [MQTT-4.12.0-2]
	case AuthDeny:
		return packets.ErrNotAuthorized
	default: // nobody knows the method
		return protocolErrorf(packets.ErrBadAuthenticationMethod, "the authentication method %q is not supported here", c.authMethod) // [MQTT-4.12.0-1]
	}
}

func (in *inbound) askAuthenticators(data []byte) ([]byte, AuthDecision, error) {
	c := in.client
	for _, ask := range in.server.hooks.load().enhanced {
		reply, decision, err := ask(c, c.authMethod, data)
		if err != nil || decision != AuthPass {
			return reply, decision, err
		}
	}
	return nil, AuthPass, nil
}

// authenticated completes the exchange: by CONNACK, or by AUTH to a client that
// was connected already.
func (in *inbound) authenticated(reply []byte) error {
	pk := in.auth.connect
	in.auth = nil
	if pk != nil {
		return in.establishSession(pk, reply)
	}
	return in.client.appendPacket(authPacket(packets.CodeSuccess, in.client.authMethod, reply))
}

func authPacket(code packets.Code, method string, data []byte) *packets.Auth {
	return &packets.Auth{Code: code, Properties: packets.Properties{AuthenticationMethod: method, AuthenticationData: data}}
}

// authenticating handles packets between CONNECT and CONNACK: AUTH, or the
// client's DISCONNECT [MQTT-3.1.2-30].
func (in *inbound) authenticating(first byte, body, _ []byte) error {
	pk, err := packets.Decode(first, body, in.client.version)
	if err != nil {
		return in.refuseConnect(err)
	}
	set := in.server.hooks.load()
	if pk, err = set.readPacket(in.client, pk); err != nil {
		if errors.Is(err, ErrRejectPacket) {
			return nil
		}
		return in.refuseConnect(err)
	}
	err = in.authStep(pk)
	for _, tell := range set.onPacketProcessed {
		tell(in.client, pk, err)
	}
	return err
}

func (in *inbound) authStep(pk packets.Packet) error {
	switch pk := pk.(type) {
	case *packets.Auth:
		if err := in.stepAuth(pk, packets.CodeContinueAuthentication); err != nil {
			return in.refuseConnect(err)
		}
		return nil
	case *packets.Disconnect:
		in.client.stop(errDisconnected)
		return nil
	}
	return in.refuseConnect(protocolErrorf(packets.ErrProtocolError, "%s during authentication", pk.Type()))
}

// reauthenticate handles AUTH of a connected client [MQTT-4.12.1-1].
func (in *inbound) reauthenticate(pk *packets.Auth) error {
	if in.client.authMethod == "" { // [MQTT-4.12.0-7]
		return protocolErrorf(packets.ErrProtocolError, "AUTH without an authentication method in CONNECT")
	}
	want := packets.CodeContinueAuthentication
	if in.auth == nil {
		want = packets.CodeReauthenticate
		in.auth = new(authExchange)
	}
	return in.stepAuth(pk, want) // an error ends the connection [MQTT-4.12.1-2]
}

func (in *inbound) stepAuth(pk *packets.Auth, want packets.Code) error {
	c := in.client
	for _, change := range in.server.hooks.load().onAuthPacket {
		changed, err := change(c, pk)
		if err != nil {
			return err
		}
		if changed != nil {
			pk = changed
		}
	}
	if pk.Code != want { // [MQTT-4.12.0-3]
		return protocolErrorf(packets.ErrProtocolError, "AUTH with reason code 0x%02X, want 0x%02X", byte(pk.Code), byte(want))
	}
	if pk.Properties.AuthenticationMethod != c.authMethod { // [MQTT-4.12.0-5]
		return protocolErrorf(packets.ErrProtocolError, "the authentication method changed")
	}
	return in.continueAuth(pk.Properties.AuthenticationData)
}
