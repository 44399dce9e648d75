package mqtt_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// flow is a publisher and subscribers on real sockets: it publishes batches and
// waits until every subscriber has every message, acknowledging what asks for it.
type flow struct {
	batch []byte
	count int
	qos   byte
	pub   net.Conn
	subs  []*receiver
}

// receiver counts what one subscriber gets without allocating.
type receiver struct {
	conn net.Conn
	buf  []byte
	have int // bytes in buf
	acks []byte

	ahead int // packets received beyond those asked for
}

const batchMessages = 500

func newFlow(tb testing.TB, subscribers int, qos byte, size int, hooks ...any) *flow {
	tb.Helper()
	return newFlowOf(tb, "bench/topic", subscribers, true, qos, size, hooks...)
}

// newFlowOf is newFlow with subscribers of a filter, whose sessions survive or not.
func newFlowOf(tb testing.TB, filter string, subscribers int, cleanStart bool, qos byte, size int, hooks ...any) *flow {
	tb.Helper()
	s := mqtt.New(&mqtt.Options{SysTopicResendInterval: -1})
	for _, hook := range append(hooks, new(auth.AllowHook)) {
		if err := s.AddHook(hook, nil); err != nil {
			tb.Fatal(err)
		}
	}
	l := listeners.NewTCP("tcp", "127.0.0.1:0", nil)
	if err := s.AddListener(l); err != nil {
		tb.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	f := &flow{qos: qos, count: min(batchMessages, 1<<20/size)} // fewer than a receiver may have pending
	for i := range subscribers {
		conn := dialAs(tb, l.Address(), fmt.Sprintf("sub%d", i), cleanStart)
		b, err := (&packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: filter, QoS: 2}}}).Append(nil, packets.V311)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := conn.Write(b); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
			tb.Fatal(err)
		}
		f.subs = append(f.subs, &receiver{conn: conn, buf: make([]byte, 1<<20), acks: make([]byte, 0, 1<<16)})
	}
	f.pub = dialPlain(tb, l.Address(), "pub")
	for i := range f.count {
		pk := &packets.Publish{Topic: "bench/topic", Payload: make([]byte, size), QoS: qos}
		if qos > 0 {
			pk.PacketID = uint16(i + 1)
		}
		var err error
		if f.batch, err = pk.Append(f.batch, packets.V311); err != nil {
			tb.Fatal(err)
		}
	}
	return f
}

func dialPlain(tb testing.TB, addr, clientID string) net.Conn {
	tb.Helper()
	return dialAs(tb, addr, clientID, true)
}

func dialAs(tb testing.TB, addr, clientID string, cleanStart bool) net.Conn {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	b, err := (&packets.Connect{Version: packets.V311, ClientID: clientID, CleanStart: cleanStart}).Append(nil, packets.V311)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := conn.Write(b); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(bufio.NewReaderSize(conn, 16), make([]byte, 4)); err != nil {
		tb.Fatal(err)
	}
	return conn
}

// run publishes one batch and waits for it everywhere.
func (f *flow) run(tb testing.TB) {
	if _, err := f.pub.Write(f.batch); err != nil {
		tb.Fatal(err)
	}
	for _, r := range f.subs {
		if err := r.receive(f.count); err != nil {
			tb.Fatal(err)
		}
	}
	if f.qos == 1 {
		var acks [4 * batchMessages]byte
		if _, err := io.ReadFull(f.pub, acks[:4*f.count]); err != nil {
			tb.Fatal(err)
		}
	}
}

// receive reads n PUBLISH packets and acknowledges those of QoS 1.
func (r *receiver) receive(n int) error {
	for n -= r.ahead; n > 0; {
		m, err := r.conn.Read(r.buf[r.have:])
		if err != nil {
			return err
		}
		r.have += m
		used := 0
		r.acks = r.acks[:0]
		for {
			first, h, size, err := packets.ScanHeader(r.buf[used:r.have])
			if err != nil {
				return err
			}
			if h == 0 || used+h+size > r.have {
				break
			}
			if first>>1&3 == 1 {
				body := r.buf[used+h:]
				at := 2 + int(body[0])<<8 + int(body[1])
				r.acks = packets.AppendPuback(r.acks, packets.V311, uint16(body[at])<<8|uint16(body[at+1]), 0)
			}
			used += h + size
			n--
		}
		r.have = copy(r.buf, r.buf[used:r.have])
		if len(r.acks) > 0 {
			if _, err := r.conn.Write(r.acks); err != nil {
				return err
			}
		}
	}
	r.ahead = -n
	return nil
}

// BenchmarkDelivery measures the way of a message over real sockets, per
// message delivered, its clients included.
func BenchmarkDelivery(b *testing.B) {
	for _, bc := range []struct {
		subscribers int
		qos         byte
		size        int
	}{{1, 0, 16}, {1, 0, 256}, {1, 1, 256}, {1, 0, 16 << 10}, {100, 0, 64}, {100, 1, 64}} {
		b.Run(fmt.Sprintf("subs=%d/qos=%d/size=%d", bc.subscribers, bc.qos, bc.size), func(b *testing.B) {
			f := newFlow(b, bc.subscribers, bc.qos, bc.size)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				f.run(b)
				n += f.count * bc.subscribers
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/msg")
		})
	}
}
