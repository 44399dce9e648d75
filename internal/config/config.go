package config

import (
	"slices"
	"time"
)

// Config is everything a broker process can be told. Default and Load make one;
// the table in keys.go says what each field means.
type Config struct {
	DataDir         string
	ShutdownTimeout time.Duration
	Listeners       []Listener
	Access          Access
	Admin           Admin
	Capabilities    Capabilities
	Limits          Limits
	Sessions        Sessions
	Queues          Queues
	Store           Store
	Notices         Notices
	Sys             Sys
	Log             Log
	Profile         Profile

	// Workers is hmq's number of workers, from a flag or hmq's file. It is a
	// hint that nothing needs.
	Workers int

	places map[string]place // where each path was given
}

// The protocols a Listener can have.
const (
	TCP        = "tcp"
	TLS        = "tls"
	WebSocket  = "ws"
	WebSockets = "wss"
	Unix       = "unix"
	HTTP       = "http"
)

// The rules for clients that say no user name.
const (
	Everybody = "everybody"
	Loopback  = "loopback"
	Nobody    = "nobody"
)

// Admin says where the management API listens; an empty address switches it off.
type Admin struct {
	Address string // host:port
}

// Listener is one address at which clients are accepted.
type Listener struct {
	ID               string // unique; in log lines
	Protocol         string // one of the constants
	Address          string // host:port, or the path of the Unix socket
	Anonymous        string // one of the constants, "": as Access says
	Path             string // of a WebSocket
	Origins          []string
	TLS              Certificates
	ProxyProtocol    bool
	ProxyTrusted     []string
	HandshakeTimeout time.Duration
	TCPKeepAlive     time.Duration // 0: no probes
	Durability       string        // "": as Store says
	Connections      int           // at a time; 0: as Limits says
	UnixMode         string        // octal
	PProf            bool
}

// Certificates are the files for TLS, in PEM.
type Certificates struct {
	CertFile, KeyFile string
	Others            []CertificatePair // by the server name that a client asks for
	CAFile            string            // authorities for clients' certificates
	VerifyClient      string            // Optional, Required, "": they are not asked
	Identity          string            // what of their certificate is the user name; "": nothing
	CRLFile           string            // of revoked certificates
	MinimumVersion    string            // "1.2", "1.3"
}

// CertificatePair is a certificate and its key.
type CertificatePair struct{ CertFile, KeyFile string }

// Whether clients show a certificate, and what of it is their user name.
const (
	Optional = "optional"
	Required = "required"

	CommonName = "common_name"
	SANDNS     = "san_dns"
	SANEmail   = "san_email"
	SANURI     = "san_uri"
)

// Given reports whether anything is said about certificates.
func (c *Certificates) Given() bool {
	return c.CertFile != "" || c.KeyFile != "" || c.CAFile != "" || c.VerifyClient != "" || c.CRLFile != "" ||
		len(c.Others) > 0 || c.Identity != ""
}

// Access says who may come in and what they may do.
type Access struct {
	Anonymous    string // "": Loopback as long as nothing knows users, else Nobody
	PasswordFile string
	ACLFile      string
	LedgerFile   string
}

// KnowsUsers reports whether files or certificates say who the users are, so that
// a user name is a claim.
func (c *Config) KnowsUsers() bool {
	return c.Access.PasswordFile != "" || c.Access.LedgerFile != "" || c.KnowsCertificates()
}

// KnowsCertificates reports whether certificates say who some users are.
func (c *Config) KnowsCertificates() bool {
	return slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.TLS.Identity != "" })
}

// Notices are about clients that come and go.
type Notices struct {
	Enabled                  bool
	QoS                      byte
	Retain                   bool
	Username, Remote, Reason bool
}

// Capabilities are limits in the words of the specification. Where 0 is no
// sensible value it means that there is no limit.
type Capabilities struct {
	MaximumSessionExpiryInterval    time.Duration // 0: never
	MaximumMessageExpiryInterval    time.Duration // 0: never
	ReceiveMaximum                  uint16
	MaximumInflight                 uint16
	MaximumQoS                      byte
	MaximumPacketSize               uint32
	TopicAliasMaximum               uint16
	RetainAvailable                 bool
	WildcardSubscriptionAvailable   bool
	SubscriptionIdentifierAvailable bool
	SharedSubscriptionAvailable     bool
	MinimumProtocolVersion          string        // "3.1", "3.1.1", "5.0"
	ServerKeepAlive                 time.Duration // 0: what clients ask for
	ResponseInformation             string
	ServerReference                 string
	Compatibilities                 Compatibilities
}

// Compatibilities are deviations some clients need.
type Compatibilities struct {
	ObscureNotAuthorized     bool
	PassiveClientDisconnect  bool
	AlwaysReturnResponseInfo bool
	RestoreSysInfo           bool
}

// Limits protect the broker. Of numbers 0 is no limit where not said otherwise.
type Limits struct {
	ConnectionsPerUser     int
	ConnectionsPerAddress  int
	ConnectionsPerListener int
	Connects               Rate // of an address
	Messages               Rate // of a client
	Bytes                  Rate // of a client
	TooFast                string
	TopicLevels            int
	TopicBytes             int
	Flapping               Flapping

	MaximumClients             int64 // 0: none
	MaximumSubscriptions       int   // of a client
	MemoryBudget               int64 // bytes, 0: none
	ConnectTimeout             time.Duration
	MaximumConnectPacketSize   uint32
	MaximumClientWritesPending int32
	ReadBufferSize             int
	WriteBufferSize            int
}

// What happens to clients that publish faster than their rate.
const (
	Throttle   = "throttle"
	Reject     = "reject"
	Disconnect = "disconnect"
)

// Rate is so much per second, on average; 0 is no limit. Burst is what may come
// at once, 0 as much as in a second.
type Rate struct{ PerSecond, Burst int64 }

// Flapping bans clients for a while that connect more than Count times in a
// Window; 0 never does.
type Flapping struct {
	Count       int
	Window, Ban time.Duration
}

// Sessions say how sessions are kept.
type Sessions struct {
	OpenToAnyUser  bool
	SharedStrategy string
	RetryInterval  time.Duration // 0: never
}

// Queues bound what waits for a client.
type Queues struct {
	MaximumMessages        int
	MaximumBytes           int64
	DurableMaximumMessages int
	DurableMaximumBytes    int64
	Policy                 string
	QoS0                   bool
}

// The engines of a store, and the durabilities.
const (
	Pebble = "pebble"
	Bolt   = "bolt"
	Badger = "badger"
	Redis  = "redis"
	None   = "none"

	Fsync = "fsync"
	OS    = "os"
)

// Store says what outlives the process, and what acknowledgements wait for.
type Store struct {
	Engine     string
	Durability string
	Announce   bool
	Maximum    int64 // bytes, 0: no bound
	Topics     []TopicDurability
	RedisURL   Secret
	RedisName  string // prefix of the keys
}

// TopicDurability is the durability of messages whose topic matches a filter.
type TopicDurability struct{ Filter, Durability string }

// Sys is about the $SYS topics.
type Sys struct{ Interval time.Duration } // 0: off

// Log says what is logged and where.
type Log struct {
	Level          string
	Format         string // "": text on a terminal, else json
	Output         string // stderr, file, both, off; "": file if there is one, else stderr
	File           string
	MaximumSize    int64 // bytes
	MaximumAge     time.Duration
	MaximumBackups int
	Compress       bool
}

// Profile names files for profiles of the whole run.
type Profile struct{ CPUFile, MemoryFile string }

// Default is what holds without any file, variable and flag: MQTT on port 1883
// and over WebSocket on port 8083.
func Default() *Config {
	c := &Config{places: map[string]place{}}
	c.keys().reset()
	return c
}

// Listener returns the listener with an ID, nil if there is none. The pointer
// is good until listeners are put or removed.
func (c *Config) Listener(id string) *Listener {
	i := slices.IndexFunc(c.Listeners, func(l Listener) bool { return l.ID == id })
	if i < 0 {
		return nil
	}
	return &c.Listeners[i]
}

// ListenerFor returns the one that a flag about a protocol means: the one with
// the ID, else the first that speaks one of the protocols, nil if there is none.
func (c *Config) ListenerFor(id string, protocols ...string) *Listener {
	if l := c.Listener(id); l != nil {
		return l
	}
	i := slices.IndexFunc(c.Listeners, func(l Listener) bool { return slices.Contains(protocols, l.Protocol) })
	if i < 0 {
		return nil
	}
	return &c.Listeners[i]
}

// NewListener returns a listener with the defaults of its protocol.
func NewListener(id, protocol, address string) Listener {
	var l Listener
	l.keys().reset()
	l.ID, l.Protocol, l.Address = id, protocol, address
	l.complete()
	return l
}

// Put adds a listener or replaces the one with its ID, and returns where it is.
func (c *Config) Put(l Listener) *Listener {
	if old := c.Listener(l.ID); old != nil {
		*old = l
		return old
	}
	c.Listeners = append(c.Listeners, l)
	return &c.Listeners[len(c.Listeners)-1]
}

// Remove removes the listener with an ID, if there is one.
func (c *Config) Remove(id string) {
	c.Listeners = slices.DeleteFunc(c.Listeners, func(l Listener) bool { return l.ID == id })
}
