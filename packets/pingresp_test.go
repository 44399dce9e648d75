package packets

import "testing"

func TestPingresp(t *testing.T) {
	t.Parallel()
	for _, v := range versions {
		testWire(t, []wireCase{{v.String(), v, "\xD0\x00", &Pingresp{}}})
	}
	testRefused(t, []refusedCase{
		{"flags", V5, 0xD0 | 1, "", ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"body", V5, 0xD0, "\x00", ErrMalformedPacket},
		{"body in v3", V311, 0xD0, "\x00", ErrMalformedPacket},
	})
}
