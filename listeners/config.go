package listeners

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	defaultKeepAlive        = 15 * time.Second
	defaultHandshakeTimeout = 10 * time.Second
	defaultWebsocketPath    = "/mqtt"
)

// Config holds what listeners can be told beyond their address. The zero value
// and nil are good defaults. Constructors copy it; later changes have no effect.
type Config struct {
	// TLSConfig turns TLS on. NewTLS needs it; the others speak plain text
	// without it. It is cloned, never changed: see NewTLS for what is added.
	TLSConfig *tls.Config

	// ProxyProtocol demands a PROXY protocol header, version 1 or 2, at the very
	// beginning of each connection, before TLS. The address it names becomes the
	// connection's RemoteAddr. A connection without a valid header is closed.
	ProxyProtocol bool

	// ProxyTrusted lists the networks whose PROXY headers are believed; a
	// connection from elsewhere is closed. Empty believes every peer, which is
	// only right where nobody but the proxy can reach the listener. Peers
	// without an IP address (Unix sockets) are always believed.
	ProxyTrusted []netip.Prefix

	// WebsocketPath is the one path that upgrades to WebSocket, "/mqtt" when
	// empty. "*" accepts every path.
	WebsocketPath string

	// WebsocketOrigins lists web origins ("https://app.example.com") whose pages
	// may connect, besides pages from the host name the request itself asked
	// for. "null" admits pages without an origin of their own, "*" every page.
	// Clients that are no browsers send no Origin and are always admitted.
	WebsocketOrigins []string

	// HandshakeTimeout bounds the PROXY header, the TLS handshake and the
	// WebSocket upgrade, each. 0 means 10 seconds.
	HandshakeTimeout time.Duration

	// KeepAlive is the idle time before and between TCP keep-alive probes. 0
	// means 15 seconds; negative turns the probes off.
	KeepAlive time.Duration

	// UnixMode is the permission of a Unix socket's file, for example 0o660. 0
	// leaves it to the process's umask.
	UnixMode os.FileMode
}

// withDefaults returns a copy of c, which may be nil, with the defaults filled in.
func (c *Config) withDefaults() Config {
	var out Config
	if c != nil {
		out = *c
	}
	if out.WebsocketPath == "" {
		out.WebsocketPath = defaultWebsocketPath
	}
	if out.HandshakeTimeout == 0 {
		out.HandshakeTimeout = defaultHandshakeTimeout
	}
	if out.KeepAlive == 0 {
		out.KeepAlive = defaultKeepAlive
	}
	out.ProxyTrusted = append([]netip.Prefix(nil), out.ProxyTrusted...)
	out.WebsocketOrigins = append([]string(nil), out.WebsocketOrigins...)
	return out
}

// validate returns an error that names the field which makes no sense.
func (c *Config) validate() error {
	if c.HandshakeTimeout < 0 {
		return fmt.Errorf("HandshakeTimeout is %v: use a positive duration, or 0 for %v",
			c.HandshakeTimeout, defaultHandshakeTimeout)
	}
	if c.UnixMode&^os.ModePerm != 0 {
		return fmt.Errorf("UnixMode is %v: use permission bits only, for example 0660", c.UnixMode)
	}
	if c.WebsocketPath != "*" && !strings.HasPrefix(c.WebsocketPath, "/") {
		return fmt.Errorf("WebsocketPath is %q: begin it with a slash, or use \"*\" for every path", c.WebsocketPath)
	}
	for _, prefix := range c.ProxyTrusted {
		if !prefix.IsValid() {
			return fmt.Errorf("ProxyTrusted holds an invalid network: write it like 10.0.0.0/8")
		}
	}
	for _, origin := range c.WebsocketOrigins {
		if err := validOrigin(origin); err != nil {
			return err
		}
	}
	return nil
}

// validOrigin checks one entry of WebsocketOrigins.
func validOrigin(origin string) error {
	if origin == "*" || origin == "null" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil ||
		!strings.EqualFold(u.Scheme+"://"+u.Host, origin) {
		return fmt.Errorf("WebsocketOrigins holds %q: write scheme and host only, like https://app.example.com", origin)
	}
	return nil
}
