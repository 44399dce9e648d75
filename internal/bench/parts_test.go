package bench

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/linnetmq/linnet/packets"
)

func TestStamp(t *testing.T) {
	t.Parallel()
	const tag = 0x1234567890ABCDEF
	filler := newFiller(40)
	payload := append(make([]byte, stampSize), filler...)
	want := stamp{publisher: 77, number: 1<<32 - 1, due: 123_456_789_012}
	want.put(payload, tag)
	if got, ok := readStamp(payload, tag, filler); !ok || got != want {
		t.Fatalf("read %+v, %t, want %+v", got, ok, want)
	}
	if _, ok := readStamp(payload, tag+1, filler); ok {
		t.Error("the stamp of another run is accepted")
	}
	if _, ok := readStamp(payload[:39], tag, filler); ok {
		t.Error("a payload that was cut is accepted")
	}
	for i := range payload {
		payload[i] ^= 0x10
		if _, ok := readStamp(payload, tag, filler); ok {
			t.Errorf("a payload with byte %d altered is accepted", i)
		}
		payload[i] ^= 0x10
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	for _, v := range []packets.Version{packets.V31, packets.V311, packets.V5} {
		for qos := range byte(3) {
			filler := newFiller(300)
			tpl, err := newTemplate("a/b", qos, true, filler, v)
			if err != nil {
				t.Fatal(err)
			}
			want := stamp{publisher: 3, number: 4, due: 5}
			b := tpl.append([]byte("x"), 513, want, 9)[1:]
			pk, err := packets.NewReader(bytes.NewReader(b), 0), error(nil)
			pk.SetVersion(v)
			got, err := pk.ReadPacket()
			if err != nil {
				t.Fatal(err)
			}
			p, ok := got.(*packets.Publish)
			if !ok || p.Topic != "a/b" || p.QoS != qos || !p.Retain || (qos > 0) != (p.PacketID == 513) {
				t.Errorf("%s QoS %d: %+v", v, qos, got)
				continue
			}
			if s, ok := readStamp(p.Payload, 9, filler); !ok || s != want {
				t.Errorf("%s QoS %d: stamp %+v", v, qos, s)
			}
		}
	}
}

func TestFlowWaitsForTheSlowestReceiver(t *testing.T) {
	t.Parallel()
	f := newFlow(8, 2) // blocks of 2
	if f.room(0) != 8 || f.room(8) != 0 {
		t.Fatalf("room %d and %d, want 8 and 0", f.room(0), f.room(8))
	}
	fast := f.pass(0, 7)
	if fast != 8 || f.room(8) != 0 {
		t.Errorf("one receiver of two has passed all: told %d, room %d", fast, f.room(8))
	}
	slow := f.pass(0, 2)
	if slow != 2 || f.room(8) != 2 {
		t.Errorf("the other has passed one block: told %d, room %d", slow, f.room(8))
	}
	if slow = f.pass(slow, 7); slow != 8 || f.room(8) != 8 {
		t.Errorf("both have passed all: told %d, room %d", slow, f.room(8))
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	const second = int64(time.Second)
	tests := []struct {
		name string
		p    pace
		now  int64
		due  int64
	}{
		{"before the start", newPace(1000, 0, 1, second), second - 1, 0},
		{"at the start", newPace(1000, 0, 1, second), second, 1},
		{"just before the second", newPace(1000, 0, 1, second), second + 999_999, 1},
		{"at the second", newPace(1000, 0, 1, second), second + 1_000_000, 2},
		{"after a stall of a second", newPace(1000, 0, 1, second), 2 * second, 1001},
		{"the second of two publishers", newPace(1000, 1, 2, second), second + 999_999, 0},
		{"its first", newPace(1000, 1, 2, second), second + 1_000_000, 1},
		{"its next", newPace(1000, 1, 2, second), second + 3_000_000, 2},
		{"an interval that is no whole number", newPace(3, 0, 1, 0), second, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.p.due(tt.now); got != tt.due {
				t.Errorf("%d due, want %d", got, tt.due)
			}
		})
	}
}

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) { return s.Buffer.Write(b) }
func (s *sink) Read([]byte) (int, error)    { return 0, io.EOF }

// newTestBench is a bench without a broker.
func newTestBench(cfg Config) *bench {
	b := &bench{cfg: cfg, base: time.Now(), tag: 42, filler: newFiller(stampSize), failed: make(chan struct{})}
	b.measuring.Store(true)
	return b
}

// A broker that stalls for 100 ms at 1000 messages a second delays a hundred
// messages, by 100 ms to 1 ms: each is late by the time since it was due,
// though the publisher could send none of them before the stall was over.
func TestStallCountsAgainstEveryMessageBehindIt(t *testing.T) {
	t.Parallel()
	b := newTestBench(Config{Inflight: 1, Size: stampSize})
	out := &sink{}
	c := &conn{net: out, version: packets.V311}
	p := newPublisher(b, 0, c, newFlow(4096, 1))
	p.pace = newPace(1000, 0, 1, 0)
	if err := p.prepare([]string{"t"}, false); err != nil {
		t.Fatal(err)
	}
	r := newReceiver(b, 0, c, false, 0, []*flow{p.flow})
	const ms = int64(time.Millisecond)
	for now := int64(0); now < 1000*ms; now += ms {
		if now >= 500*ms && now < 600*ms {
			continue // nothing moves
		}
		out.Reset()
		if err := p.send(p.pace.due(now) - p.sent.Load()); err != nil {
			t.Fatal(err)
		}
		if used, err := split(out.Bytes(), r); err != nil || used != out.Len() {
			t.Fatal(used, err)
		}
		if err := r.batch(now); err != nil {
			t.Fatal(err)
		}
	}
	l := b.recorder.latency()
	if r.received.Load() != 1000 || l == nil {
		t.Fatalf("%d received, latency %+v", r.received.Load(), l)
	}
	near := func(got, want float64) bool { return got > want*0.99-1 && got < want*1.01+1 }
	if !near(l.Max, 100_000) || !near(l.P99, 90_000) || !near(l.P50, 1) || !near(l.Mean, 5050) {
		t.Errorf("latency %+v, want max 100 ms, p99 90 ms, p50 0, mean 5.05 ms", l)
	}
}

func TestReceiverTellsFaultsApart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                              string
		shared                            bool
		numbers                           []int64
		duplicates, disordered, publisher int64
	}{
		{"in order", false, []int64{0, 1, 2, 3}, 0, 0, 0},
		{"a gap is for the count to find", false, []int64{0, 2, 3}, 0, 0, 0},
		{"late", false, []int64{0, 2, 1, 3}, 0, 1, 0},
		{"twice", false, []int64{0, 1, 1, 2}, 1, 0, 0},
		{"twice, later", false, []int64{0, 1, 2, 0}, 1, 0, 0},
		{"shared, late", true, []int64{0, 5, 3, 6}, 0, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newTestBench(Config{})
			r := newReceiver(b, 0, &conn{version: packets.V311}, tt.shared, 0, []*flow{newFlow(4, 1)})
			for _, n := range tt.numbers {
				r.order(&r.from[0], n)
			}
			if r.duplicates.Load() != tt.duplicates || r.disordered.Load() != tt.disordered {
				t.Errorf("%d duplicates, %d disordered, want %d, %d", r.duplicates.Load(), r.disordered.Load(), tt.duplicates, tt.disordered)
			}
		})
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 12.3456: "12.35", 999: "999", 1000: "1 000", 1234567: "1 234 567"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) is %q, want %q", v, got, want)
		}
	}
}
