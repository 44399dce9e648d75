package mqtt_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The versions a behaviour is shown for.
var (
	versionsAll = []packets.Version{packets.V31, packets.V311, packets.V5}
	versions3   = []packets.Version{packets.V31, packets.V311}
	versions4   = []packets.Version{packets.V311, packets.V5} // since 3.1.1
	versions5   = []packets.Version{packets.V5}
)

// inVersions runs f for each version, in parallel and in fake time.
func inVersions(t *testing.T, versions []packets.Version, f func(t *testing.T, v packets.Version)) {
	t.Helper()
	t.Parallel()
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { f(t, v) })
		})
	}
}

// cleanConnect starts a session that ends with its connection.
func cleanConnect(v packets.Version, clientID string) *packets.Connect {
	return &packets.Connect{Version: v, ClientID: clientID, CleanStart: true}
}

// durableConnect resumes or starts a session that outlives its connection, in
// v5 by an hour.
func durableConnect(v packets.Version, clientID string) *packets.Connect {
	pk := &packets.Connect{Version: v, ClientID: clientID}
	if v == packets.V5 {
		pk.Properties.SessionExpiryInterval = 3600
	}
	return pk
}

// withWill gives the CONNECT a Will Message of QoS 0 to the topic "will".
func withWill(pk *packets.Connect, payload string) *packets.Connect {
	pk.WillFlag = true
	pk.Will = packets.Will{Topic: "will", Payload: []byte(payload)}
	return pk
}

// watcher subscribes a v5 client to a filter with QoS 2 and Retain As
// Published, so that it sees what the server has done to a message.
func watcher(t *testing.T, s *mqtttest.Server, filter string) *mqtttest.Client {
	t.Helper()
	c := mqtttest.Dial(t, s, cleanConnect(packets.V5, "watcher"))
	c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: filter, QoS: 2, RetainAsPublished: true})
	return c
}

// lose cuts the connection and waits until the server has dealt with it.
func lose(c *mqtttest.Client) {
	c.Close()
	synctest.Wait()
}

// nothing makes sure that the server sends nothing more to c than is due now.
func nothing(t *testing.T, c *mqtttest.Client) {
	t.Helper()
	synctest.Wait()
	c.Ping()
}

// wantMessage expects a PUBLISH with this topic and payload.
func wantMessage(t *testing.T, c *mqtttest.Client, topic, payload string) *packets.Publish {
	t.Helper()
	pk := c.Message()
	if pk.Topic != topic || string(pk.Payload) != payload {
		t.Fatalf("got %q on %q, want %q on %q", pk.Payload, pk.Topic, payload, topic)
	}
	return pk
}

// presentIs checks the Session Present flag, which MQTT 3.1 does not know.
func presentIs(t *testing.T, c *mqtttest.Client, v packets.Version, want bool) {
	t.Helper()
	if v == packets.V31 {
		want = false
	}
	if c.Connack.Code != packets.CodeSuccess || c.Connack.SessionPresent != want {
		t.Fatalf("CONNACK %v with Session Present %v, want %v", c.Connack.Code, c.Connack.SessionPresent, want)
	}
}

// encode returns the bytes of packets.
func encode(t *testing.T, v packets.Version, pks ...packets.Packet) []byte {
	t.Helper()
	var b []byte
	for _, pk := range pks {
		var err error
		if b, err = pk.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// exchange sends bytes on a new connection and returns all that comes back
// until the server closes it.
func exchange(t *testing.T, s *mqtttest.Server, sent ...[]byte) []byte {
	t.Helper()
	conn := s.Conn(t)
	return finishExchange(t, conn, sent...)
}

func finishExchange(t *testing.T, conn net.Conn, sent ...[]byte) []byte {
	t.Helper()
	for _, b := range sent {
		if _, err := conn.Write(b); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the server did not close the connection: %v; it sent % x", err, got)
	}
	return got
}

// decodeAll decodes what a server sent.
func decodeAll(t *testing.T, v packets.Version, b []byte) []packets.Packet {
	t.Helper()
	r := packets.NewReader(bytes.NewReader(b), 0)
	r.SetVersion(v)
	var list []packets.Packet
	for {
		pk, err := r.ReadPacket()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("the server sent % x: %v", b, err)
		}
		list = append(list, pk)
	}
}

// refusedOnce checks the counter of a Reason Code.
func refusedOnce(t *testing.T, s *mqtttest.Server, code packets.Code) {
	t.Helper()
	synctest.Wait()
	if n := s.Stats().Refused[code.String()]; n != 1 {
		t.Errorf("Stats().Refused[%q] is %d, want 1", code, n)
	}
}

// denyWith refuses who connects as "refused" with a Reason Code.
func denyWith(code packets.Code) *mqtt.HookFuncs {
	return &mqtt.HookFuncs{OnConnect: func(cl *mqtt.Client) packets.Code {
		if cl.ID() == "refused" {
			return code
		}
		return packets.CodeSuccess
	}}
}

// quietServer is a server without $SYS topics, so that years cost little.
func quietServer(t *testing.T, hooks ...any) *mqtttest.Server {
	t.Helper()
	return mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1}, hooks...)
}
