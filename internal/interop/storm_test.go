package interop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

const (
	stormClients = 200
	stormRounds  = 12
	stormTopics  = 20
)

// census counts connections in and out, and tells when all have left.
type census struct {
	in, out atomic.Int64
	left    chan struct{} // a token after each departure; one is enough to look again
}

func (c *census) OnSessionEstablish(*mqtt.Client, *packets.Connect) { c.in.Add(1) }

func (c *census) OnDisconnect(*mqtt.Client, error, bool) {
	c.out.Add(1)
	select {
	case c.left <- struct{}{}:
	default:
	}
}

// awaitEmpty waits until every connection that came has gone.
func (c *census) awaitEmpty(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for c.in.Load() != c.out.Load() {
		select {
		case <-c.left:
		case <-timer.C:
			t.Fatalf("%d connections came, %d went", c.in.Load(), c.out.Load())
		}
	}
}

// TestStorm has many clients do what they like over real sockets: connect under
// each other's names, subscribe, publish, stop reading, send half a packet or
// nonsense, vanish. In the end nothing may be left of them: no connection, no
// goroutine, no subscription, no queued message. It is not parallel, since it
// looks at all goroutines of the process.
func TestStorm(t *testing.T) {
	options := PahoOptions()
	options.SysTopicResendInterval = 1
	options.Capabilities.MaximumInflight = 10
	options.Capabilities.MaximumClientWritesPending = 16 << 10
	options.Capabilities.MaximumDurableQueueMessages = 50
	s := mqtt.New(options)
	count := &census{left: make(chan struct{}, 1)}
	tcp := listeners.NewTCP("storm", "127.0.0.1:0", nil)
	if err := errors.Join(s.AddHook(PahoHook(), nil), s.AddHook(count, nil), s.AddListener(tcp), s.Serve()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range stormClients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), rand.Uint64()))
			for range stormRounds {
				raider{r: r, address: tcp.Address()}.raid(t.Context())
			}
		})
	}
	wg.Wait()
	count.awaitEmpty(t)

	calm := rand.New(rand.NewPCG(0, 0))
	for i := range stormClients { // ends what persistent sessions were left
		if err := (raider{r: calm, address: tcp.Address()}).sweep(t.Context(), stormName(i)); err != nil {
			t.Fatal(err)
		}
	}
	count.awaitEmpty(t)
	st := s.Stats()
	for name, left := range map[string]int64{
		"connected": st.ClientsConnected, "offline": st.ClientsDisconnected, "subscriptions": st.Subscriptions,
		"in flight": st.Inflight, "queued": st.Queued, "queued bytes": st.QueuedBytes,
	} {
		if left != 0 {
			t.Errorf("%s: %d left", name, left)
		}
	}
	if st.Retained > 64+stormTopics { // $SYS and ours
		t.Errorf("%d retained messages", st.Retained)
	}
	t.Logf("%d connections, %d messages received, %d sent, %d dropped", count.in.Load(), st.MessagesReceived, st.MessagesSent, st.MessagesDropped)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	var stacks strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stacks.String(), "/linnet/mqtt") || strings.Contains(stacks.String(), "/linnet/listeners") {
		t.Errorf("goroutines left:\n%s", stacks.String())
	}
}

func stormName(i int) string { return fmt.Sprint("storm-", i%(stormClients*3/4)) } // some share a name

// raider is one connection of the storm. Errors end it, as they should.
type raider struct {
	r       *rand.Rand
	address string
	conn    net.Conn
	version packets.Version
	reader  *packets.Reader
	nextID  uint16
}

func (d *raider) send(pks ...packets.Packet) bool {
	var b []byte
	for _, pk := range pks {
		var err error
		if b, err = pk.Append(b, d.version); err != nil {
			panic(err)
		}
	}
	_, err := d.conn.Write(b)
	return err == nil
}

func (d *raider) id() uint16 {
	d.nextID++
	return d.nextID
}

// open connects and reads the CONNACK.
func (d *raider) open(ctx context.Context, clientID string, clean bool) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return err
	}
	d.conn = conn
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	d.version = []packets.Version{packets.V311, packets.V5}[d.r.IntN(2)]
	pk := &packets.Connect{Version: d.version, ClientID: clientID, CleanStart: clean, KeepAlive: 60}
	if d.version == packets.V5 && !clean {
		pk.Properties.SessionExpiryInterval = 600
		pk.Properties.TopicAliasMaximum = uint16(d.r.IntN(3))
	}
	if !clean && d.r.IntN(2) == 0 {
		pk.WillFlag = true
		pk.Will = packets.Will{Topic: d.topic(), Payload: []byte("will"), QoS: byte(d.r.IntN(3)), Retain: d.r.IntN(4) == 0}
	}
	d.reader = packets.NewReader(conn, 0)
	d.reader.SetVersion(d.version)
	if !d.send(pk) {
		return errors.New("CONNECT not sent")
	}
	_, err = d.reader.ReadPacket()
	return err
}

func (d *raider) topic() string { return fmt.Sprint("storm/", d.r.IntN(stormTopics)) }

// sweep ends a session of a name.
func (d raider) sweep(ctx context.Context, clientID string) error {
	if err := d.open(ctx, clientID, true); err != nil {
		return err
	}
	d.send(&packets.Disconnect{})
	return d.conn.Close()
}

// raid connects, does some things and goes in one of the ways clients go.
func (d raider) raid(ctx context.Context) {
	if err := d.open(ctx, stormName(d.r.IntN(stormClients)), d.r.IntN(2) == 0); err != nil {
		if d.conn != nil {
			d.conn.Close()
		}
		return
	}
	defer d.conn.Close()
	for range 1 + d.r.IntN(12) {
		if !d.act() {
			return
		}
	}
	switch d.r.IntN(5) {
	case 0:
		d.send(&packets.Disconnect{})
	case 1: // half a packet
		_, _ = d.conn.Write([]byte{0x30, 200, 0, 5, 'h'})
	case 2: // nonsense
		_, _ = d.conn.Write([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	case 3: // reset
		if tcp, ok := d.conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	case 4: // half-open: it goes on reading until the server has enough
		if tcp, ok := d.conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
			for err := error(nil); err == nil || errors.Is(err, errAnswered); err = d.handle() {
			}
		}
	}
}

// act does one thing and reports whether the connection is still there.
func (d *raider) act() bool {
	switch d.r.IntN(6) {
	case 0:
		filter := []string{"storm/#", "storm/+", d.topic(), "$share/g/storm/#", "$SYS/#"}[d.r.IntN(5)]
		return d.send(&packets.Subscribe{PacketID: d.id(), Subscriptions: []packets.Subscription{{Filter: filter, QoS: byte(d.r.IntN(3))}}})
	case 1:
		return d.send(&packets.Unsubscribe{PacketID: d.id(), Filters: []string{"storm/#", "$share/g/storm/#"}})
	case 2, 3:
		pk := &packets.Publish{Topic: d.topic(), QoS: byte(d.r.IntN(3)), Payload: make([]byte, d.r.IntN(3000)), Retain: d.r.IntN(8) == 0}
		if pk.QoS > 0 {
			pk.PacketID = d.id()
		}
		return d.send(pk, pk)
	}
	if !d.send(&packets.Pingreq{}) {
		return false
	}
	for range d.r.IntN(20) {
		if err := d.handle(); err != nil {
			return errors.Is(err, errAnswered)
		}
	}
	return true
}

var errAnswered = errors.New("answered")

// handle reads a packet and answers it, more often than not.
func (d *raider) handle() error {
	pk, err := d.reader.ReadPacket()
	if err != nil {
		return err
	}
	if pk.Type() == packets.TypePingresp {
		return errAnswered
	}
	if d.r.IntN(8) == 0 {
		return nil
	}
	switch pk := pk.(type) {
	case *packets.Publish:
		switch pk.QoS {
		case 1:
			d.send(&packets.Puback{PacketID: pk.PacketID})
		case 2:
			d.send(&packets.Pubrec{PacketID: pk.PacketID})
		}
	case *packets.Pubrec:
		d.send(&packets.Pubrel{PacketID: pk.PacketID})
	case *packets.Pubrel:
		d.send(&packets.Pubcomp{PacketID: pk.PacketID})
	}
	return nil
}
