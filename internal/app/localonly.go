package app

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// localOnly admits clients of this machine and nobody else: it is the rule as
// long as nobody has written another. Where the PROXY protocol names a
// client's source, that counts, not the proxy.
type localOnly struct {
	log     *slog.Logger
	origins []string // of pages that the operator lets connect
}

// ID names the hook.
func (*localOnly) ID() string { return "local-only" }

// OnConnectAuthenticate allows local clients and denies others.
func (h *localOnly) OnConnectAuthenticate(cl *mqtt.Client, _ *packets.Connect) (mqtt.Decision, error) {
	why := h.objection(cl.Conn())
	if why == "" {
		return mqtt.Allow, nil
	}
	h.log.Info("client refused", "client_id", cl.ID(), "listener", cl.Listener(), "remote", cl.RemoteAddr(), "reason", why)
	return mqtt.Deny, packets.ErrNotAuthorized
}

// OnACLCheck allows the clients that were admitted everything.
func (*localOnly) OnACLCheck(*mqtt.Client, string, bool) (mqtt.Decision, error) {
	return mqtt.Allow, nil
}

// objection says why a connection does not count as local, "" if it does.
func (h *localOnly) objection(conn net.Conn) string {
	if conn == nil || !local(conn.RemoteAddr()) {
		return "without access rules only clients of this machine are admitted; --allow-anonymous admits everybody"
	}
	if w, ok := conn.(interface{ Forwarded() bool }); ok && w.Forwarded() {
		return "an HTTP proxy of this machine forwards it from elsewhere; --allow-anonymous admits everybody"
	}
	origin := originOf(conn)
	if origin != "" && !listeners.LocalOrigin(origin) && !slices.Contains(h.origins, origin) {
		return "a page of " + origin + " is in a browser of this machine, but does not come from it; --allow-anonymous admits everybody"
	}
	return ""
}

// local reports whether an address is of this machine: loopback, or a Unix socket.
func local(addr net.Addr) bool {
	if addr == nil {
		return false
	}
	if addr.Network() == "unix" {
		return true
	}
	ap, err := netip.ParseAddrPort(addr.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// originOf returns the web origin of the page that opened a connection, "" if
// no page did. A page may get at this machine under a name of its own choice, by
// a DNS answer that changes, so the listener's comparison of the origin with the
// name in the request does not prove that the page is local.
func originOf(conn net.Conn) string {
	if page, ok := conn.(interface{ Origin() string }); ok {
		return page.Origin()
	}
	return ""
}

var (
	_ mqtt.ConnectAuthenticator = (*localOnly)(nil)
	_ mqtt.ACLChecker           = (*localOnly)(nil)
)
