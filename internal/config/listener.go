package config

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
)

// The ports and paths that hold when nothing else is said.
const (
	DefaultHost   = "0.0.0.0"
	DefaultWSPath = "/mqtt"
	DefaultData   = "linnet-data"
	DefaultAdmin  = "127.0.0.1:8081"
)

// defaultAddresses are where a listener is whose address is not given.
var defaultAddresses = map[string]string{
	TCP: "0.0.0.0:1883", TLS: "0.0.0.0:8883", WebSocket: "0.0.0.0:8083", WebSockets: "0.0.0.0:8084", HTTP: "127.0.0.1:8080",
}

// defaultIDs are what the first listener of a protocol is called.
var defaultIDs = map[string]string{TCP: "mqtt", TLS: "mqtts", WebSocket: "websocket", WebSockets: "websockets", Unix: "unix", HTTP: "http"}

func defaultListeners() []Listener {
	return []Listener{NewListener("mqtt", TCP, ""), NewListener("websocket", WebSocket, "")}
}

// complete fills in the defaults that depend on the protocol.
func (l *Listener) complete() {
	l.Address = cmp.Or(l.Address, defaultAddresses[l.Protocol])
	if l.isWebSocket() {
		l.Path = cmp.Or(l.Path, DefaultWSPath)
	}
}

// completeListeners fills in what was left out, IDs too.
func (c *Config) completeListeners() {
	taken := map[string]bool{}
	for i := range c.Listeners {
		taken[c.Listeners[i].ID] = true
	}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		l.complete()
		if l.ID != "" {
			continue
		}
		l.ID = defaultIDs[l.Protocol]
		for n := 2; taken[l.ID]; n++ {
			l.ID = defaultIDs[l.Protocol] + "-" + strconv.Itoa(n)
		}
		taken[l.ID] = true
	}
}

func (l *Listener) isWebSocket() bool { return l.Protocol == WebSocket || l.Protocol == WebSockets }

// Secure reports whether the listener speaks TLS.
func (l *Listener) Secure() bool {
	return l.Protocol == TLS || l.Protocol == WebSockets || l.Protocol == HTTP && l.TLS.Given()
}

// ForClients reports whether MQTT is spoken here.
func (l *Listener) ForClients() bool { return l.Protocol != HTTP }

// SetHost moves every listener for clients to another host of this machine; an
// empty one changes nothing.
func (c *Config) SetHost(host string) {
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Protocol == Unix || !l.ForClients() || host == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(l.Address); err == nil {
			l.Address = net.JoinHostPort(host, port)
		}
	}
}

// SetAnonymous makes one rule for every listener.
func (c *Config) SetAnonymous(rule string) {
	c.Access.Anonymous = rule
	for i := range c.Listeners {
		c.Listeners[i].Anonymous = ""
	}
}

// AnonymousAt is the rule of a listener: its own, or the general one.
func (c *Config) AnonymousAt(l *Listener) string {
	general := Loopback
	if c.KnowsUsers() {
		general = Nobody
	}
	return cmp.Or(l.Anonymous, c.Access.Anonymous, general)
}

// ValidPort tells whether a port is a number that a port can have; 0 lets the
// system choose one.
func ValidPort(port string) error {
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("port %q: use a number from 0 to 65535", port)
	}
	return nil
}
