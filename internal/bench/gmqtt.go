package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// gmqttProgram is one of the three programs of the benchmark that gmqtt had in
// its first versions, with its flags. Intervals are milliseconds, as its help
// always said, events of different kinds are not added up, and rates are of
// exact seconds.
type gmqttProgram struct {
	name, about string
	client      func(*gmqtt, int) error
}

var gmqttPrograms = []gmqttProgram{
	{"gmqtt-connect", "clients connect at an interval (flags of gmqtt's connect_benchmark)", (*gmqtt).connectClient},
	{"gmqtt-pub", "clients publish at an interval (flags of gmqtt's pub_benchmark)", (*gmqtt).publishClient},
	{"gmqtt-sub", "clients subscribe at an interval (flags of gmqtt's sub_benchmark)", (*gmqtt).subscribeClient},
}

func gmqttOf(name string) *gmqttProgram {
	for i := range gmqttPrograms {
		if gmqttPrograms[i].name == name {
			return &gmqttPrograms[i]
		}
	}
	return nil
}

// gmqttFlags are the flags as gmqtt names them.
type gmqttFlags struct {
	host, port, user, password, topic string
	clients, connectInterval          int
	seconds, qos, interval, count     int
	size, subscribers, subQoS         int
	clean, allowRemote, json          bool
}

func (g *gmqttProgram) flags(f *gmqttFlags, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("bench "+g.name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&f.host, "h", "localhost", "host")
	fs.StringVar(&f.port, "p", ":1883", "port, with or without the colon")
	fs.StringVar(&f.user, "u", "", "user name")
	fs.StringVar(&f.password, "pwd", "", "password")
	fs.IntVar(&f.clients, "c", 1000, "number of clients")
	fs.IntVar(&f.connectInterval, "ci", 100, "milliseconds between connects")
	fs.BoolVar(&f.clean, "C", true, "clean session")
	fs.IntVar(&f.seconds, "t", 0, "time limit in seconds, 0 for none")
	fs.BoolVar(&f.allowRemote, "allow-remote", false, "permit a broker that is not on this machine")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	if g.name == "gmqtt-connect" {
		return fs
	}
	fs.IntVar(&f.qos, "qos", 1, "QoS of publishing or subscribing")
	fs.StringVar(&f.topic, "topic", "topic_name", "topic; gmqtt-sub appends a number")
	fs.IntVar(&f.interval, "i", 100, "milliseconds between messages or subscriptions")
	fs.IntVar(&f.count, "n", 200, "messages or subscriptions of each client")
	if g.name == "gmqtt-pub" {
		fs.IntVar(&f.size, "s", 256, "bytes of payload, at least 16")
		fs.IntVar(&f.subscribers, "sub", 0, "clients that subscribe to #")
		fs.IntVar(&f.subQoS, "subqos", 0, "QoS of their subscriptions")
	}
	return fs
}

// config turns the flags into a Config, or says what is wrong with them.
func (f *gmqttFlags) config() (Config, error) {
	switch {
	case f.qos < 0 || f.qos > 2 || f.subQoS < 0 || f.subQoS > 2:
		return Config{}, fmt.Errorf("QoS %d and %d for subscribers, want 0, 1 or 2", f.qos, f.subQoS)
	case f.clients < 1 || f.subscribers < 0 || f.count < 0:
		return Config{}, errors.New("numbers of clients, subscribers and messages must not be negative")
	case f.connectInterval < 0 || f.interval < 0 || f.seconds < 0:
		return Config{}, errors.New("intervals and times must not be negative")
	}
	return Config{
		Pattern: "pub", URL: "tcp://" + net.JoinHostPort(f.host, strings.TrimPrefix(f.port, ":")), AllowRemote: f.allowRemote,
		Username: f.user, Password: f.password, Topic: f.topic, QoS: byte(f.qos), Size: f.size, Version: packets.V311,
		Publishers: f.clients, Count: int64(f.count),
	}, nil
}

// gmqtt is one run of such a program.
type gmqtt struct {
	*bench
	gmqttFlags
	stop       chan struct{} // closed at the time limit
	connected  atomic.Int64
	subscribed atomic.Int64
	flows      []*flow
}

func (g *gmqttProgram) main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f gmqttFlags
	fs := g.flags(&f, stderr)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage // the flag set has told
	}
	if fs.NArg() > 0 {
		return complain(stderr, fmt.Errorf("too many arguments: %q", fs.Args()))
	}
	cfg, err := f.config()
	if err != nil {
		return complain(stderr, err)
	}
	res, err := runWith(ctx, cfg, func(b *bench) error {
		b.res.Pattern, b.res.Subscribers = g.name, f.subscribers
		run := &gmqtt{bench: b, gmqttFlags: f, stop: make(chan struct{})}
		return run.run(g.client, stderr)
	})
	if res == nil {
		return complain(stderr, err)
	}
	o := options{json: f.json}
	if err := o.print(res, stdout); err != nil || !res.OK() {
		return exitFailed
	}
	return exitOK
}

// run connects the clients one after another, lets each do its work, and waits
// for all of them.
func (g *gmqtt) run(client func(*gmqtt, int) error, stderr io.Writer) error {
	if err := g.prepare(); err != nil {
		return err
	}
	stopProgress := g.progress(stderr)
	defer stopProgress()
	if g.seconds > 0 {
		timer := time.AfterFunc(time.Duration(g.seconds)*time.Second, func() { close(g.stop) })
		defer timer.Stop()
	}
	g.measuring.Store(true)
	from := g.sample()
	var wg sync.WaitGroup
	for i := range g.clients {
		if i > 0 && !g.rest(g.connectInterval) {
			break
		}
		wg.Go(func() {
			if err := client(g, i); err != nil {
				g.fail(err)
			}
		})
	}
	wg.Wait()
	g.publishers = g.live() // the time limit may have come before the last
	g.drain()
	to := g.sample()
	g.summarize(from, to)
	return nil
}

// prepare makes what all clients share, and connects the subscribers to #.
func (g *gmqtt) prepare() error {
	g.publishers = make([]*publisher, g.clients)
	g.receivers = make([]*receiver, g.subscribers)
	g.copies = int64(g.subscribers)
	g.flows = make([]*flow, g.clients)
	for i := range g.flows {
		g.flows[i] = newFlow(0, 1)
	}
	return g.each(g.subscribers, func(i int) error {
		c, err := g.connect(g.ctx, g.identity("sub", i))
		if err != nil {
			return err
		}
		g.receivers[i] = newReceiver(g.bench, i, c, false, 0, g.flows)
		if err := c.subscribe(1, byte(g.subQoS), "#"); err != nil {
			return err
		}
		g.serve(c, g.receivers[i])
		return nil
	})
}

// identity has the names that gmqtt's clients had, so that a durable session is
// found again.
func (g *gmqtt) identity(kind string, i int) identity {
	return identity{clientID: kind + strconv.Itoa(i), durable: !g.clean}
}

// rest waits some milliseconds, and returns false if the run is to end.
func (g *gmqtt) rest(milliseconds int) bool {
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.stop:
	case <-g.failed:
	}
	return false
}

// open connects client i and registers it as a publisher, so that it is closed
// with the others.
func (g *gmqtt) open(i int) (*publisher, error) {
	start := g.now()
	c, err := g.connect(g.ctx, g.identity("", i))
	if err != nil {
		return nil, err
	}
	p := newPublisher(g.bench, i, c, g.flows[i])
	g.mu.Lock()
	g.publishers[i] = p
	g.mu.Unlock()
	g.connected.Add(1)
	if g.res.Pattern == "gmqtt-connect" {
		g.record(i, []int64{g.now() - start})
	}
	return p, nil
}

func (g *gmqtt) connectClient(i int) error {
	_, err := g.open(i)
	return err
}

func (g *gmqtt) publishClient(i int) error {
	p, err := g.open(i)
	if err != nil {
		return err
	}
	if err := p.prepare([]string{g.topic}, false); err != nil {
		return err
	}
	p.limit.Store(int64(g.count))
	p.pace = pace{start: g.now(), interval: float64(g.interval) * float64(time.Millisecond)}
	g.serve(p.conn, p)
	return p.run(g.stop)
}

func (g *gmqtt) subscribeClient(i int) error {
	p, err := g.open(i)
	if err != nil {
		return err
	}
	for k := range g.count {
		if k > 0 && !g.rest(g.interval) {
			return nil
		}
		if err := p.conn.subscribe(uint16(k%65535+1), byte(g.qos), fmt.Sprintf("%s%d", g.topic, k)); err != nil {
			return err
		}
		g.subscribed.Add(1)
	}
	return nil
}

// summarize fills the result: each kind of event has its own rate.
func (g *gmqtt) summarize(from, to sample) {
	g.collect(from, to)
	seconds := g.res.Seconds
	add := func(what string, n int64) {
		g.res.figure(what, float64(n), "")
		g.res.figure(what+" QPS", float64(n)/max(seconds, 1e-9), "1/s")
	}
	add("clients connected", g.connected.Load())
	switch g.res.Pattern {
	case "gmqtt-pub":
		add("messages published", to.sent-from.sent)
		add("messages distributed", to.received-from.received)
	case "gmqtt-sub":
		add("topics subscribed", g.subscribed.Load())
	}
}

// progress writes the counters every two seconds until the returned function is
// called, which waits for its end.
func (g *gmqtt) progress(w io.Writer) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(2 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s := g.sample()
				tell(w, "clients connected: %d, messages published: %d, messages distributed: %d, topics subscribed: %d\n",
					g.connected.Load(), s.sent, s.received, g.subscribed.Load())
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}
