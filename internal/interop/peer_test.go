package interop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// newBroker starts a broker with the suite's options and hook.
func newBroker(t *testing.T) *mqtttest.Server {
	t.Helper()
	return mqtttest.NewServerWith(t, PahoOptions(), PahoHook())
}

// peer is a client that carries on all flows at once, in whatever order the
// broker sends, as a complete client library does.
type peer struct {
	*mqtttest.Client
	got       []*packets.Publish
	completed int // flows of its own messages
	answers   []packets.Packet
}

func dial(t *testing.T, s *mqtttest.Server, pk *packets.Connect) *peer {
	t.Helper()
	return &peer{Client: mqtttest.Dial(t, s, pk)}
}

// connect3 is a CONNECT of MQTT 3.1.1, connect5 one of 5.0.
func connect3(clientID string, cleanSession bool) *packets.Connect {
	return &packets.Connect{Version: packets.V311, ClientID: clientID, CleanStart: cleanSession}
}

func connect5(clientID string, cleanStart bool) *packets.Connect {
	return &packets.Connect{Version: packets.V5, ClientID: clientID, CleanStart: cleanStart}
}

// publish sends messages without waiting for an acknowledgement.
func (p *peer) publish(messages ...packets.Publish) {
	for i := range messages {
		if messages[i].QoS > 0 {
			messages[i].PacketID = p.PacketID()
		}
		p.Send(&messages[i])
	}
}

// handle receives one packet and answers it.
func (p *peer) handle() {
	switch pk := p.Receive().(type) {
	case *packets.Publish:
		p.got = append(p.got, pk)
		switch pk.QoS {
		case 1:
			p.Send(&packets.Puback{PacketID: pk.PacketID})
		case 2:
			p.Send(&packets.Pubrec{PacketID: pk.PacketID})
		}
	case *packets.Pubrel:
		p.Send(&packets.Pubcomp{PacketID: pk.PacketID})
	case *packets.Pubrec:
		p.Send(&packets.Pubrel{PacketID: pk.PacketID})
	case *packets.Puback, *packets.Pubcomp:
		p.completed++
	default:
		p.answers = append(p.answers, pk)
	}
}

// await handles packets until the peer has got that many messages and as many
// of its own are completed.
func (p *peer) await(messages, completed int) {
	for len(p.got) < messages || p.completed < completed {
		p.handle()
	}
}

// settle handles packets until a round trip shows that nothing is left, and
// returns what came since the last settle.
func (p *peer) settle() []*packets.Publish {
	for range 3 { // PUBREC is followed by PUBREL, and that by PUBCOMP
		p.Send(&packets.Pingreq{})
		for p.answers = nil; ; {
			p.handle()
			if len(p.answers) > 0 {
				break
			}
		}
	}
	got := p.got
	p.got, p.completed = nil, 0
	return got
}

// describe writes messages as "topic payload qos retain", sorted if the order
// is free.
func describe(messages []*packets.Publish, anyOrder bool) []string {
	var all []string
	for _, m := range messages {
		all = append(all, fmt.Sprintf("%s %q q%d r%t", m.Topic, m.Payload, m.QoS, m.Retain))
	}
	if anyOrder {
		slices.Sort(all)
	}
	return all
}

func expect(t *testing.T, what string, got []*packets.Publish, want ...string) {
	t.Helper()
	if have := describe(got, false); !slices.Equal(have, want) {
		t.Errorf("%s: got %v, want %v", what, have, want)
	}
}
