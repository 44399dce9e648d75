package auth_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// broker is a server on a real socket, whose clients say by the PROXY protocol
// where they are.
type broker struct {
	*mqtt.Server
	address string
}

func startBroker(t testing.TB, opts *auth.Options, hooks ...any) (*broker, *auth.Hook) {
	t.Helper()
	hook := new(auth.Hook)
	s := mqtt.New(nil)
	for _, h := range hooks {
		if err := s.AddHook(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddHook(hook, opts); err != nil {
		t.Fatal(err)
	}
	return serve(t, s), hook
}

// serve starts a server with more hooks.
func serve(t testing.TB, s *mqtt.Server, hooks ...any) *broker {
	t.Helper()
	for _, h := range hooks {
		if err := s.AddHook(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	l := listeners.NewTCP("t1", "127.0.0.1:0", &listeners.Config{ProxyProtocol: true})
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &broker{s, l.Address()}
}

// from is a client's address; "" is this machine.
func (b *broker) dial(t testing.TB, from string, pk *packets.Connect) *mqtttest.Client {
	t.Helper()
	c := b.dialRefused(t, from, pk)
	if c.Connack.Code.Failed() {
		t.Fatalf("CONNECT of %q refused: %v", pk.ClientID, c.Connack.Code)
	}
	return c
}

func (b *broker) dialRefused(t testing.TB, from string, pk *packets.Connect) *mqtttest.Client {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if from == "" {
		from = "127.0.0.1"
	}
	family, to := "TCP4", "127.0.0.1"
	if strings.Contains(from, ":") {
		family, to = "TCP6", "::1"
	}
	fmt.Fprintf(conn, "PROXY %s %s %s 40000 1883\r\n", family, from, to)
	if pk.Version == 0 {
		pk.Version = packets.V5
	}
	c := mqtttest.NewClient(t, conn, pk.Version)
	c.Send(pk)
	c.Connack = mqtttest.Expect[*packets.Connack](c)
	return c
}

// user is a CONNECT with a name and a password.
func user(clientID, name, password string) *packets.Connect {
	pk := mqtttest.Connect(clientID)
	pk.Username, pk.UsernameFlag = name, name != ""
	pk.Password, pk.PasswordFlag = []byte(password), password != ""
	return pk
}

// everybody lets everybody in, whom the ACL then holds to its rules.
func everybody() *auth.Ledger { return &auth.Ledger{Auth: auth.AuthRules{{Allow: true}}} }

// aclBroker admits everybody and has the rules of an ACL file.
func aclBroker(t testing.TB, lines ...string) *broker {
	t.Helper()
	b, _ := startBroker(t, &auth.Options{Ledger: everybody(), Sources: []auth.Source{mustACL(t, strings.Join(lines, "\n"))}})
	return b
}

// code is the answer to a PUBLISH of QoS 1.
func publish(t testing.TB, c *mqtttest.Client, topic string) packets.Code {
	t.Helper()
	c.Send(&packets.Publish{Topic: topic, Payload: []byte("x"), QoS: 1, PacketID: c.PacketID()})
	return mqtttest.Expect[*packets.Puback](c).Code
}

func wantCode(t testing.TB, what string, got, want packets.Code) {
	t.Helper()
	if got.Failed() != want.Failed() || want.Failed() && got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// wantTopics receives messages of these topics and no more.
func wantTopics(t testing.TB, c *mqtttest.Client, want ...string) {
	t.Helper()
	for _, topic := range want {
		if got := c.Message(); got.Topic != topic {
			t.Fatalf("a message of %q, want %q", got.Topic, topic)
		}
	}
	c.Ping()
}

// file writes a file of a test.
func file(t testing.TB, path, text string) string {
	t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.TempDir(), path)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
