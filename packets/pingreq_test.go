package packets

import "testing"

func TestPingreq(t *testing.T) {
	t.Parallel()
	for _, v := range versions {
		testWire(t, []wireCase{{v.String(), v, "\xC0\x00", &Pingreq{}}})
	}
	testRefused(t, []refusedCase{
		{"flags", V5, 0xC0 | 1, "", ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"body", V5, 0xC0, "\x00", ErrMalformedPacket},
		{"body in v3", V311, 0xC0, "\x00", ErrMalformedPacket},
	})
}
