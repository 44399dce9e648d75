package bench

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// options are the flags beyond a Config.
type options struct {
	json    bool
	clients int
	sources string
	version int
	qos     int
}

// newFlags binds the flags of a pattern to a Config.
func newFlags(s *shape, c *Config, o *options, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("bench "+s.name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		tell(stderr, "usage: linnet bench %s [flags] [url]\n%s\n\n", s.name, s.about)
		fs.PrintDefaults()
	}
	fs.StringVar(&c.URL, "url", "tcp://127.0.0.1:1883", "broker: tcp, tls, ws, wss with host and port, or unix with a path")
	fs.BoolVar(&c.AllowRemote, "allow-remote", false, "permit a broker that is not on this machine")
	fs.BoolVar(&c.Insecure, "insecure", false, "accept any certificate")
	fs.StringVar(&o.sources, "source", "", "local addresses to connect from, in turn, such as 127.0.0.1,127.0.0.2")
	fs.IntVar(&o.version, "version", 4, "MQTT version: 3 (3.1), 4 (3.1.1) or 5")
	fs.StringVar(&c.Username, "username", "", "user name")
	fs.StringVar(&c.Password, "password", "", "password")
	fs.StringVar(&c.Topic, "topic", "", "pattern of topics, %i is a number (default bench/"+s.name+"/%i)")
	fs.IntVar(&o.qos, "qos", 0, "QoS of messages and subscriptions")
	fs.BoolVar(&c.Durable, "durable", false, "subscribers with durable sessions, and the times of acknowledgements; QoS 1 at least (p2p, fanout, fanin, wildcard, latency)")
	fs.IntVar(&c.Size, "size", max(s.size, stampSize), "bytes of payload, at least 16")
	fs.IntVar(&o.clients, "clients", 0, "sets the larger of -publishers and -subscribers, or the number of pairs")
	fs.IntVar(&c.Publishers, "publishers", s.publishers, "publishing connections")
	fs.IntVar(&c.Subscribers, "subscribers", s.subscribers, "subscribing connections")
	fs.IntVar(&c.Filters, "filters", s.filters, "subscriptions of all connections (sub, wildcard)")
	fs.Float64Var(&c.Rate, "rate", s.rate, "messages or connections per second of all together; 0: as fast as it goes")
	fs.Int64Var(&c.Count, "count", s.count, "messages of each publisher (retained, offline: in all); 0: until -duration")
	fs.DurationVar(&c.Duration, "duration", 0, "time to measure (default 10s without a count)")
	fs.DurationVar(&c.Warmup, "warmup", 0, "time before the measurement")
	fs.IntVar(&c.Window, "window", 0, "messages on their way to a subscriber (default about 1 MiB, at most 4096)")
	fs.IntVar(&c.Inflight, "inflight", 128, "unacknowledged QoS 1 and 2 messages of a publisher")
	fs.DurationVar(&c.Patience, "patience", 10*time.Second, "give up when nothing came for so long")
	fs.DurationVar(&c.Idle, "idle", 30*time.Second, "let connections rest before their memory is measured (connect with -pid)")
	fs.IntVar(&c.PID, "pid", 0, "process of the broker, to report its CPU time and memory")
	fs.BoolVar(&o.json, "json", false, "print the result as JSON")
	return fs
}

// apply moves the options into the Config.
func (o *options) apply(s *shape, c *Config) error {
	if o.version < 3 || o.version > 5 {
		return fmt.Errorf("-version is %d, want 3, 4 or 5", o.version)
	}
	if o.qos < 0 || o.qos > 2 {
		return fmt.Errorf("-qos is %d, want 0, 1 or 2", o.qos)
	}
	c.Version, c.QoS = packets.Version(o.version), byte(o.qos)
	if o.sources != "" {
		c.Sources = strings.Split(o.sources, ",")
	}
	if o.clients < 0 {
		return fmt.Errorf("-clients is %d, want a number of connections", o.clients)
	}
	if o.clients > 0 && s.publishers >= s.subscribers {
		c.Publishers = o.clients
	}
	if o.clients > 0 && s.subscribers >= s.publishers {
		c.Subscribers = o.clients
	}
	return nil
}
