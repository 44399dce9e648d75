package mqtt_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// MQTT 3.1 lets requests be repeated with DUP, which later versions refuse.
func TestDupOfRequestsIn31(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		got := exchange(t, s, encode(t, packets.V31, cleanConnect(packets.V31, "c")),
			pk(0x8a, raw(0, 1), text("t"), raw(2)),
			encode(t, packets.V31, &packets.Publish{Topic: "u", QoS: 2, PacketID: 7}),
			pk(0x6a, raw(0, 7)),
			pk(0xaa, raw(0, 2), text("t")),
			pk(0xe0))
		want := slices.Concat(pk(0x20, raw(0, 0)), pk(0x90, raw(0, 1, 2)), pk(0x50, raw(0, 7)), pk(0x70, raw(0, 7)), pk(0xb0, raw(0, 2)))
		if !bytes.Equal(got, want) {
			t.Errorf("the server sent % x, want % x", got, want)
		}
	})
}

// MQTT 3.1 gives the length of a CONNECT precedence over its flags.
func TestLeftOutCredentialsIn31(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		for _, payload := range [][]byte{text("c"), slices.Concat(text("c"), text("user"))} {
			raw := rawConnect{version: packets.V31, flags: 0xc2, payload: payload}
			if got := exchange(t, s, raw.bytes(), pk(0xe0)); !bytes.Equal(got, []byte{0x20, 2, 0, 0}) {
				t.Errorf("answered by % x", got)
			}
		}
	})
}
