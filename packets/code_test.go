package packets

import (
	"errors"
	"fmt"
	"testing"
)

// reasonCodes is every code of MQTT 5.0, section 2.4, with the packets of its
// table in chapter 3.
var reasonCodes = map[Code][]Type{
	0x00: {TypeConnack, TypePuback, TypePubrec, TypePubrel, TypePubcomp, TypeSuback, TypeUnsuback, TypeDisconnect, TypeAuth},
	0x01: {TypeSuback},
	0x02: {TypeSuback},
	0x04: {TypeDisconnect},
	0x10: {TypePuback, TypePubrec},
	0x11: {TypeUnsuback},
	0x18: {TypeAuth},
	0x19: {TypeAuth},
	0x80: {TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeUnsuback, TypeDisconnect},
	0x81: {TypeConnack, TypeDisconnect},
	0x82: {TypeConnack, TypeDisconnect},
	0x83: {TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeUnsuback, TypeDisconnect},
	0x84: {TypeConnack},
	0x85: {TypeConnack},
	0x86: {TypeConnack},
	0x87: {TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeUnsuback, TypeDisconnect},
	0x88: {TypeConnack},
	0x89: {TypeConnack, TypeDisconnect},
	0x8A: {TypeConnack},
	0x8B: {TypeDisconnect},
	0x8C: {TypeConnack, TypeDisconnect},
	0x8D: {TypeDisconnect},
	0x8E: {TypeDisconnect},
	0x8F: {TypeSuback, TypeUnsuback, TypeDisconnect},
	0x90: {TypeConnack, TypePuback, TypePubrec, TypeDisconnect},
	0x91: {TypePuback, TypePubrec, TypeSuback, TypeUnsuback},
	0x92: {TypePubrel, TypePubcomp},
	0x93: {TypeDisconnect},
	0x94: {TypeDisconnect},
	0x95: {TypeConnack, TypeDisconnect},
	0x96: {TypeDisconnect},
	0x97: {TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeDisconnect},
	0x98: {TypeDisconnect},
	0x99: {TypeConnack, TypePuback, TypePubrec, TypeDisconnect},
	0x9A: {TypeConnack, TypeDisconnect},
	0x9B: {TypeConnack, TypeDisconnect},
	0x9C: {TypeConnack, TypeDisconnect},
	0x9D: {TypeConnack, TypeDisconnect},
	0x9E: {TypeSuback, TypeDisconnect},
	0x9F: {TypeConnack, TypeDisconnect},
	0xA0: {TypeDisconnect},
	0xA1: {TypeSuback, TypeDisconnect},
	0xA2: {TypeSuback, TypeDisconnect},
}

// [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
// [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.14.2-1] [MQTT-3.15.2-1]
func TestCodeAllowedIn(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		c := Code(i)
		allowed := inPackets(reasonCodes[c]...)
		for ty := TypeConnect; ty <= TypeWill; ty++ {
			if got, want := c.AllowedIn(ty), allowed&(1<<ty) != 0; got != want {
				t.Errorf("0x%02X in %s: %t, want %t", i, ty, got, want)
			}
		}
		if named := codeNames[c] != ""; named != (len(reasonCodes[c]) > 0) {
			t.Errorf("0x%02X has the name %q", i, codeNames[c])
		}
	}
}

func TestCodeFor(t *testing.T) {
	t.Parallel()
	for c := range reasonCodes {
		for _, ty := range reasonCodes[CodeSuccess] {
			near := c.For(ty)
			if c.AllowedIn(ty) && near != c {
				t.Errorf("%s: %v became %v", ty, c, near)
			}
			if near.Failed() != c.Failed() {
				t.Errorf("%s: %v became %v", ty, c, near)
			}
			if c.Failed() && ty != TypeAuth && !near.AllowedIn(ty) {
				t.Errorf("%s: %v became %v, which it may not carry", ty, c, near)
			}
		}
	}
}

func TestCodeConnackV3(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code Code
		want byte
	}{
		{CodeSuccess, 0},
		{ErrUnsupportedProtocolVersion, 1},
		{ErrClientIdentifierNotValid, 2},
		{ErrServerUnavailable, 3},
		{ErrServerBusy, 3},
		{ErrQuotaExceeded, 3},
		{ErrUseAnotherServer, 3},
		{ErrServerMoved, 3},
		{ErrConnectionRateExceeded, 3},
		{ErrUnspecified, 3},
		{ErrBadUsernameOrPassword, 4},
		{ErrBadAuthenticationMethod, 4},
		{ErrNotAuthorized, 5},
		{ErrBanned, 5},
	} {
		if got := tc.code.ConnackV3(); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.code, got, tc.want)
		}
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  error
		want Code
	}{
		{"nil", nil, CodeSuccess},
		{"code", ErrServerBusy, ErrServerBusy},
		{"error", malformed("x"), ErrMalformedPacket},
		{"wrapped", fmt.Errorf("read: %w", protocolError("x")), ErrProtocolError},
		{"foreign", errors.New("disk full"), ErrUnspecified},
	} {
		if got := CodeOf(tc.err); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if !errors.Is(malformed("x"), ErrMalformedPacket) || errors.Is(malformed("x"), ErrProtocolError) {
		t.Error("errors.Is does not see the code")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ got, want string }{
		{V31.String(), "3.1"},
		{V311.String(), "3.1.1"},
		{V5.String(), "5.0"},
		{Version(9).String(), "Version(9)"},
		{TypeConnect.String(), "CONNECT"},
		{TypeAuth.String(), "AUTH"},
		{Type(0).String(), "Type(0)"},
		{Type(99).String(), "Type(99)"},
		{ErrTopicNameInvalid.Error(), "topic name invalid"},
		{Code(0xFE).String(), "unknown reason code 0xFE"},
		{malformed("why").Error(), "malformed packet: why"},
		{(&Error{Code: ErrServerBusy}).Error(), "server busy"},
		{PropReceiveMaximum.String(), "Receive Maximum"},
		{PropertyID(0).String(), "Property(0)"},
		{PropertyID(200).String(), "Property(200)"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
