package mqtt_test

import (
	"net"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// TestWaitingForAuthenticationHoldsNoLargeBuffer has many clients wait for an
// authenticator at the same time.
func TestWaitingForAuthenticationHoldsNoLargeBuffer(t *testing.T) {
	const clients = 300
	asked, answer := make(chan struct{}, clients), make(chan struct{})
	s := mqtt.New(&mqtt.Options{SysTopicResendInterval: -1})
	hook := fnAuth(func(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) {
		asked <- struct{}{}
		<-answer
		return mqtt.Allow, nil
	})
	if err := s.AddHook(hook, nil); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP("t", "127.0.0.1:0", nil)
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := heap()
	b, err := (&packets.Connect{Version: packets.V5, CleanStart: true}).Append(nil, packets.V5)
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	for range clients {
		<-asked
	}
	if each := (heap() - before) / clients; each > 16<<10 {
		t.Errorf("a client that waits holds %d bytes of memory", each)
	}
	close(answer)
	for _, conn := range conns {
		mqtttest.Expect[*packets.Connack](mqtttest.NewClient(t, conn, packets.V5))
	}
}

// TestOnConnectNamesTheClient: the name that a hook gives counts for
// authentication, for access and for the ownership of the session.
func TestOnConnectNamesTheClient(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		var names []string
		name := fnConnect(func(_ *mqtt.Client, pk *packets.Connect) error {
			pk.Username, pk.UsernameFlag = "by-"+pk.Username, true
			return nil
		})
		see := fnAuth(func(cl *mqtt.Client, pk *packets.Connect) (mqtt.Decision, error) {
			names = append(names, cl.Username(), pk.Username)
			return mqtt.Pass, nil
		})
		s := mqtttest.NewBareServer(t, nil, name, see, new(auth.AllowHook))
		pk := passing(v, "c")
		pk.Username, pk.UsernameFlag = "hook", true
		mqtttest.Dial(t, s, pk).Ping()
		if len(names) != 2 || names[0] != "by-hook" || names[1] != "by-hook" {
			t.Errorf("the client is named %q", names)
		}
	})
}
