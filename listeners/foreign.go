package listeners

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Forwarded reports that an HTTP proxy passed the request on, by its own words.
func (c *WebsocketConn) Forwarded() bool { return c.forwarded }

// Foreign reports that the client is not where its address says: an HTTP proxy
// forwarded the request, or a page opened it that was not loaded from this
// machine. A connection from a loopback address for which this is true does not
// come from a program of this machine.
func (c *WebsocketConn) Foreign() bool {
	return c.forwarded || c.origin != "" && !LocalOrigin(c.origin)
}

// LocalOrigin reports whether a web origin is of this machine: localhost, a name
// below it, or a loopback address.
func LocalOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// forwarded reports whether a proxy says in the request that it passes it on.
func forwarded(header http.Header) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if header.Get(name) != "" {
			return true
		}
	}
	return false
}
