package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// start starts a broker with hooks and returns the address of its listener.
func start(t *testing.T, l mqtt.Listener, hooks ...any) (address string) {
	t.Helper()
	opts := &mqtt.Options{}
	opts.Capabilities.MaximumQueueMessages = 100_000
	s := mqtt.New(opts)
	for _, hook := range append(hooks, new(auth.AllowHook)) {
		if setter, ok := hook.(interface{ use(*mqtt.Server) }); ok {
			setter.use(s)
		}
		if err := s.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
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
	return l.Address()
}

func startTCP(t *testing.T, hooks ...any) (url string) {
	t.Helper()
	return "tcp://" + start(t, listeners.NewTCP("tcp", "127.0.0.1:0", nil), hooks...)
}

// run runs the command line and returns its result, exit code and messages.
func run(t *testing.T, args ...string) (res Result, code int, stderr string) {
	t.Helper()
	var out, msg bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code = Main(ctx, append(args, "-json"), &out, &msg)
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &res); err != nil {
			t.Fatalf("output %q: %v", out.String(), err)
		}
	}
	return res, code, msg.String()
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		args     string
		expected int64
		figures  []string
	}{
		{"connect", "connect -clients 20", 20, nil},
		{"connect at a rate", "connect -clients 10 -rate 1000", 10, nil},
		{"pub QoS 0", "pub -publishers 2 -count 500", 0, nil},
		{"pub QoS 1", "pub -publishers 2 -count 500 -qos 1", 0, nil},
		{"pub QoS 2", "pub -publishers 2 -count 500 -qos 2", 0, nil},
		{"sub", "sub -subscribers 5 -filters 200", 200, nil},
		{"p2p", "p2p -clients 3 -count 5000", 15_000, nil},
		{"p2p MQTT 3.1", "p2p -clients 1 -count 100 -version 3", 100, nil},
		{"p2p MQTT 5.0", "p2p -clients 2 -count 1000 -version 5 -size 3000", 2000, nil},
		{"p2p QoS 1", "p2p -clients 2 -count 1000 -qos 1", 2000, nil},
		{"p2p QoS 2", "p2p -clients 2 -count 1000 -qos 2 -version 5", 2000, nil},
		{"p2p window of 1", "p2p -clients 1 -count 100 -window 1", 100, nil},
		{"p2p large", "p2p -clients 1 -count 4 -size 600000", 4, nil},
		{"fanout", "fanout -clients 20 -count 500", 10_000, nil},
		{"fanin", "fanin -clients 20 -count 500", 10_000, nil},
		{"shared", "shared -publishers 2 -subscribers 3 -count 1000", 2000, nil},
		{"wildcard", "wildcard -publishers 2 -subscribers 10 -filters 500 -count 1000", 2000, []string{"subscribe rate"}},
		{"retained", "retained -count 1000", 1000, []string{"store rate"}},
		{"retained QoS 2", "retained -count 500 -qos 2", 500, []string{"store rate"}},
		{"offline", "offline -count 1000", 1000, []string{"queue rate"}},
		{"offline MQTT 5.0 QoS 2", "offline -count 1000 -qos 2 -version 5", 1000, []string{"queue rate"}},
		{"offline one at a time", "offline -count 100 -inflight 1", 100, []string{"acknowledgement p99"}},
		{"offline many publishers", "offline -count 1000 -publishers 8 -inflight 16", 1000, []string{"queue rate", "acknowledgement p50", "acknowledgement max"}},
		{"durable session", "fanin -durable -publishers 8 -inflight 16 -count 200", 1600, []string{"acknowledgement p50", "acknowledgement p99"}},
		{"durable sessions QoS 2", "fanout -durable -qos 2 -subscribers 3 -count 200 -version 5", 600, []string{"acknowledgement p99"}},
		{"latency", "latency -count 100 -rate 2000", 100, nil},
		{"stress", "stress -clients 3 -count 500", 1500, []string{"publish median", "receive slowest"}},
		{"gmqtt-connect", "gmqtt-connect -c 5 -ci 1", 0, []string{"clients connected"}},
		{"gmqtt-pub", "gmqtt-pub -c 3 -ci 1 -n 5 -i 1 -sub 2 -qos 2 -subqos 1", 30, []string{"messages published", "messages distributed"}},
		{"gmqtt-sub", "gmqtt-sub -c 3 -ci 1 -n 5 -i 1", 0, []string{"topics subscribed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := startTCP(t)
			args := append(strings.Fields(tt.args), "-url", url)
			if strings.HasPrefix(tt.name, "gmqtt") {
				args = append(args[:len(args)-2], "-p", url[strings.LastIndex(url, ":"):])
			}
			res, code, stderr := run(t, args...)
			if code != 0 || !res.OK() || stderr != "" {
				t.Fatalf("exit code %d, result %+v, said %s", code, res, stderr)
			}
			if res.Expected != tt.expected || res.Received != tt.expected {
				t.Errorf("expected %d, received %d, want %d", res.Expected, res.Received, tt.expected)
			}
			for _, name := range tt.figures {
				if res.Figure(name) <= 0 {
					t.Errorf("figure %q is missing: %+v", name, res.Figures)
				}
			}
			if strings.Contains(tt.args, "latency") && (res.Latency == nil || res.Latency.P50 <= 0) {
				t.Errorf("latency %+v", res.Latency)
			}
		})
	}
}

// Sessions that a run made durable are gone when it ends.
func TestDurableSessionsAreRemoved(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"p2p -clients 3 -durable -count 100", "offline -count 100"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			h := new(serverHook)
			url := startTCP(t, h)
			if res, code, stderr := run(t, append(strings.Fields(args), url)...); code != 0 || res.QoS != 1 {
				t.Fatalf("exit code %d, QoS %d, said %s", code, res.QoS, stderr)
			}
			if st := h.server.Stats(); st.ClientsDisconnected != 0 || st.Subscriptions != 0 {
				t.Errorf("%d offline sessions and %d subscriptions are left", st.ClientsDisconnected, st.Subscriptions)
			}
		})
	}
}

// serverHook does nothing but to know its server.
type serverHook struct{ server *mqtt.Server }

func (h *serverHook) use(s *mqtt.Server) { h.server = s }

func (*serverHook) OnStarted() {}

func TestDurationAndWarmup(t *testing.T) {
	t.Parallel()
	url := startTCP(t)
	for _, args := range []string{
		"p2p -clients 1 -duration 50ms",
		"p2p -clients 1 -warmup 300ms -duration 50ms -qos 1",
		"p2p -clients 1 -warmup 300ms -count 1000",
		"pub -publishers 1 -duration 50ms",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			res, code, stderr := run(t, append(strings.Fields(args), "-topic", t.Name()+"/%i", url)...)
			if code != 0 || res.Messages == 0 || res.Seconds <= 0 || stderr != "" {
				t.Errorf("exit code %d, result %+v, said %s", code, res, stderr)
			}
			if strings.Contains(args, "warmup") && res.Messages >= res.Published {
				t.Errorf("%d messages measured of %d published: the warm-up counts", res.Messages, res.Published)
			}
		})
	}
}

// faulty is a broker's hook that spoils what passes.
type faulty struct {
	spoil  func(f *faulty, pk *packets.Publish) (*packets.Publish, error)
	server *mqtt.Server
	n      int
	held   *packets.Publish
}

func (f *faulty) use(s *mqtt.Server) { f.server = s }

func (f *faulty) OnPublish(cl *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if cl.ID() == "inline" {
		return pk, nil
	}
	f.n++
	return f.spoil(f, pk)
}

func dropEvery100th(f *faulty, pk *packets.Publish) (*packets.Publish, error) {
	if f.n%100 == 0 {
		return nil, mqtt.ErrRejectPacket
	}
	return pk, nil
}

// swap holds every 100th message back until its successor has passed.
func swap(f *faulty, pk *packets.Publish) (*packets.Publish, error) {
	switch {
	case f.n%100 == 50:
		f.held = pk.Clone()
		return nil, mqtt.ErrRejectPacket
	case f.n%100 == 52 && f.held != nil:
		return pk, f.server.PublishPacket(f.held)
	}
	return pk, nil
}

func repeat(f *faulty, pk *packets.Publish) (*packets.Publish, error) {
	if f.n%100 == 0 {
		return pk, f.server.PublishPacket(pk.Clone())
	}
	return pk, nil
}

func alter(f *faulty, pk *packets.Publish) (*packets.Publish, error) {
	if f.n%100 == 0 {
		pk = pk.Clone()
		pk.Payload[len(pk.Payload)-1]++
	}
	return pk, nil
}

func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*faulty, *packets.Publish) (*packets.Publish, error)
		args  string
		count func(Result) int64
		want  int64
	}{
		{"loss", dropEvery100th, "p2p -clients 1 -count 1000", func(r Result) int64 { return r.Lost }, 10},
		{"loss of the last message", dropEvery100th, "p2p -clients 1 -count 100", func(r Result) int64 { return r.Lost }, 1},
		{"loss at QoS 1", dropEvery100th, "p2p -clients 1 -count 1000 -qos 1", func(r Result) int64 { return r.Lost }, 10},
		{"loss in a fan-out", dropEvery100th, "fanout -clients 3 -count 1000", func(r Result) int64 { return r.Lost }, 30},
		{"loss in a shared subscription", dropEvery100th, "shared -publishers 1 -subscribers 2 -count 1000", func(r Result) int64 { return r.Lost }, 10},
		{"loss of retained messages", dropEvery100th, "retained -count 1000 -publishers 1", func(r Result) int64 { return r.Lost }, 10},
		{"loss in a queue", dropEvery100th, "offline -count 1000", func(r Result) int64 { return r.Lost }, 10},
		{"disorder", swap, "p2p -clients 1 -count 1000", func(r Result) int64 { return r.Disordered }, 10},
		{"disorder at QoS 2", swap, "p2p -clients 1 -count 1000 -qos 2", func(r Result) int64 { return r.Disordered }, 10},
		{"repetition", repeat, "p2p -clients 1 -count 1000", func(r Result) int64 { return r.Duplicates }, 10},
		{"alteration", alter, "p2p -clients 1 -count 1000 -size 100", func(r Result) int64 { return r.Corrupt }, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := startTCP(t, &faulty{spoil: tt.spoil})
			res, code, stderr := run(t, append(strings.Fields(tt.args), "-patience", "300ms", url)...)
			if code != 1 || res.OK() {
				t.Errorf("exit code %d, want 1; said %s", code, stderr)
			}
			if got := tt.count(res); got != tt.want {
				t.Errorf("found %d, want %d: %+v", got, tt.want, res)
			}
		})
	}
}

// A broker that cuts connections ends the run with an error, not with a hang.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	f := &faulty{spoil: func(f *faulty, pk *packets.Publish) (*packets.Publish, error) {
		if f.n == 100 {
			return nil, packets.ErrAdministrativeAction
		}
		return pk, nil
	}}
	res, code, _ := run(t, "p2p", "-clients", "1", "-count", "1000", "-qos", "1", "-version", "5", "-patience", "5s", startTCP(t, f))
	if code != 1 || !strings.Contains(res.Error, "refused a message") {
		t.Errorf("exit code %d, error %q", code, res.Error)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := startTCP(t, &faulty{spoil: func(_ *faulty, pk *packets.Publish) (*packets.Publish, error) {
		cancel()
		return pk, nil
	}})
	res, err := Run(ctx, Config{Pattern: "p2p", URL: url, Publishers: 1, Duration: time.Hour})
	if err == nil || res == nil || res.OK() {
		t.Errorf("result %+v, error %v, want that it was interrupted", res, err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	unix := filepath.Join(t.TempDir(), "nobody")
	tests := []struct{ name, args, says string }{
		{"nothing", "", "usage"},
		{"unknown pattern", "p3p", `no pattern is called "p3p"`},
		{"unknown flag", "p2p -speed 3", "not defined: -speed"},
		{"two URLs", "p2p tcp://127.0.0.1:1 tcp://127.0.0.1:2", "too many arguments"},
		{"version", "p2p -version 6", "want 3, 4 or 5"},
		{"QoS", "p2p -qos 3", "want 0, 1 or 2"},
		{"size", "p2p -size 15", "at least 16"},
		{"negative rate", "p2p -rate -1", "must not be negative"},
		{"negative clients", "p2p -clients -1", "want a number of connections"},
		{"in flight", "p2p -inflight 70000", "want 1 to 65535"},
		{"window", "p2p -window -1", "at least 1"},
		{"topic for all pairs", "p2p -topic a/b", "needs %i"},
		{"scheme", "p2p http://127.0.0.1", `scheme "http"`},
		{"no host", "p2p tcp://:1883", "names no host"},
		{"remote", "p2p tcp://192.0.2.1:1883", "--allow-remote"},
		{"remote by ws", "p2p ws://192.0.2.1:1883", "--allow-remote"},
		{"source", "p2p -source 127.0.0.x", "source address"},
		{"process", "p2p -pid 2000000000", "broker process"},
		{"gmqtt remote", "gmqtt-pub -h 192.0.2.1", "--allow-remote"},
		{"gmqtt QoS", "gmqtt-sub -qos 3", "want 0, 1 or 2"},
		{"gmqtt clients", "gmqtt-connect -c 0", "numbers of clients"},
		{"gmqtt interval", "gmqtt-pub -i -1", "must not be negative"},
		{"gmqtt argument", "gmqtt-pub x", "too many arguments"},
		{"gmqtt flag", "gmqtt-connect -qos 1", "not defined: -qos"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, msg bytes.Buffer
			if code := Main(t.Context(), strings.Fields(tt.args), &out, &msg); code != 2 || !strings.Contains(msg.String(), tt.says) {
				t.Errorf("exit code %d, said %q, want 2 and %q", code, msg.String(), tt.says)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		if res, code, _ := run(t, "p2p", "unix://"+unix); code != 1 || res.Error == "" {
			t.Errorf("exit code %d, error %q", code, res.Error)
		}
	})
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"help", "-h", "p2p -help", "gmqtt-pub -help"} {
		var out, msg bytes.Buffer
		if code := Main(t.Context(), strings.Fields(args), &out, &msg); code != 0 || msg.Len() == 0 {
			t.Errorf("%s: exit code %d, said %q", args, code, msg.String())
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out, msg bytes.Buffer
	code := Main(t.Context(), []string{"p2p", "-clients", "1", "-count", "10", startTCP(t)}, &out, &msg)
	for _, want := range []string{"msg/s", "p99.9", "published 10, expected 10, received 10", "lost 0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("exit code %d, table without %q:\n%s", code, want, out.String())
		}
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	p, err := newProcess(os.Getpid())
	if runtime.GOOS != "linux" {
		if err == nil {
			t.Error("a process can be observed where nothing can be read of it")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if p.memory() < 1<<20 || p.time() < 0 {
		t.Errorf("%d bytes, %v", p.memory(), p.time())
	}
	res, err := Run(t.Context(), Config{Pattern: "connect", URL: startTCP(t), Subscribers: 5, PID: os.Getpid()})
	if err != nil || res.BrokerMemory < 1<<20 {
		t.Errorf("result %+v, error %v", res, err)
	}
}
