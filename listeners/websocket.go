package listeners

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gobwas/ws"
)

// subprotocols are the names of MQTT in a WebSocket handshake, the preferred one
// first. The second one belongs to MQTT 3.1.
var subprotocols = []string{"mqtt", "mqttv3.1"}

// Websocket accepts MQTT over WebSocket. It hands over *WebsocketConn.
type Websocket struct {
	httpDoor
	gate      gate
	establish func(net.Conn) error // set by Serve before the first request
}

// NewWebsocket returns a listener for MQTT over WebSocket at addr, with TLS if
// cfg has a TLSConfig. Clients must ask for the subprotocol "mqtt" (or
// "mqttv3.1"). Only Config.WebsocketPath upgrades, "/mqtt" by default.
//
// A browser tells from which page a connection comes. The page's host name must
// be the one the request was sent to, ports aside as this listener serves no
// pages itself, or the page's origin must be in Config.WebsocketOrigins.
// Otherwise any page in the web could talk to a broker on localhost.
func NewWebsocket(id, addr string, cfg *Config) *Websocket {
	l := &Websocket{}
	l.build(id, either(cfg, "ws", "wss"), addr, cfg, http.HandlerFunc(l.upgrade))
	l.srv.ConnState = l.cutLate
	return l
}

// Serve accepts connections until Close and then returns nil, once every call
// of establish has returned. It calls establish once per upgraded connection, on
// a goroutine of its own; establish owns the connection and closes it.
func (l *Websocket) Serve(establish func(net.Conn) error) error {
	l.establish = establish
	err := l.serveHTTP()
	if errors.Is(err, errNotListening) {
		return err // may still be served properly
	}
	l.gate.shut()
	return err
}

// Close stops accepting and cuts connections that are not upgraded yet; those
// handed over stay. It does not wait, and a second call does nothing.
func (l *Websocket) Close(ctx context.Context) error {
	return errors.Join(l.acceptor.Close(ctx), l.srv.Close())
}

// cutLate closes a connection that reached the server while Close was sweeping it.
func (l *Websocket) cutLate(conn net.Conn, state http.ConnState) {
	if state == http.StateNew && l.isClosed() {
		conn.Close() // not upgraded, nobody waits for it
	}
}

// upgrade answers one HTTP request. The connection goes on in a goroutine of its
// own, so that the request's memory is given back.
func (l *Websocket) upgrade(w http.ResponseWriter, r *http.Request) {
	protocol, refusal := l.check(r)
	if refusal != nil {
		l.refuse(addrOf(r.RemoteAddr), refusal)
		if refusal.status == http.StatusUpgradeRequired {
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
		}
		http.Error(w, refusal.Error(), refusal.status)
		return
	}
	if !l.gate.enter() {
		http.Error(w, "the listener is closing", http.StatusServiceUnavailable)
		return
	}
	conn, err := l.hijack(w, r, protocol)
	if err != nil {
		l.gate.leave()
		l.refuse(addrOf(r.RemoteAddr), err)
		return
	}
	go func() { //arch:ok ends when establish returns; Serve waits for it through the gate
		defer l.gate.leave()
		if err := l.establish(conn); err != nil {
			l.log.Debug("connection ended", "listener", l.id, "remote", conn.RemoteAddr(), "err", err)
		}
	}()
}

// hijack does the WebSocket handshake and takes the connection from the server.
func (l *Websocket) hijack(w http.ResponseWriter, r *http.Request, protocol string) (*WebsocketConn, error) {
	upgrader := ws.HTTPUpgrader{
		Timeout:  l.cfg.HandshakeTimeout,
		Protocol: func(offered string) bool { return offered == protocol },
	}
	conn, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			conn.Close() // the answer, if one was possible, is sent
		}
		return nil, fmt.Errorf("WebSocket upgrade: %w", err)
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // cannot fail: that much is there
	if _, secure := conn.(*tls.Conn); !secure {      // which has a junction inside
		conn = &junction{Conn: conn}
	}
	c := newWebsocketConn(conn, slices.Clone(early))
	c.forwarded = forwarded(r.Header)
	c.origin = strings.Clone(r.Header.Get("Origin")) // not the memory of the whole header
	return c, nil
}

// wsRefusal is why a request is not upgraded.
type wsRefusal struct {
	status int
	reason string
}

// Error returns the reason, which is sent to the client as well.
func (r *wsRefusal) Error() string { return r.reason }

// check decides about a request and returns the subprotocol to speak.
func (l *Websocket) check(r *http.Request) (protocol string, refusal *wsRefusal) {
	if path := l.cfg.WebsocketPath; path != "*" && r.URL.Path != path {
		return "", &wsRefusal{http.StatusNotFound, "MQTT over WebSocket is not at this path"}
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return "", &wsRefusal{http.StatusUpgradeRequired, "only MQTT over WebSocket is spoken here"}
	}
	if !originAllowed(r.Header.Values("Origin"), r.Host, l.cfg.WebsocketOrigins) {
		return "", &wsRefusal{http.StatusForbidden, "pages of this origin may not connect"}
	}
	if protocol = chooseProtocol(r.Header.Values("Sec-Websocket-Protocol")); protocol == "" {
		return "", &wsRefusal{http.StatusBadRequest, "the client must offer the subprotocol mqtt"} // [MQTT-6.0.0-3]
	}
	return protocol, nil
}

// chooseProtocol returns the subprotocol to speak, "" if the client offers none
// of ours [MQTT-6.0.0-3], [MQTT-6.0.0-4].
func chooseProtocol(headers []string) string {
	var offered []string
	for _, header := range headers {
		for name := range strings.SplitSeq(header, ",") {
			offered = append(offered, strings.TrimSpace(name))
		}
	}
	for _, name := range subprotocols {
		if slices.Contains(offered, name) {
			return name
		}
	}
	return ""
}

// originAllowed reports whether a request to host with these Origin headers may
// connect. Without an Origin it is no browser.
func originAllowed(origins []string, host string, allowed []string) bool {
	if len(origins) == 0 || slices.Contains(allowed, "*") {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	origin := origins[0]
	for _, entry := range allowed {
		if strings.EqualFold(entry, origin) {
			return true
		}
	}
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" {
		return false
	}
	asked := (&url.URL{Host: host}).Hostname()
	return strings.EqualFold(u.Hostname(), asked)
}

// gate counts those inside and lets nobody in once it is shut.
type gate struct {
	inside sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

// enter returns false when the gate is shut; otherwise leave must follow.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

func (g *gate) leave() { g.inside.Done() }

// shut closes the gate and waits until everybody has left.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
