package mqtt

import (
	"testing"

	"github.com/linnetmq/linnet/packets"
)

// A PUBREL on a connection that was replaced frees no packet identifier, so it
// must not be answered: the client would use the identifier for another message,
// which would be taken for the old one [MQTT-4.3.3-11].
func TestPubrelOnReplacedConnection(t *testing.T) {
	t.Parallel()
	s := New(nil)
	defer s.Close()
	sess := s.newSession("c", "")
	sess.received = map[uint16]struct{}{7: {}}
	old, next := s.newClient(nil, "l"), s.newClient(nil, "l")
	for _, c := range []*Client{old, next} {
		c.version = packets.V5
		c.session.Store(sess)
		sess.attach(c, 60)
	}
	for _, tt := range []struct {
		name    string
		client  *Client
		answers int
	}{{"replaced", old, 0}, {"current", next, 4}} {
		in := &inbound{router: router{server: s}, client: tt.client}
		in.step(byte(packets.TypePubrel)<<4|2, []byte{0, 7})
		in.settle()
		_, known := sess.received[7]
		if len(in.answers) != tt.answers || known != (tt.answers == 0) {
			t.Errorf("%s: %d bytes of answers, identifier known: %t", tt.name, len(in.answers), known)
		}
	}
}
