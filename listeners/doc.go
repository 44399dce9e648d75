// Package listeners holds the doors through which MQTT clients come in: TCP,
// TLS, WebSocket, Unix sockets, any net.Listener of the caller's, an in-process
// one for tests, and two small HTTP pages for statistics and health.
//
// A listener binds in Listen, accepts in Serve until Close, and hands every
// connection over as a net.Conn that carries nothing but MQTT bytes: the PROXY
// protocol header, the TLS handshake and the WebSocket upgrade are done before,
// on the connection's own goroutine, so that a slow peer delays nobody else.
// The receiver owns the connection from then on and closes it.
//
// The package knows nothing of MQTT packets and nothing of the broker; whoever
// has a func(net.Conn) error may use it.
package listeners
