package app

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// anonymous admits clients by where they come from, as long as nobody has
// written other rules: everybody, clients of this machine, or nobody, for each
// listener. Where the PROXY protocol names a client's source, that counts, not
// the proxy.
type anonymous struct {
	log   *slog.Logger
	rules atomic.Pointer[anonymousRules]
}

// anonymousRules are the rule of each listener, and the origins of pages that
// the operator lets connect.
type anonymousRules struct {
	listeners map[string]string
	origins   []string
	users     bool // files or certificates know users, so that a user name is a claim
}

func newAnonymous(cfg *config.Config, log *slog.Logger) *anonymous {
	h := &anonymous{log: log}
	h.use(cfg)
	return h
}

// use makes the rules those of a configuration.
func (h *anonymous) use(cfg *config.Config) {
	r := &anonymousRules{listeners: map[string]string{}, users: cfg.KnowsUsers()}
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		r.listeners[l.ID] = cfg.AnonymousAt(l)
		r.origins = append(r.origins, l.Origins...)
	}
	h.rules.Store(r)
}

// ID names the hook.
func (*anonymous) ID() string { return "anonymous" }

// OnConnectAuthenticate allows the clients that the rule of their listener
// admits, and denies others.
func (h *anonymous) OnConnectAuthenticate(cl *mqtt.Client, _ *packets.Connect) (mqtt.Decision, error) {
	why := h.rules.Load().objection(cl.Listener(), cl.Conn())
	if why == "" {
		return mqtt.Allow, nil
	}
	h.log.Info("client refused", "client_id", cl.ID(), "listener", cl.Listener(), "remote", cl.RemoteAddr(), "reason", why)
	return mqtt.Deny, packets.ErrNotAuthorized
}

// OnACLCheck allows the clients that were admitted everything.
func (*anonymous) OnACLCheck(*mqtt.Client, string, bool) (mqtt.Decision, error) {
	return mqtt.Allow, nil
}

// objection says why a connection is not admitted, "" if it is.
func (r *anonymousRules) objection(listener string, conn net.Conn) string {
	switch r.listeners[listener] {
	case config.Everybody:
		return ""
	case config.Loopback:
		return r.strange(conn)
	}
	return "the configuration admits nobody without credentials at this listener"
}

// strange says why a connection does not count as local, "" if it does.
func (r *anonymousRules) strange(conn net.Conn) string {
	if conn == nil || !local(conn.RemoteAddr()) {
		return "without access rules only clients of this machine are admitted; --allow-anonymous or access.anonymous admits everybody"
	}
	if w, ok := conn.(interface{ Forwarded() bool }); ok && w.Forwarded() {
		return "an HTTP proxy of this machine forwards it from elsewhere; --allow-anonymous or access.anonymous admits everybody"
	}
	if origin := originOf(conn); origin != "" && !listeners.LocalOrigin(origin) && !slices.Contains(r.origins, origin) {
		return "a page of " + origin + " is in a browser of this machine, but does not come from it; --allow-anonymous or access.anonymous admits everybody"
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
	_ mqtt.ConnectAuthenticator = (*anonymous)(nil)
	_ mqtt.ACLChecker           = (*anonymous)(nil)
)
