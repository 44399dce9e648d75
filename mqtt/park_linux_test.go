package mqtt

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/packets"
)

// parkServer serves TCP on loopback and admits everybody.
func parkServer(t *testing.T, hooks ...any) (*Server, string) {
	t.Helper()
	s := New(&Options{SysTopicResendInterval: -1})
	for _, hook := range append(hooks, HookFuncs{OnConnect: func(*Client) packets.Code { return packets.CodeSuccess }}) {
		if err := s.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	l := listeners.NewTCP("tcp", "127.0.0.1:0", nil)
	if err := errors.Join(s.AddListener(l), s.Serve()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, l.Address()
}

// peer is a connected client by hand.
type peer struct {
	t *testing.T
	net.Conn
	*packets.Reader
}

func dialPeer(t *testing.T, addr string, connect packets.Connect) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	connect.Version = packets.V5
	p := &peer{t, conn, packets.NewReader(conn, 0)}
	p.SetVersion(packets.V5)
	p.send(&connect)
	p.expect(packets.TypeConnack)
	return p
}

func (p *peer) send(pks ...packets.Packet) {
	p.t.Helper()
	for _, pk := range pks {
		b, err := pk.Append(nil, packets.V5)
		if err == nil {
			_, err = p.Write(b)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *peer) expect(want packets.Type) packets.Packet {
	p.t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	pk, err := p.ReadPacket()
	if err != nil || pk.Type() != want {
		p.t.Fatalf("got %v, %v; want %v", pk, err, want)
	}
	return pk
}

// park parks a client and waits until it is.
func park(t *testing.T, s *Server, clientID string) *Client {
	t.Helper()
	c, ok := s.Client(clientID)
	if !ok {
		t.Fatalf("%s is not connected", clientID)
	}
	eventually(t, clientID+" parks", func() bool {
		c.askToPark(s.clock.now() + 1)
		return c.parked.Load()
	})
	return c
}

// Park parks a client and waits until it is, for tests outside the package.
func Park(t *testing.T, s *Server, clientID string) {
	t.Helper()
	park(t, s, clientID)
}

// AskToPark asks every connection to park.
func AskToPark(s *Server) {
	for _, c := range s.connections() {
		c.askToPark(s.clock.now() + 1)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not happen: " + what)
		}
	}
}

func TestParkedConnectionGoesOn(t *testing.T) {
	t.Parallel()
	s, addr := parkServer(t)
	p := dialPeer(t, addr, packets.Connect{ClientID: "p", CleanStart: true})
	p.send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "t", QoS: 2}}})
	p.expect(packets.TypeSuback)
	first := &packets.Publish{Topic: "t", Payload: []byte("x"), Properties: packets.Properties{TopicAlias: 3}}
	p.send(first)
	p.expect(packets.TypePublish)
	for range 3 {
		park(t, s, "p")
		if err := s.Publish("t", []byte("to a parked one"), false, 1); err != nil {
			t.Fatal(err)
		}
		got := p.expect(packets.TypePublish).(*packets.Publish)
		p.send(&packets.Puback{PacketID: got.PacketID})
		p.send(&packets.Publish{Payload: []byte("by alias"), Properties: packets.Properties{TopicAlias: 3}})
		if got := p.expect(packets.TypePublish).(*packets.Publish); got.Topic != "t" || string(got.Payload) != "by alias" {
			t.Errorf("got %q on %q: the Topic Alias did not survive parking", got.Payload, got.Topic)
		}
	}
	park(t, s, "p")
	if _, err := p.Write([]byte{0xC0}); err != nil { // half a PINGREQ wakes it; it cannot park now
		t.Fatal(err)
	}
	c, _ := s.Client("p")
	eventually(t, "half a packet wakes", func() bool { return !c.parked.Load() })
	c.askToPark(s.clock.now() + 1)
	if _, err := p.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	p.expect(packets.TypePingresp)
}

func TestParkedConnectionEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, s *Server, addr string, p *peer)
		want packets.Code // of the DISCONNECT, 0 for none
	}{
		{"by its peer", func(t *testing.T, _ *Server, _ string, p *peer) {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}, 0},
		{"by the server", func(_ *testing.T, s *Server, _ string, _ *peer) {
			c, _ := s.Client("p")
			c.Close()
		}, packets.ErrAdministrativeAction},
		{"by takeover", func(t *testing.T, _ *Server, addr string, _ *peer) {
			dialPeer(t, addr, packets.Connect{ClientID: "p", CleanStart: true})
		}, packets.ErrSessionTakenOver},
		{"by its keep alive", func(_ *testing.T, s *Server, _ string, _ *peer) {
			c, _ := s.Client("p")
			c.expire(s.clock.now() + instant(time.Hour))
		}, packets.ErrKeepAliveTimeout},
		{"by shutdown", func(t *testing.T, s *Server, _ string, _ *peer) {
			var wg sync.WaitGroup
			wg.Go(func() { _ = s.Shutdown(t.Context()) }) // ends when the test has read the DISCONNECT
			t.Cleanup(wg.Wait)
		}, packets.ErrServerShuttingDown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan error, 2)
			s, addr := parkServer(t, HookFuncs{OnClose: func(_ *Client, err error) { gone <- err }})
			p := dialPeer(t, addr, packets.Connect{ClientID: "p", CleanStart: true, KeepAlive: 60})
			c := park(t, s, "p")
			tc.do(t, s, addr, p)
			if tc.want != 0 {
				if got := p.expect(packets.TypeDisconnect).(*packets.Disconnect); got.Code != tc.want {
					t.Errorf("DISCONNECT with %v, want %v", got.Code, tc.want)
				}
				_ = p.Close() // the server lingers for it
			}
			select {
			case <-gone:
			case <-time.After(10 * time.Second):
				t.Fatal("OnClose was not called")
			}
			eventually(t, "the server forgets it", func() bool {
				parker := s.parker.Load()
				parker.mu.Lock()
				defer parker.mu.Unlock()
				return parker.slots[c.fd].client != c
			})
		})
	}
}

// A connection that could not be parked leaves nothing of it in the parker.
func TestParkingThatFails(t *testing.T) {
	t.Parallel()
	s, addr := parkServer(t)
	dialPeer(t, addr, packets.Connect{ClientID: "c", CleanStart: true})
	p := s.parker.Load()
	p.poller.close()
	var c *Client
	eventually(t, "the connection to be asked to park", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range p.slots {
			if p.slots[i].generation > 0 {
				c = p.slots[i].client
				return true
			}
		}
		return false
	})
	if c != nil {
		c.Close()
	}
	eventually(t, "its place to be free", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range p.slots {
			if p.slots[i].client != nil {
				return false
			}
		}
		return len(p.awake) == 0
	})
}

// TestParkingUnderTraffic parks connections as fast as it can while they work.
func TestParkingUnderTraffic(t *testing.T) {
	t.Parallel()
	s, addr := parkServer(t)
	const clients, rounds = 20, 50
	done := make(chan struct{})
	var sweeper, wg sync.WaitGroup
	sweeper.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			AskToPark(s)
		}
	})
	for i := range clients {
		p := dialPeer(t, addr, packets.Connect{ClientID: fmt.Sprint("c", i), CleanStart: true})
		topic := fmt.Sprint("t", i)
		p.send(&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: topic, QoS: 2}}})
		p.expect(packets.TypeSuback)
		wg.Go(func() {
			for range rounds {
				p.send(&packets.Publish{Topic: topic, Payload: []byte("x")}, &packets.Pingreq{})
				p.expect(packets.TypePublish)
				p.expect(packets.TypePingresp)
			}
		})
	}
	wg.Wait()
	close(done)
	sweeper.Wait()
}
