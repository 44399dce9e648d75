package client

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Options say how to connect. Only URL is needed, and for Connect not even that.
type Options struct {
	// URL is where to connect, see ParseURL for its forms.
	URL string

	// TLS is used for mqtts and wss; nil means the system's certificate
	// authorities. The server name is taken from the URL if it names none.
	TLS *tls.Config

	// Version is the protocol version; default 5.0.
	Version packets.Version

	// ClientID may be empty: a v5 or 3.1.1 server assigns one, and for 3.1,
	// which has no such thing, a random one is made.
	ClientID string

	// KeepSession asks for the session of this ClientID to be continued, that
	// is for no clean start. How long it outlives the connection is said by
	// Properties.SessionExpiryInterval in MQTT 5.0.
	KeepSession bool

	// Username and Password are sent if they are not empty or their flag is set.
	Username     string
	Password     []byte
	UsernameFlag bool
	PasswordFlag bool

	// KeepAlive is rounded down to seconds; 0 means a minute, negative none. A
	// v5 server may choose another.
	KeepAlive time.Duration

	// Will is the Will Message, nil for none.
	Will *packets.Will

	// Properties go into the CONNECT of MQTT 5.0.
	Properties packets.Properties

	// OnMessage gets every message in the order of arrival, one at a time and a
	// QoS 2 message once; nil drops them. A QoS 1 or 2 message is acknowledged
	// when it returns. While it blocks nothing else is received, so it must not
	// wait for a flow of the same Client. The packet is its to keep.
	OnMessage func(pk *packets.Publish)

	// Inflight bounds the QoS 1 and 2 messages sent and not acknowledged,
	// together with the server's Receive Maximum; default 100.
	Inflight int

	// Timeout bounds dialing with all handshakes, up to CONNACK; default 30 s.
	Timeout time.Duration
}

// withDefaults returns a copy with the defaults filled in.
func (o *Options) withDefaults() (Options, error) {
	out := *o
	if out.Version == 0 {
		out.Version = packets.V5
	}
	if out.KeepAlive == 0 {
		out.KeepAlive = time.Minute
	}
	if out.Timeout == 0 {
		out.Timeout = 30 * time.Second
	}
	if out.Inflight == 0 {
		out.Inflight = 100
	}
	if out.ClientID == "" && out.Version == packets.V31 {
		out.ClientID = randomID()
	}
	switch {
	case out.Version < packets.V31 || out.Version > packets.V5:
		return out, fmt.Errorf("MQTT version %s: use 3.1, 3.1.1 or 5.0", out.Version)
	case out.KeepAlive >= (1<<16)*time.Second:
		return out, fmt.Errorf("keep alive of %s: the longest is 65535 s", out.KeepAlive)
	case out.Inflight < 0:
		return out, fmt.Errorf("inflight window of %d: use a positive number", out.Inflight)
	}
	return out, nil
}

// connect is the CONNECT packet for the options.
func (o *Options) connect() *packets.Connect {
	pk := &packets.Connect{
		Version: o.Version, ClientID: o.ClientID, CleanStart: !o.KeepSession,
		Username: o.Username, UsernameFlag: o.UsernameFlag, Password: o.Password, PasswordFlag: o.PasswordFlag,
		Properties: o.Properties,
	}
	if o.KeepAlive > 0 {
		pk.KeepAlive = uint16(max(1, o.KeepAlive/time.Second))
	}
	if o.Will != nil {
		pk.WillFlag, pk.Will = true, *o.Will
	}
	return pk
}
