package mqtttest

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Patience is how long a Client waits for a packet before its test fails.
const Patience = 10 * time.Second

// Client is one connection that sends and receives single control packets. A
// packet that does not come, or is another than expected, fails the test. Its
// methods must be called from the test's goroutine.
type Client struct {
	// Connack is the server's answer to the CONNECT.
	Connack *packets.Connack

	t       testing.TB
	conn    net.Conn
	reader  *packets.Reader
	version packets.Version
	nextID  uint16
}

// NewClient wraps a connection to any server; version is that of the packets
// it will send.
func NewClient(t testing.TB, conn net.Conn, version packets.Version) *Client {
	c := &Client{t: t, conn: conn, reader: packets.NewReader(conn, 0), version: version}
	c.reader.SetVersion(version)
	return c
}

// Dial connects with a CONNECT and fails the test if it is refused. Without a
// Version in pk it speaks MQTT 5.0.
func Dial(t testing.TB, s *Server, pk *packets.Connect) *Client {
	t.Helper()
	c := DialRefused(t, s, pk)
	if c.Connack.Code.Failed() {
		t.Fatalf("CONNECT of %q refused: %v %s", pk.ClientID, c.Connack.Code, c.Connack.Properties.ReasonString)
	}
	return c
}

// DialRefused connects and returns with whatever CONNACK the server gave.
func DialRefused(t testing.TB, s *Server, pk *packets.Connect) *Client {
	t.Helper()
	connect := *pk
	if connect.Version == 0 {
		connect.Version = packets.V5
	}
	c := NewClient(t, s.Conn(t), connect.Version)
	c.Send(&connect)
	c.Connack = Expect[*packets.Connack](c)
	return c
}

// Connect is a CONNECT that starts a clean session.
func Connect(clientID string) *packets.Connect {
	return &packets.Connect{Version: packets.V5, ClientID: clientID, CleanStart: true}
}

// Send sends packets.
func (c *Client) Send(pks ...packets.Packet) {
	c.t.Helper()
	var b []byte
	for _, pk := range pks {
		var err error
		if b, err = pk.Append(b, c.version); err != nil {
			c.t.Fatalf("encode %s: %v", pk.Type(), err)
		}
	}
	c.Write(b)
}

// Write sends bytes as they are.
func (c *Client) Write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// Receive returns the next packet.
func (c *Client) Receive() packets.Packet {
	c.t.Helper()
	pk, err := c.receive(Patience)
	if err != nil {
		c.t.Fatalf("waiting for a packet: %v", err)
	}
	return pk
}

func (c *Client) receive(d time.Duration) (packets.Packet, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return nil, err
	}
	return c.reader.ReadPacket()
}

// Expect returns the next packet, which must be a P.
func Expect[P packets.Packet](c *Client) P {
	c.t.Helper()
	pk := c.Receive()
	want, ok := pk.(P)
	if !ok {
		c.t.Fatalf("got %s (%+v), want a %T", pk.Type(), pk, want)
	}
	return want
}

// Subscribe subscribes to one filter and returns the code it was granted.
func (c *Client) Subscribe(filter string, qos byte) packets.Code {
	c.t.Helper()
	return c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: filter, QoS: qos})[0]
}

// SubscribeWith subscribes with options and returns the codes. PUBLISH packets
// that come before the SUBACK fail the test.
func (c *Client) SubscribeWith(props packets.Properties, subs ...packets.Subscription) []packets.Code {
	c.t.Helper()
	id := c.PacketID()
	c.Send(&packets.Subscribe{PacketID: id, Subscriptions: subs, Properties: props})
	ack := Expect[*packets.Suback](c)
	if ack.PacketID != id {
		c.t.Fatalf("SUBACK for packet identifier %d, want %d", ack.PacketID, id)
	}
	return ack.Codes
}

// Publish publishes and carries the flow of its QoS to the end.
func (c *Client) Publish(topic, payload string, qos byte, retain bool) {
	c.t.Helper()
	pk := &packets.Publish{Topic: topic, Payload: []byte(payload), QoS: qos, Retain: retain}
	if qos > 0 {
		pk.PacketID = c.PacketID()
	}
	c.Send(pk)
	switch qos {
	case 1:
		Expect[*packets.Puback](c)
	case 2:
		Expect[*packets.Pubrec](c)
		c.Send(&packets.Pubrel{PacketID: pk.PacketID})
		Expect[*packets.Pubcomp](c)
	}
}

// Message returns the next packet, which must be a PUBLISH, and acknowledges it
// to the end of its flow.
func (c *Client) Message() *packets.Publish {
	c.t.Helper()
	pk := Expect[*packets.Publish](c)
	switch pk.QoS {
	case 1:
		c.Send(&packets.Puback{PacketID: pk.PacketID})
	case 2:
		c.Send(&packets.Pubrec{PacketID: pk.PacketID})
		Expect[*packets.Pubrel](c)
		c.Send(&packets.Pubcomp{PacketID: pk.PacketID})
	}
	return pk
}

// Ping makes a round trip: everything the server had queued for this client
// before it has been received, so a PUBLISH that nobody expected fails the test.
func (c *Client) Ping() {
	c.t.Helper()
	c.Send(&packets.Pingreq{})
	Expect[*packets.Pingresp](c)
}

// PacketID returns a packet identifier not used before.
func (c *Client) PacketID() uint16 {
	c.nextID++
	return c.nextID
}

// Disconnect sends DISCONNECT with a code and waits for the end of the connection.
func (c *Client) Disconnect(code packets.Code) {
	c.t.Helper()
	c.Send(&packets.Disconnect{Code: code})
	c.ExpectClosed()
}

// ExpectDisconnect expects a DISCONNECT with a code, and the end of the connection.
func (c *Client) ExpectDisconnect(code packets.Code) *packets.Disconnect {
	c.t.Helper()
	return c.ExpectDisconnectWithin(code, Patience)
}

// ExpectDisconnectWithin is ExpectDisconnect with another patience.
func (c *Client) ExpectDisconnectWithin(code packets.Code, d time.Duration) *packets.Disconnect {
	c.t.Helper()
	pk := ExpectWithin[*packets.Disconnect](c, d)
	if pk.Code != code {
		c.t.Fatalf("DISCONNECT with %v (0x%02X), want %v", pk.Code, byte(pk.Code), code)
	}
	c.ExpectClosed()
	return pk
}

// ExpectClosed expects the end of the connection and no packet before it.
func (c *Client) ExpectClosed() {
	c.t.Helper()
	c.ExpectClosedWithin(Patience)
}

// ExpectClosedWithin is ExpectClosed with another patience.
func (c *Client) ExpectClosedWithin(d time.Duration) {
	c.t.Helper()
	pk, err := c.receive(d)
	if err == nil {
		c.t.Fatalf("got %s (%+v), want the end of the connection", pk.Type(), pk)
	}
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		c.t.Fatal("the connection is still open")
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
		c.t.Logf("connection ended with: %v", err)
	}
}

// ReceiveUntilClosed returns the packets that come before the end of the
// connection.
func (c *Client) ReceiveUntilClosed() (pks []packets.Packet) {
	c.t.Helper()
	for {
		pk, err := c.receive(Patience)
		if err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				c.t.Fatal("the connection is still open")
			}
			return pks
		}
		pks = append(pks, pk)
	}
}

// Close cuts the connection without DISCONNECT, as a lost network does.
func (c *Client) Close() {
	c.t.Helper()
	if err := c.conn.Close(); err != nil {
		c.t.Fatalf("close: %v", err)
	}
}

// ExpectWithin is Expect with another patience, for packets that time brings.
func ExpectWithin[P packets.Packet](c *Client, d time.Duration) P {
	c.t.Helper()
	pk, err := c.receive(d)
	if err != nil {
		c.t.Fatalf("waiting for a packet: %v", err)
	}
	want, ok := pk.(P)
	if !ok {
		c.t.Fatalf("got %s (%+v), want a %T", pk.Type(), pk, want)
	}
	return want
}
