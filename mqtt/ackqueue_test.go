package mqtt

import (
	"errors"
	"testing"

	"github.com/linnetmq/linnet/packets"
)

// A v3 client whose message could not be stored is disconnected and sends it
// again. What stands behind it must not be acknowledged, else the messages change
// places [MQTT-4.6.0-2]; a v5 client is told and goes on.
func TestNothingIsAcknowledgedBehindARefusalThatEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		version packets.Version
		bytes   int // of answers
	}{
		{"MQTT 3.1.1", packets.V311, 4},
		{"MQTT 5.0", packets.V5, 4 + 5 + 4 + 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := New(nil)
			defer s.Close()
			c := s.newClient(nil, "l")
			c.version = tt.version
			q := &ackQueue{client: c, room: make(chan struct{}, 1)}
			for id := uint16(1); id <= 3; id++ {
				q.push(pendingAck{t: packets.TypePuback, id: id})
			}
			q.push(pendingAck{t: packets.TypePuback, id: 4, ready: true})
			q.resolve(1, nil)
			q.resolve(1, errors.New("no disk"))
			q.resolve(1, nil)
			if n := q.len(); n != 0 {
				t.Errorf("%d acknowledgements are left", n)
			}
			if taken := q.push(pendingAck{t: packets.TypePuback, id: 5, ready: true}); taken != (tt.version != packets.V5) {
				t.Errorf("one more was taken: %t", taken)
			}
			if have := c.out.pending; have != tt.bytes {
				t.Errorf("%d bytes of answers, want %d", have, tt.bytes)
			}
		})
	}
}
