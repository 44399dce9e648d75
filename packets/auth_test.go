package packets

import (
	"strings"
	"testing"
)

func TestAuthWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"success", V5, "\xf0\x00", &Auth{}},
		{"continue", V5, "\xf0\x0a\x18\x08\x15\x00\x01m\x16\x00\x01d", &Auth{ // [MQTT-3.15.2-1]
			Code:       CodeContinueAuthentication,
			Properties: Properties{AuthenticationMethod: "m", AuthenticationData: []byte("d")},
		}},
		{"re-authenticate", V5, "\xf0\x06\x19\x04\x15\x00\x01m", &Auth{
			Code: CodeReauthenticate, Properties: Properties{AuthenticationMethod: "m"},
		}},
	})
}

func TestAuthDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"v3.1", V31, 0xF0, "", ErrMalformedPacket},
		{"v3.1.1", V311, 0xF0, "", ErrMalformedPacket},
		{"flags", V5, 0xF1, "", ErrMalformedPacket}, // [MQTT-3.15.1-1]
		{"no properties", V5, 0xF0, "\x18", ErrMalformedPacket},
		{"no method", V5, 0xF0, "\x18\x00", ErrProtocolError},
		{"method twice", V5, 0xF0, "\x18\x08\x15\x00\x01m\x15\x00\x01m", ErrProtocolError},
		{"code of another packet", V5, 0xF0, "\x87\x04\x15\x00\x01m", ErrProtocolError}, // [MQTT-3.15.2-1]
		{"foreign property", V5, 0xF0, "\x18\x02\x01\x01", ErrMalformedPacket},
		{"trailing byte", V5, 0xF0, "\x18\x04\x15\x00\x01m\x00", ErrMalformedPacket},
	})
}

func TestAuthAppendRefuses(t *testing.T) {
	t.Parallel()
	method := Properties{AuthenticationMethod: "m"}
	testUnsendable(t, []unsendableCase{
		{"v3.1.1", V311, &Auth{}, ErrProtocolError},
		{"no method", V5, &Auth{Code: CodeReauthenticate}, ErrProtocolError},
		{"failure", V5, &Auth{Code: ErrNotAuthorized, Properties: method}, ErrProtocolError},
	})
}

func TestAuthLogsNoSecret(t *testing.T) {
	t.Parallel()
	got := logged(&Auth{Properties: Properties{AuthenticationMethod: "method-7", AuthenticationData: []byte("hunter2")}})
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "method-7") {
		t.Errorf("logged %s", got)
	}
}
