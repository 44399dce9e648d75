package crash

import (
	"net"

	"github.com/linnetmq/linnet/packets"
)

// readRetained has somebody new read all retained messages over conn, and
// closes it.
func (w *world) readRetained(conn net.Conn) error {
	l := newLink(conn, int(w.links.Add(1)), packets.V311)
	defer l.close()
	note := func(e Event) {
		e.Client, e.Conn = "reader", l.number
		w.history.add(e)
	}
	note(Event{Kind: ConnectSent, Clean: true})
	if err := l.send(&packets.Connect{Version: packets.V311, ClientID: "reader", CleanStart: true}); err != nil {
		return err
	}
	asked := false
	for {
		pk, err := l.receive()
		if err != nil {
			return err
		}
		switch pk := pk.(type) {
		case *packets.Connack:
			note(Event{Kind: ConnackReceived, Present: pk.SessionPresent, Code: pk.Code})
			note(Event{Kind: RetainedAsked})
			asked = true
			// The answer to the PINGREQ comes after the retained messages.
			err = l.send(
				&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: allRetained}}},
				&packets.Pingreq{})
		case *packets.Publish:
			note(publishReceived(RetainedReceived, pk))
		case *packets.Pingresp:
			if asked {
				note(Event{Kind: RetainedEnd})
			}
			return l.send(&packets.Disconnect{})
		}
		if err != nil {
			return err
		}
	}
}
