package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Tests of large numbers. LINNET_LONG=1 makes them ten times as large, and has
// them measure latencies, which say nothing on a busy machine.

var long = os.Getenv("LINNET_LONG") == "1"

// heap is the memory in use without garbage.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// serveTCP starts a broker on a real socket and returns its address.
func serveTCP(t *testing.T, opts *mqtt.Options) (s *mqtt.Server, address string) {
	t.Helper()
	s = mqtt.New(opts)
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP("tcp", "127.0.0.1:0", nil)
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, l.Address()
}

func send(t *testing.T, conn net.Conn, pk packets.Packet) {
	t.Helper()
	b, err := pk.Append(nil, packets.V311)
	if err == nil {
		_, err = conn.Write(b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func subscribed(t *testing.T, address, clientID, filter string, qos byte) *receiver {
	t.Helper()
	r := &receiver{conn: dialPlain(t, address, clientID), buf: make([]byte, 64<<10), acks: make([]byte, 0, 64<<10)}
	send(t, r.conn, &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: filter, QoS: qos}}})
	return r
}

// One wildcard subscription to very many retained messages gets them all, costs
// next to no memory, and the others do not notice.
func TestMillionRetained(t *testing.T) { // not parallel: it measures memory
	n := 100_000
	if long {
		n = 1_000_000
	}
	s, address := serveTCP(t, &mqtt.Options{SysTopicResendInterval: -1, Capabilities: mqtt.Capabilities{MaximumQueueMessages: n}})
	empty := heap()
	for i := range n {
		if err := s.Publish(fmt.Sprint("r/", i%1000, "/", i), []byte(retainedPayload), true, 1); err != nil {
			t.Fatal(err)
		}
	}
	base := heap()
	t.Logf("%d retained messages: %d MiB, %d bytes each", n, (base-empty)>>20, (base-empty)/int64(n))
	for qos := range byte(2) {
		streamedInParts(t, address, qos, n)
		if long {
			othersMeanwhile(t, s, address, qos, n)
		}
	}
}

const retainedPayload = "a retained message of 32 bytes.."

// streamedInParts receives n retained messages and looks at the broker's memory
// in the meantime.
func streamedInParts(t *testing.T, address string, qos byte, n int) {
	t.Helper()
	r := subscribed(t, address, fmt.Sprint("memory", qos), "r/#", qos)
	base, resident := heap(), residentMemory(t)
	if err := r.receive(1); err != nil { // SUBACK
		t.Fatal(err)
	}
	grown := int64(0)
	const parts = 8
	for part := range parts {
		if err := r.receive(n*(part+1)/parts - n*part/parts); err != nil {
			t.Fatalf("QoS %d, part %d: %v", qos, part, err)
		}
		grown = max(grown, heap()-base)
	}
	t.Logf("QoS %d: the heap grew by %d KiB, the process by %d KiB", qos, grown>>10, (residentMemory(t)-resident)>>10)
	if grown > 64<<20 {
		t.Errorf("QoS %d: the heap grew by %d MiB", qos, grown>>20)
	}
}

// residentMemory is what the process occupies; 0 where the system does not say.
func residentMemory(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	var size, resident int64
	if err == nil {
		_, err = fmt.Sscan(string(b), &size, &resident)
	}
	if err != nil {
		t.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}

// othersMeanwhile measures the latency of others four ways: alone; while a
// client receives the retained messages; while it receives as many ordinary
// messages in the same time from a publisher that sends some each millisecond;
// and beside two busy processes. The middle two are about the same work: the
// broker writes the same number of packets to the same process, so that their
// quotient is what it costs others that the messages are retained.
func othersMeanwhile(t *testing.T, s *mqtt.Server, address string, qos byte, n int) {
	t.Helper()
	others := func(begin func() (end func())) (list []time.Duration) {
		for range 3 { // moments of the machine
			end := begin()
			for ns := range strings.FieldsSeq(loadClient(t, "pair", address)()) {
				list = append(list, duration(t, ns))
			}
			end()
		}
		slices.Sort(list)
		return list
	}
	alone := others(func() func() { return func() {} })
	var took time.Duration
	streaming := others(func() func() {
		drain := loadClient(t, "drain", address, fmt.Sprint(qos), "r/#", fmt.Sprint(n))
		return func() { took = duration(t, drain()) }
	})
	ordinary := others(func() func() {
		before := s.Stats().Subscriptions
		drain := loadClient(t, "drain", address, fmt.Sprint(qos), "ordinary", fmt.Sprint(n))
		for s.Stats().Subscriptions == before {
			<-time.After(time.Millisecond)
		}
		feed := loadClient(t, "feed", address, fmt.Sprint(qos), fmt.Sprint(n), fmt.Sprint(int64(took)))
		return func() { feed(); drain() }
	})
	busy := others(func() func() {
		first, second := loadClient(t, "burn"), loadClient(t, "burn")
		return func() { first(); second() }
	})
	for _, row := range []struct {
		name string
		list []time.Duration
	}{{"alone", alone}, {"retained streaming", streaming}, {"as many ordinary messages", ordinary}, {"two busy processes", busy}} {
		t.Logf("QoS %d: others, %s: p50 %v, p99 %v of %d", qos, row.name, percentile(row.list, 50), percentile(row.list, 99), len(row.list))
	}
	t.Logf("QoS %d: %d messages came in %v; p99 is %.1f times that with ordinary messages", qos, n, took,
		float64(percentile(streaming, 99))/float64(percentile(ordinary, 99)))
}

func duration(t *testing.T, ns string) (d time.Duration) {
	t.Helper()
	if _, err := fmt.Sscan(ns, (*int64)(&d)); err != nil {
		t.Fatalf("%q: %v", ns, err)
	}
	return d
}

// loadClient runs a client in a process of its own, so that it does not fight
// with the server for the scheduler; result waits for what it says.
func loadClient(t *testing.T, args ...string) (result func() string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLoadClient$", "-test.v")
	cmd.Env = append(os.Environ(), "LINNET_LOAD_CLIENT="+strings.Join(args, " "))
	type output struct {
		b   []byte
		err error
	}
	done := make(chan output, 1)
	go func() {
		b, err := cmd.CombinedOutput()
		done <- output{b, err}
	}()
	return func() string {
		out := <-done
		_, said, _ := strings.Cut(string(out.b), "result: ")
		said, _, ok := strings.Cut(said, "\n")
		if out.err != nil || !ok {
			t.Fatalf("%v: %v\n%s", args, out.err, out.b)
		}
		return said
	}
}

// TestLoadClient is what loadClient runs; without its order it does nothing.
func TestLoadClient(t *testing.T) {
	order, args, _ := strings.Cut(os.Getenv("LINNET_LOAD_CLIENT"), " ")
	var address, filter string
	var qos byte
	var n int
	var d time.Duration
	scan := func(into ...any) {
		if _, err := fmt.Sscan(args, into...); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	switch order {
	case "pair":
		scan(&address)
		list := newPair(t, address).latencies(t, 400*time.Millisecond)
		t.Logf("result: %s", strings.Trim(fmt.Sprintf("%d", list), "[]"))
	case "drain":
		scan(&address, &qos, &filter, &n)
		if err := subscribed(t, address, "drain", filter, qos).receive(n + 1); err != nil {
			t.Fatal(err)
		}
		t.Logf("result: %d", time.Since(begin))
	case "feed":
		scan(&address, &qos, &n, (*int64)(&d))
		feed(t, address, qos, n, d)
		t.Logf("result: done")
	case "burn":
		for i := 0; time.Since(begin) < 600*time.Millisecond; i++ {
			n += i * i
		}
		t.Logf("result: %d", n)
	}
}

// feed publishes n messages like the retained ones evenly over a time.
func feed(t *testing.T, address string, qos byte, n int, d time.Duration) {
	t.Helper()
	const most = 10_000
	conn := dialPlain(t, address, "feed")
	acknowledged := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		acknowledged <- err
	}()
	var b []byte
	ends := []int{0}
	for i := range most {
		pk := &packets.Publish{Topic: "ordinary", Payload: []byte(retainedPayload), QoS: qos}
		if qos > 0 {
			pk.PacketID = uint16(i + 1)
		}
		var err error
		if b, err = pk.Append(b, packets.V311); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(b))
	}
	begin := time.Now()
	for sent := 0; sent < n; {
		<-time.After(time.Millisecond)
		due := min(n, int(int64(n)*int64(time.Since(begin))/int64(d))) - sent
		for due > 0 {
			from := sent % most
			count := min(due, most-from)
			if _, err := conn.Write(b[ends[from]:ends[from+count]]); err != nil {
				t.Fatal(err)
			}
			sent, due = sent+count, due-count
		}
	}
	send(t, conn, &packets.Disconnect{})
	if err := <-acknowledged; err != nil {
		t.Fatal(err)
	}
}

// Packets that are announced large and do not come hold as much memory as has come.
func TestPartialPacketsHoldWhatHasCome(t *testing.T) { // not parallel: it measures memory
	const clients, came = 200, 5000
	_, address := serveTCP(t, &mqtt.Options{SysTopicResendInterval: -1})
	before := heap()
	packet, err := (&packets.Publish{Topic: "t", Payload: make([]byte, 1<<20-100)}).Append(nil, packets.V311)
	if err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		conn := dialPlain(t, address, fmt.Sprint(i))
		send(t, conn, &packets.Pingreq{})
		if _, err := conn.Write(packet[:came]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 2)); err != nil { // PINGRESP
			t.Fatal(err)
		}
	}
	if grown := heap() - before - int64(len(packet)); grown > clients*(64<<10) {
		t.Errorf("the heap grew by %d KiB for %d clients", grown>>10, clients)
	}
}

// One subscriber of many that never reads costs the others nothing, and the
// server what it may keep for one client.
func TestOneOfManyNeverReads(t *testing.T) {
	t.Parallel()
	subscribers, messages := 100, 200
	if long {
		subscribers = 1000
	}
	for qos := range byte(2) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1, Capabilities: mqtt.Capabilities{
			MaximumClientWritesPending: 32 << 10, MaximumQueueMessages: 50,
		}})
		var others []*mqtttest.Client
		for i := range subscribers {
			c := mqtttest.Dial(t, s, passing(packets.V5, fmt.Sprint(i)))
			c.Subscribe("t", qos)
			if i > 0 { // the first never reads again
				others = append(others, c)
			}
		}
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		for n := range messages {
			payload := fmt.Sprintf("%04d", n) + strings.Repeat("x", 4<<10)
			pub.Publish("t", payload, 1, false)
			for _, c := range others {
				if got := string(c.Message().Payload); got != payload {
					t.Fatalf("QoS %d: got message %.4s, want %d", qos, got, n)
				}
			}
		}
		st := s.Stats()
		if st.QueuedBytes > 60*5<<10 {
			t.Errorf("QoS %d: %d bytes are queued", qos, st.QueuedBytes)
		}
		if st.MessagesDropped == 0 || st.MessagesDropped >= int64(messages) {
			t.Errorf("QoS %d: %d messages were dropped, of %d for the one that does not read", qos, st.MessagesDropped, messages)
		}
	}
}

// pair is a publisher and a subscriber that measure the way between them.
type pair struct {
	pub net.Conn
	sub *receiver
}

func newPair(t *testing.T, address string) *pair {
	t.Helper()
	p := &pair{sub: subscribed(t, address, "other sub", "other", 0), pub: dialPlain(t, address, "other pub")}
	if err := p.sub.receive(1); err != nil { // SUBACK
		t.Fatal(err)
	}
	return p
}

func (p *pair) latencies(t *testing.T, d time.Duration) (list []time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		begin := time.Now()
		send(t, p.pub, &packets.Publish{Topic: "other", Payload: []byte("x")})
		if err := p.sub.receive(1); err != nil {
			t.Fatal(err)
		}
		list = append(list, time.Since(begin))
		<-time.After(200 * time.Microsecond)
	}
	slices.Sort(list)
	return list
}

func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Round(time.Microsecond)
}
