package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"
)

// The protocols a Listener can have.
const (
	TCP        = "tcp"
	TLS        = "tls"
	WebSocket  = "ws"
	WebSockets = "wss"
	Unix       = "unix"
	HTTP       = "http"
)

// The ports and paths that hold when nothing else is said.
const (
	DefaultHost   = "0.0.0.0"
	DefaultWSPath = "/mqtt"
	DefaultData   = "linnet-data"
	DefaultAdmin  = "127.0.0.1:8081"

	DefaultDurability = "fsync"
)

// Config is everything a broker process can be told. Default makes one.
type Config struct {
	Listeners    []Listener
	Log          Log
	Capabilities Capabilities

	// Admin is the management API.
	Admin Admin

	// DataDir is the directory that belongs to this process alone.
	DataDir string

	// Durability is what acknowledgements wait for: "fsync", "os" or "none".
	Durability string

	// AllowAnonymous admits every client. Otherwise, as long as no other access
	// rules exist, clients of this machine are admitted and nobody else.
	AllowAnonymous bool

	// ShutdownTimeout is how long clients may take their last messages.
	ShutdownTimeout time.Duration

	// Workers is hmq's number of workers. It is a hint that nothing needs.
	Workers int
}

// Admin says where the management API listens; an empty address switches it off.
type Admin struct {
	Address string // host:port
}

// Listener is one address at which clients are accepted.
type Listener struct {
	ID       string // unique; in log lines
	Protocol string // one of the constants
	Address  string // host:port, or the path of the Unix socket
	Path     string // of a WebSocket
	TLS      *Certificates

	// ProxyProtocol demands a PROXY protocol header, whose address counts as
	// the client's. ProxyTrusted are the networks of the proxies ("10.0.0.0/8").
	ProxyProtocol bool
	ProxyTrusted  []string

	// Origins are web origins whose pages may connect by WebSocket, besides
	// pages of the host the request was sent to.
	Origins []string
}

// Certificates are the files for TLS, in PEM.
type Certificates struct {
	CertFile, KeyFile string
	CAFile            string // authorities for clients' certificates
	VerifyClient      bool   // clients must show one
}

// Log says what is logged and where.
type Log struct {
	Off    bool
	File   string // empty: standard error
	Level  string // debug, info, warn, error
	Format string // text, json; empty: text on a terminal, else json
}

// Capabilities limit what clients may do, in the words of the specification.
// A zero keeps the broker's default.
type Capabilities struct {
	MaximumClients        int64
	MaximumPacketSize     uint32 // bytes
	ReceiveMaximum        uint16
	TopicAliasMaximum     uint16
	SessionExpiryInterval uint32 // seconds, the most a client gets
	ServerKeepAlive       uint16 // seconds, the most a client gets
}

// Default is what holds without any file and flag: MQTT on port 1883 and over
// WebSocket on port 8083.
func Default() *Config {
	return &Config{
		Listeners: []Listener{
			{ID: "mqtt", Protocol: TCP, Address: net.JoinHostPort(DefaultHost, "1883")},
			{ID: "websocket", Protocol: WebSocket, Address: net.JoinHostPort(DefaultHost, "8083"), Path: DefaultWSPath},
		},
		Log:             Log{Level: "info"},
		Admin:           Admin{Address: DefaultAdmin},
		DataDir:         DefaultData,
		Durability:      DefaultDurability,
		ShutdownTimeout: 10 * time.Second,
	}
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

// SetHost moves every listener for clients to another host of this machine; an
// empty one changes nothing.
func (c *Config) SetHost(host string) {
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Protocol == Unix || l.Protocol == HTTP || host == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(l.Address); err == nil {
			l.Address = net.JoinHostPort(host, port)
		}
	}
}

// Validate names what cannot work.
func (c *Config) Validate() error {
	if !slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.Protocol != HTTP }) {
		return fmt.Errorf("there is no listener for clients: give a port")
	}
	if !slices.Contains([]string{"fsync", "os", "none"}, c.Durability) {
		return fmt.Errorf("durability %q: use fsync, os or none", c.Durability)
	}
	if c.DataDir == "" {
		return fmt.Errorf("the data directory is empty: name one")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		return fmt.Errorf("log level %q: use debug, info, warn or error", c.Log.Level)
	}
	if !slices.Contains([]string{"", "text", "json"}, c.Log.Format) {
		return fmt.Errorf("log format %q: use text or json", c.Log.Format)
	}
	if c.ShutdownTimeout < 0 {
		return fmt.Errorf("shutdown timeout %s: use a positive duration", c.ShutdownTimeout)
	}
	for i := range c.Listeners {
		if err := c.Listeners[i].validate(); err != nil {
			return fmt.Errorf("listener %s: %w", c.Listeners[i].ID, err)
		}
	}
	return nil
}

func (l *Listener) validate() error {
	if secure := l.Protocol == TLS || l.Protocol == WebSockets; secure && l.TLS == nil {
		return fmt.Errorf("TLS needs a certificate and its key")
	}
	if l.TLS != nil && (l.TLS.CertFile == "" || l.TLS.KeyFile == "") {
		return fmt.Errorf("TLS needs both a certificate file and a key file")
	}
	if l.TLS != nil && l.TLS.VerifyClient && l.TLS.CAFile == "" {
		return fmt.Errorf("verifying clients' certificates needs a CA file")
	}
	if l.Protocol == Unix {
		return nil
	}
	_, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return fmt.Errorf("address %q: write host:port", l.Address)
	}
	return ValidPort(port)
}

// ValidPort tells whether a port is a number that a port can have; 0 lets the
// system choose one.
func ValidPort(port string) error {
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("port %q: use a number from 0 to 65535", port)
	}
	return nil
}
