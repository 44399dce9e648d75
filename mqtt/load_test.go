package mqtt_test

import (
	"fmt"
	"io"
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
	s, address := serveTCP(t, &mqtt.Options{SysTopicResendInterval: -1})
	empty := heap()
	for i := range n {
		if err := s.Publish(fmt.Sprint("r/", i%1000, "/", i), []byte("a retained message of 32 bytes.."), true, 1); err != nil {
			t.Fatal(err)
		}
	}
	base := heap()
	t.Logf("%d retained messages: %d MiB, %d bytes each", n, (base-empty)>>20, (base-empty)/int64(n))
	for qos := range byte(2) {
		r := subscribed(t, address, fmt.Sprint("memory", qos), "r/#", qos)
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
		t.Logf("QoS %d: the heap grew by %d KiB", qos, grown>>10)
		if grown > 64<<20 {
			t.Errorf("QoS %d: the heap grew by %d MiB", qos, grown>>20)
		}
		if !long {
			continue
		}
		alone := loadClient(t, "pair", address)()
		drain := loadClient(t, "drain", address, fmt.Sprint(qos), fmt.Sprint(n))
		t.Logf("QoS %d: others alone %s; meanwhile %s, while %s", qos, alone, loadClient(t, "pair", address)(), drain())
	}
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
	args := strings.Fields(os.Getenv("LINNET_LOAD_CLIENT"))
	switch {
	case len(args) == 2 && args[0] == "pair":
		list := newPair(t, args[1]).latencies(t, 400*time.Millisecond)
		t.Logf("result: p50 %v, p99 %v of %d", percentile(list, 50), percentile(list, 99), len(list))
	case len(args) == 4 && args[0] == "drain":
		var qos byte
		var n int
		if _, err := fmt.Sscan(args[2]+" "+args[3], &qos, &n); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := subscribed(t, args[1], "drain", "r/#", qos).receive(n + 1); err != nil {
			t.Fatal(err)
		}
		t.Logf("result: %d messages came in %v", n, time.Since(begin))
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
