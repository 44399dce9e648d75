package mqtt

import (
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Options configure a Server. The zero value of every field means its default.
// New copies the struct; later changes have no effect.
type Options struct {
	// Capabilities limit what clients may do. Unset fields keep their defaults.
	Capabilities Capabilities

	// Logger receives the server's events; nil discards them.
	Logger *slog.Logger

	// SysTopicResendInterval is the period of the $SYS topics in seconds;
	// default 10, negative switches them off.
	SysTopicResendInterval int64

	// ClientNetReadBufferSize is the size in bytes of the shared buffers that
	// connections borrow while they read; default 64 KiB.
	ClientNetReadBufferSize int

	// ClientNetWriteBufferSize is the number of bytes gathered for a client
	// before they are written in the middle of a batch; default 64 KiB.
	ClientNetWriteBufferSize int

	// InlineClient is accepted for source compatibility. Publishing and
	// subscribing from Go is always possible.
	InlineClient bool

	// ConnectTimeout bounds the time from accepting a connection to its
	// CONNECT being complete; default 10 s.
	ConnectTimeout time.Duration

	// MaximumConnectPacketSize bounds packets before the CONNECT is accepted,
	// in bytes; default 64 KiB.
	MaximumConnectPacketSize uint32

	// RetryInterval is the time after which an unacknowledged PUBLISH or
	// PUBREL is sent again on a live connection to 3.1 and 3.1.1 clients.
	// Zero, the default, never resends; MQTT 5.0 forbids it [MQTT-4.4.0-1].
	RetryInterval time.Duration

	// ServerKeepAlive, in seconds, replaces longer or absent Keep Alive values
	// of MQTT 5.0 clients and is told to them; 0 accepts what they ask.
	ServerKeepAlive uint16

	// SharedStrategy picks the member of a shared subscription; default RoundRobin.
	SharedStrategy ShareStrategy

	// SessionsOpenToAnyUser lets a client resume a session that another user
	// name created. By default it is refused with 0x87.
	SessionsOpenToAnyUser bool

	// MemoryBudget bounds, in bytes, what queues, windows and outbound buffers
	// of all clients and retained messages may hold together, a queued message
	// counted once for each receiver. Retained messages beyond three quarters
	// of it are refused: publishers of MQTT 5.0 at QoS 1 and 2 with 0x97, what
	// others publish is delivered and not retained. Near the budget (7/8) new
	// connections and large packets are refused, and readers slowed. At it no
	// queue grows, so that its policy decides, one message at a time is in
	// flight to each session, and QoS 0 messages are dropped for connections
	// with 64 KiB waiting. 0 means no budget.
	MemoryBudget int64

	// ResponseInformation is given to v5 clients that ask for it, as the basis
	// of their response topics.
	ResponseInformation string

	// ServerReference names another server in refusals by a hook with 0x9C or 0x9D.
	ServerReference string

	// Store keeps sessions that outlive their connection, with what is queued
	// for them, and retained messages; package hooks/storage has it. nil keeps
	// everything in memory. The server closes it when it has stopped.
	Store Store

	// Durability says what acknowledgements wait for that promise to keep
	// something in Store; default DurabilityFsync.
	Durability Durability
	// ListenerDurability replaces it for clients of a listener, by its ID.
	ListenerDurability map[string]Durability
	// TopicDurability replaces both for messages; the first that matches counts.
	TopicDurability []TopicDurability
	// AnnounceDurability tells v5 clients with sessions in Store what holds for
	// them, in the user property "durability" of CONNACK.
	AnnounceDurability bool

	// Version is shown in $SYS/broker/version and in Stats.
	Version string
}

// Availability says whether a feature is offered; the zero value is the default.
type Availability byte

const (
	// Available offers the feature, which is the default.
	Available Availability = 1
	// Unavailable refuses it and says so in CONNACK.
	Unavailable Availability = 2
)

// QoS0Only as Capabilities.MaximumQos offers QoS 0 alone.
const QoS0Only byte = 0xFF

// Capabilities are limits of the protocol. An unset field keeps its default.
type Capabilities struct {
	// MaximumSessionExpiryInterval caps the session expiry in seconds, and is
	// the lifetime of persistent sessions of 3.x clients; default 4294967295 (never).
	MaximumSessionExpiryInterval uint32
	// MaximumMessageExpiryInterval caps the life of every message in seconds; 0: no cap.
	MaximumMessageExpiryInterval int64
	// ReceiveMaximum bounds the QoS 1 and 2 PUBLISHes of a client that are
	// not yet acknowledged; default 1024.
	ReceiveMaximum uint16
	// MaximumInflight bounds those sent to a client, together with the
	// client's own Receive Maximum; default 1024.
	MaximumInflight uint16
	// MaximumQos is 1 or 2 (default), or QoS0Only.
	MaximumQos byte
	// MaximumPacketSize in bytes of packets from clients; default 1 MiB.
	MaximumPacketSize uint32
	// TopicAliasMaximum bounds inbound aliases; default 32.
	TopicAliasMaximum uint16
	// NoTopicAliases refuses inbound topic aliases altogether.
	NoTopicAliases bool
	// RetainAvailable, WildcardSubAvailable, SubIDAvailable and
	// SharedSubAvailable switch features off when Unavailable.
	RetainAvailable      Availability
	WildcardSubAvailable Availability
	SubIDAvailable       Availability
	SharedSubAvailable   Availability
	// MinimumProtocolVersion is 3 (MQTT 3.1, default), 4 (3.1.1) or 5 (5.0).
	MinimumProtocolVersion byte
	// MaximumClients bounds connections that have completed CONNECT; 0: no bound.
	MaximumClients int64
	// MaximumSubscriptionsPerClient bounds the subscriptions of a session; more
	// are refused with 0x97, to 3.x clients with 0x80. Default 1,000,000: it is
	// there for clients that have gone wild, and a gateway may subscribe to each
	// of its devices.
	MaximumSubscriptionsPerClient int
	// MaximumClientWritesPending bounds the bytes that wait for a slow
	// connection: beyond half of them QoS 1 and 2 and retained messages wait
	// in its session, beyond all of them QoS 0 messages to it are dropped;
	// default 4 MiB.
	MaximumClientWritesPending int32
	// MaximumQueueMessages and MaximumQueueBytes bound the queue of a session
	// that ends with its connection; default 1,000 and 64 MiB.
	MaximumQueueMessages int
	MaximumQueueBytes    int64
	// MaximumDurableQueueMessages and MaximumDurableQueueBytes bound the queue
	// of a session that outlives its connection; default 100,000 and 256 MiB.
	MaximumDurableQueueMessages int
	MaximumDurableQueueBytes    int64
	// QueuePolicy says what happens at those bounds; default DropNewest.
	QueuePolicy QueuePolicy
	// QueueQoS0Messages keeps QoS 0 messages for offline durable sessions.
	QueueQoS0Messages bool
	// Compatibilities bend the protocol for clients that need it.
	Compatibilities Compatibilities
}

// Compatibilities are deviations some clients need, all off by default.
type Compatibilities struct {
	// ObscureNotAuthorized answers refused SUBSCRIBEs with 0x80 instead of 0x87.
	ObscureNotAuthorized bool
	// PassiveClientDisconnect leaves it to a v5 client to close the
	// connection after the server sent DISCONNECT, for up to two seconds.
	PassiveClientDisconnect bool
	// AlwaysReturnResponseInfo sends Response Information to clients that did
	// not ask for it.
	AlwaysReturnResponseInfo bool
	// RestoreSysInfoOnRestart continues the totals of $SYS after a restart.
	RestoreSysInfoOnRestart bool
	// NoInheritedPropertiesOnAck is the behaviour always: acknowledgements
	// never carry the user properties of what they acknowledge.
	NoInheritedPropertiesOnAck bool
}

// QueuePolicy says what happens when a session's queue is full. QoS 0 messages
// in the queue are evicted first in any case.
type QueuePolicy byte

const (
	// DropNewest drops the arriving message.
	DropNewest QueuePolicy = iota
	// DropOldest drops the message that waited longest.
	DropOldest
	// DisconnectSlow disconnects the client (0x97) and drops the message.
	DisconnectSlow
	// RejectPublish refuses the PUBLISH as a whole with 0x97 before anything is
	// routed or stored; 3.x publishers of QoS 1 and 2 are disconnected.
	RejectPublish
)

func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&out.SysTopicResendInterval, 10)
	setDefault(&out.ClientNetReadBufferSize, 64<<10)
	setDefault(&out.ClientNetWriteBufferSize, 64<<10)
	setDefault(&out.ConnectTimeout, 10*time.Second)
	setDefault(&out.MaximumConnectPacketSize, 64<<10)
	out.Capabilities.setDefaults()
	return out, out.validate()
}

func (c *Capabilities) setDefaults() {
	setDefault(&c.MaximumSessionExpiryInterval, expiryNever)
	setDefault(&c.ReceiveMaximum, 1024)
	setDefault(&c.MaximumInflight, 1024)
	setDefault(&c.MaximumQos, 2)
	setDefault(&c.MaximumPacketSize, 1<<20)
	setDefault(&c.TopicAliasMaximum, 32)
	if c.NoTopicAliases {
		c.TopicAliasMaximum = 0
	}
	setDefault(&c.RetainAvailable, Available)
	setDefault(&c.WildcardSubAvailable, Available)
	setDefault(&c.SubIDAvailable, Available)
	setDefault(&c.SharedSubAvailable, Available)
	setDefault(&c.MinimumProtocolVersion, byte(packets.V31))
	setDefault(&c.MaximumSubscriptionsPerClient, 1_000_000)
	setDefault(&c.MaximumClientWritesPending, 4<<20)
	setDefault(&c.MaximumQueueMessages, 1000)
	setDefault(&c.MaximumQueueBytes, 64<<20)
	setDefault(&c.MaximumDurableQueueMessages, 100_000)
	setDefault(&c.MaximumDurableQueueBytes, 256<<20)
}

// maximumQoS is MaximumQos as a number.
func (c *Capabilities) maximumQoS() byte {
	if c.MaximumQos == QoS0Only {
		return 0
	}
	return c.MaximumQos
}

func (o *Options) validate() error {
	c := &o.Capabilities
	switch {
	case c.MaximumQos > 2 && c.MaximumQos != QoS0Only:
		return fmt.Errorf("capabilities: MaximumQos is %d, want 1, 2 or QoS0Only", c.MaximumQos)
	case c.MinimumProtocolVersion < 3 || c.MinimumProtocolVersion > 5:
		return fmt.Errorf("capabilities: MinimumProtocolVersion is %d, want 3, 4 or 5", c.MinimumProtocolVersion)
	case c.MaximumPacketSize < 16 || c.MaximumPacketSize > maxPacketSize:
		return fmt.Errorf("capabilities: MaximumPacketSize is %d, want 16 to %d bytes", c.MaximumPacketSize, maxPacketSize)
	case c.QueuePolicy > RejectPublish:
		return fmt.Errorf("capabilities: QueuePolicy is %d, want DropNewest, DropOldest, DisconnectSlow or RejectPublish", c.QueuePolicy)
	case o.SharedStrategy > HashTopic:
		return fmt.Errorf("options: SharedStrategy is %d, want one of the ShareStrategy constants", o.SharedStrategy)
	case o.ClientNetReadBufferSize < 512:
		return fmt.Errorf("options: ClientNetReadBufferSize is %d, want at least 512 bytes", o.ClientNetReadBufferSize)
	case o.ConnectTimeout < 0 || o.RetryInterval < 0:
		return fmt.Errorf("options: ConnectTimeout and RetryInterval must not be negative")
	case c.MaximumMessageExpiryInterval < 0 || c.MaximumMessageExpiryInterval > math.MaxUint32:
		return fmt.Errorf("capabilities: MaximumMessageExpiryInterval is %d, want 0 to %d seconds", c.MaximumMessageExpiryInterval, uint32(math.MaxUint32))
	case c.MaximumSubscriptionsPerClient < 0 || c.MaximumClientWritesPending < 0 || c.MaximumQueueMessages < 0 || c.MaximumQueueBytes < 0 ||
		c.MaximumDurableQueueMessages < 0 || c.MaximumDurableQueueBytes < 0 || o.MemoryBudget < 0:
		return fmt.Errorf("options: limits must not be negative")
	}
	return o.validateDurability()
}

// maxPacketSize is the largest control packet the protocol can express: five
// bytes of fixed header and 268,435,455 bytes behind it.
const maxPacketSize = 268_435_455 + 5

// expiryNever is the Session Expiry Interval of a session that does not expire
// [MQTT-3.1.2-23].
const expiryNever = 0xFFFFFFFF

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
