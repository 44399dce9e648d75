package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Config says what Run does. The zero value of every field but Pattern and URL
// means the default of the pattern.
type Config struct {
	// Pattern is one of Patterns.
	Pattern string
	// URL names the broker: tcp://, tls://, ws://, wss:// with host and port,
	// or unix:// with the path of a socket.
	URL string
	// AllowRemote permits a broker that is not on this machine.
	AllowRemote bool
	// Insecure accepts any certificate.
	Insecure bool
	// Sources are local IP addresses that connections come from in turn, for
	// more connections than one address has ports.
	Sources []string

	// Version is that of the protocol, default MQTT 3.1.1.
	Version packets.Version
	// Username and Password are sent if the name is not empty.
	Username, Password string
	// Topic is the pattern of topics; %i stands for a number.
	Topic string

	// QoS of the messages and subscriptions.
	QoS byte
	// Durable gives subscribers sessions that outlive their connections and are
	// removed at the end, and reports the times from sending to PUBACK or
	// PUBCOMP. QoS is at least 1 then. Pattern offline always does so.
	Durable bool
	// Size of the payload in bytes, at least 16 for the stamp.
	Size int
	// Publishers and Subscribers are numbers of connections.
	Publishers, Subscribers int
	// Filters is the number of all subscriptions of the patterns sub and wildcard.
	Filters int
	// Rate is messages (connect: connections) per second of all publishers
	// together, on a fixed schedule; 0 is as fast as the window allows.
	Rate float64
	// Count is the number of messages: of each publisher, or, where messages
	// are stored first (retained, offline), of all together.
	Count int64
	// Duration bounds patterns without a Count. Warmup goes before it and is
	// not measured.
	Duration, Warmup time.Duration
	// Window bounds the messages on their way to a receiver; by default about
	// 1 MiB of them, at most 4096.
	Window int
	// Inflight bounds the QoS 1 and 2 messages of a publisher that the broker
	// has not acknowledged; default 128.
	Inflight int
	// Patience is how long nothing may come before the run is given up; default 10 s.
	Patience time.Duration
	// Idle is how long idle connections rest before their memory is measured.
	Idle time.Duration
	// PID is the broker's process, whose time and memory are reported; 0: none.
	PID int
	// Progress receives a line a second; nil discards them.
	Progress io.Writer
}

// shape is what the patterns differ in by default.
type shape struct {
	name, about             string
	publishers, subscribers int
	filters, size           int
	rate                    float64
	count                   int64
	run                     func(*bench) error
}

// shapes is the list of patterns in the order of the help text.
var shapes = []shape{
	{name: "connect", about: "connections per second, then memory of an idle one", subscribers: 1000, run: runConnect},
	{name: "pub", about: "publishers whose messages nobody wants", publishers: 10, run: runTraffic},
	{name: "sub", about: "subscriptions per second", subscribers: 100, filters: 10_000, run: runSubscribe},
	{name: "p2p", about: "pairs of publisher and subscriber", publishers: 10, subscribers: 10, run: runTraffic},
	{name: "fanout", about: "every message to many subscribers", publishers: 1, subscribers: 100, run: runTraffic},
	{name: "fanin", about: "many publishers to one subscriber", publishers: 100, subscribers: 1, run: runTraffic},
	{name: "shared", about: "each message to one member of a shared subscription", publishers: 10, subscribers: 10, run: runTraffic},
	{name: "wildcard", about: "many filters with a wildcard; subscribe rate, then publish rate", publishers: 10, subscribers: 1000, filters: 100_000, run: runTraffic},
	{name: "retained", about: "store messages, then one wildcard subscription receives them", publishers: 10, subscribers: 1, count: 100_000, run: runRetained},
	{name: "offline", about: "queue messages for a durable session, then drain it", publishers: 1, subscribers: 1, count: 50_000, run: runOffline},
	{name: "latency", about: "messages on a fixed schedule; a stall counts against every message behind it", publishers: 1, subscribers: 1, rate: 1000, run: runTraffic},
	{name: "stress", about: "all messages at once, then received; the three figures of mqtt-stresser", publishers: 10, subscribers: 10, size: 20, count: 10_000, run: runStress},
}

func shapeOf(name string) *shape {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &shapes[i]
}

// Patterns returns the names of all patterns.
func Patterns() []string {
	names := make([]string, len(shapes))
	for i := range shapes {
		names[i] = shapes[i].name
	}
	return names
}

const (
	defaultWindow   = 4096
	defaultInFlight = 1 << 20 // bytes
)

// withDefaults returns a copy with the defaults filled in, or says which field
// is wrong.
func (c Config) withDefaults() (Config, error) {
	s := shapeOf(c.Pattern)
	if s == nil {
		return c, fmt.Errorf("pattern %q is none of %v", c.Pattern, Patterns())
	}
	setDefault(&c.Version, packets.V311)
	setDefault(&c.Publishers, s.publishers)
	setDefault(&c.Subscribers, s.subscribers)
	setDefault(&c.Filters, s.filters)
	setDefault(&c.Rate, s.rate)
	setDefault(&c.Size, max(s.size, stampSize))
	setDefault(&c.Inflight, 128)
	setDefault(&c.Patience, 10*time.Second)
	setDefault(&c.Topic, "bench/"+c.Pattern+"/%i")
	setDefault(&c.Window, min(defaultWindow, max(16, defaultInFlight/(c.Size+len(c.Topic)+4))))
	if c.Count == 0 && c.Duration == 0 {
		c.Count = s.count
	}
	if c.Count == 0 {
		setDefault(&c.Duration, 10*time.Second)
	}
	c.Durable = c.Durable || c.Pattern == "offline"
	if c.Durable && c.QoS == 0 {
		c.QoS = 1
	}
	if c.Pattern == "p2p" || c.Pattern == "latency" || c.Pattern == "stress" {
		c.Subscribers = c.Publishers
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	switch {
	case c.Version < packets.V31 || c.Version > packets.V5:
		return fmt.Errorf("protocol version %d, want 3, 4 or 5", byte(c.Version))
	case c.QoS > 2:
		return fmt.Errorf("QoS %d, want 0, 1 or 2", c.QoS)
	case c.Size < stampSize:
		return fmt.Errorf("payloads of %d bytes, want at least %d for the stamp", c.Size, stampSize)
	case c.Publishers < 0 || c.Subscribers < 0 || c.Filters < 0:
		return fmt.Errorf("numbers of publishers, subscribers and filters must not be negative")
	case c.Rate < 0 || c.Count < 0 || c.Duration < 0 || c.Warmup < 0 || c.Idle < 0 || c.Patience < 0:
		return fmt.Errorf("rate, count and times must not be negative")
	case c.Inflight < 1 || c.Inflight > 65535:
		return fmt.Errorf("%d messages in flight, want 1 to 65535", c.Inflight)
	case c.Window < 1:
		return fmt.Errorf("a window of %d messages, want at least 1", c.Window)
	case !strings.Contains(c.Topic, "%i") && c.Publishers > 1 && c.Subscribers > 1 && c.Pattern != "fanout":
		return fmt.Errorf("topic %q needs %%i where the number of the pair goes", c.Topic)
	case c.Count > 1<<32-1:
		return fmt.Errorf("%d messages, want at most %d", c.Count, uint32(1<<32-1))
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
