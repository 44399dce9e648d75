package mqtt

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Client is a Network Connection and who is at its other end. What identifies
// it is set before any hook sees it and does not change.
type Client struct {
	server    *Server
	conn      net.Conn // nil for clients of this process
	transport transport
	listener  string
	inline    bool

	clientID     string
	username     string
	version      packets.Version
	frameVersion packets.Version // V311 for both 3.x, whose PUBLISH is the same
	cleanStart   bool
	keepAlive    uint16
	connectedAt  time.Time

	// What the client declared in CONNECT.
	receiveMaximum     uint16
	maximumPacketSize  uint32 // 0: no limit
	problemInformation bool
	responseInfo       bool
	authMethod         string
	sessionExpiry      uint32

	session atomic.Pointer[session]
	will    *packets.Will // its reader's
	out     outbound

	heard    atomic.Int64 // instant of the last bytes received
	received received
	deadline deadline // CONNECT time-out, then Keep Alive
	shard    uint32   // of the counters

	parkable bool           // its transport is a raw socket
	parked   atomic.Bool    // no goroutine reads it; whoever clears this starts one
	fd       int32          // its descriptor, once parked
	polled   bool           // its descriptor is known to the parker's poller
	inbound  inboundAliases // kept for the reader while parked

	over     atomic.Bool // ending is set; the reader asks after every packet
	values   atomic.Pointer[[]clientValue]
	handling sync.Mutex // held while the reader handles a batch, see outlast

	mu       sync.Mutex
	ending   error // why the connection ends, nil while it does not
	userData any
}

// errDisconnected is the ending of a connection whose client said DISCONNECT.
var errDisconnected = errors.New("client disconnected")

// ID returns the ClientID.
func (c *Client) ID() string { return c.clientID }

// Username returns the user name of the CONNECT, "" if it had none.
func (c *Client) Username() string { return c.username }

// RemoteAddr returns the client's address, as named by the PROXY protocol if
// the listener uses it; "local" for clients of this process.
func (c *Client) RemoteAddr() string {
	if c.conn == nil {
		return "local"
	}
	return c.conn.RemoteAddr().String()
}

// Conn returns the connection, nil for clients of this process. It is for
// looking at (TLS state, addresses), not for reading or writing.
func (c *Client) Conn() net.Conn { return c.conn }

// Listener returns the ID of the listener it came by.
func (c *Client) Listener() string { return c.listener }

// Version returns the protocol version.
func (c *Client) Version() packets.Version { return c.version }

// KeepAlive returns the Keep Alive in force; 0 is none.
func (c *Client) KeepAlive() time.Duration { return time.Duration(c.keepAlive) * time.Second }

// CleanStart tells whether the client asked for a new session.
func (c *Client) CleanStart() bool { return c.cleanStart }

// ConnectedAt returns the time of the CONNECT.
func (c *Client) ConnectedAt() time.Time { return c.connectedAt }

// Inline tells that the client lives in this process and is not checked.
func (c *Client) Inline() bool { return c.inline }

// UserData returns what SetUserData stored.
func (c *Client) UserData() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.userData
}

// SetUserData stores a value of the embedding program with the client.
func (c *Client) SetUserData(v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.userData = v
}

// Close ends the connection: a v5 client is told 0x98, administrative action.
// It returns at once and may be called from any hook.
func (c *Client) Close() {
	c.stop(packets.ErrAdministrativeAction)
}

// stop begins to end the connection for a reason: a v5 client is sent a
// DISCONNECT with the reason's code, and the reader is woken to finish. Only
// the first reason counts. No lock of a session may be held.
func (c *Client) stop(reason error) {
	if !c.setEnding(reason) || c.conn == nil {
		return
	}
	if c.session.Load() != nil { // asked first: identity is written before it is set
		c.tellEnding()
	}
	_ = c.conn.SetReadDeadline(time.Now()) // an error means that the connection is gone already
	c.wake()
}

// outlast waits until c, which was stopped, has handled its last packet: what
// came on it stands before what comes on the connection that replaces it. It
// must not be called by a hook of c.
func (c *Client) outlast() {
	c.handling.Lock()
	defer c.handling.Unlock()
}

// tellEnding tells a v5 client why its connection ends, unless it was itself that
// said so. Of stop and establishSession at least one sees both the reason
// and the session.
func (c *Client) tellEnding() {
	if reason := c.endingReason(); c.version == packets.V5 && !errors.Is(reason, errDisconnected) {
		c.sendDisconnect(reason)
	}
}

// sendDisconnect tells a v5 client why its connection ends [MQTT-4.13.2-1].
func (c *Client) sendDisconnect(reason error) {
	pk := &packets.Disconnect{Code: codeFor(reason)}
	if c.problemInformation {
		pk.Properties.ReasonString = reasonString(reason)
	}
	_ = c.send(pk) // a closed queue takes nothing any more
}

// kill ends the connection without a word.
func (c *Client) kill(reason error) {
	c.setEnding(reason)
	if c.conn != nil {
		_ = c.conn.Close() // nothing is expected of it any more
		c.wake()
	}
}

func (c *Client) setEnding(reason error) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil {
		return false
	}
	c.ending = reason
	c.over.Store(true)
	return true
}

func (c *Client) endingReason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// expire is called when the time for the CONNECT is over, or when 1.5 times
// the Keep Alive may have passed [MQTT-3.1.2-22].
func (c *Client) expire(now instant) {
	if c.session.Load() == nil {
		c.stop(errConnectTimeout)
		return
	}
	if c.keepAlive == 0 {
		return // the CONNECT was accepted when its time was just over
	}
	due := instant(c.heard.Load()) + c.patience()
	if now < due {
		c.server.deadlines.set(&c.deadline, due)
		return
	}
	c.server.spawn(func() { // it may call hooks, which may block, which deadlines may not
		c.stop(protocolErrorf(packets.ErrKeepAliveTimeout, "nothing was heard for one and a half times the Keep Alive of %d s", c.keepAlive))
	})
}

var errConnectTimeout = errors.New("no CONNECT in time")

// patience is one and a half times the Keep Alive.
func (c *Client) patience() instant {
	return instant(time.Duration(c.keepAlive) * time.Second * 3 / 2)
}
