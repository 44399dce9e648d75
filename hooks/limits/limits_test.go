package limits_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/hooks/limits"
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

func start(t testing.TB, o *limits.Options) *broker {
	t.Helper()
	s := mqtt.New(nil)
	if err := s.AddHook(new(limits.Hook), o); err != nil {
		t.Fatal(err)
	}
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
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

// connect returns the client, whatever the CONNACK says.
func (b *broker) connect(t testing.TB, from, clientID, username string, v packets.Version) *mqtttest.Client {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	family, to := "TCP4", "127.0.0.1"
	if strings.Contains(from, ":") {
		family, to = "TCP6", "::1"
	}
	fmt.Fprintf(conn, "PROXY %s %s %s 40000 1883\r\n", family, from, to)
	c := mqtttest.NewClient(t, conn, v)
	c.Send(&packets.Connect{Version: v, ClientID: clientID, CleanStart: true, Username: username, UsernameFlag: username != ""})
	c.Connack = mqtttest.Expect[*packets.Connack](c)
	return c
}

func (b *broker) v5(t testing.TB, from, clientID, username string) *mqtttest.Client {
	t.Helper()
	return b.connect(t, from, clientID, username, packets.V5)
}

func want(t testing.TB, what string, got, want packets.Code) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	const full, fine = packets.ErrQuotaExceeded, packets.CodeSuccess
	for _, tt := range []struct {
		name   string
		o      limits.Options
		second [2]string // address and user of the second client; the first is 192.0.2.1, ann
		want   packets.Code
	}{
		{"no limit", limits.Options{}, [2]string{"192.0.2.1", "ann"}, fine},
		{"user", limits.Options{ConnectionsPerUser: 1}, [2]string{"192.0.2.9", "ann"}, full},
		{"another user", limits.Options{ConnectionsPerUser: 1}, [2]string{"192.0.2.1", "bob"}, fine},
		{"no user", limits.Options{ConnectionsPerUser: 1}, [2]string{"192.0.2.1", ""}, fine},
		{"address", limits.Options{ConnectionsPerAddress: 1}, [2]string{"192.0.2.1", "bob"}, full},
		{"another address", limits.Options{ConnectionsPerAddress: 1}, [2]string{"192.0.2.2", "ann"}, fine},
		{"listener", limits.Options{ConnectionsPerListener: 1}, [2]string{"192.0.2.2", "bob"}, full},
		{"this listener", limits.Options{ListenerConnections: map[string]int{"t1": 1}}, [2]string{"192.0.2.2", "bob"}, full},
		{"this listener is excepted", limits.Options{ConnectionsPerListener: 1, ListenerConnections: map[string]int{"t1": 0}}, [2]string{"192.0.2.2", "bob"}, fine},
		{"all of them", limits.Options{ConnectionsPerUser: 2, ConnectionsPerAddress: 2, ConnectionsPerListener: 2}, [2]string{"192.0.2.1", "ann"}, fine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, &tt.o)
			first := b.v5(t, "192.0.2.1", "1", "ann")
			want(t, "first", first.Connack.Code, fine)
			want(t, "second", b.v5(t, tt.second[0], "2", tt.second[1]).Connack.Code, tt.want)
			// Whoever connects again takes its own place.
			want(t, "first again", b.v5(t, "192.0.2.1", "1", "ann").Connack.Code, fine)
			first.ExpectDisconnect(packets.ErrSessionTakenOver)
		})
	}
}

// Places are given back, also those of connections that were refused later on.
func TestPlacesComeBack(t *testing.T) {
	t.Parallel()
	b := start(t, &limits.Options{ConnectionsPerAddress: 2})
	for i := range 20 {
		c := b.v5(t, "2001:db8::1", fmt.Sprint("a", i), "ann")
		want(t, "alone", c.Connack.Code, packets.CodeSuccess)
		d := b.v5(t, "2001:db8::2", fmt.Sprint("b", i), "ann") // the same /64
		want(t, "the second", d.Connack.Code, packets.CodeSuccess)
		want(t, "the third", b.v5(t, "2001:db8::3", "c", "ann").Connack.Code, packets.ErrQuotaExceeded)
		c.Disconnect(packets.CodeSuccess)
		d.Disconnect(packets.CodeSuccess)
	}
}

// Connections that come in the same moment cannot slip through together.
func TestConnectionLimitHoldsForAHerd(t *testing.T) {
	t.Parallel()
	b := start(t, &limits.Options{ConnectionsPerUser: 3})
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			c := b.v5(t, "192.0.2.1", fmt.Sprint(i), "ann")
			if c.Connack.Code.Failed() {
				return
			}
			c.Send(&packets.Pingreq{})
			c.Receive() // the answer, or a DISCONNECT
		})
	}
	wg.Wait()
	if n := b.Stats().ClientsConnected; n != 3 {
		t.Errorf("%d are connected, want 3", n)
	}
}

func TestConnectRate(t *testing.T) {
	t.Parallel()
	b := start(t, &limits.Options{Connects: limits.Rate{PerSecond: 0.0001, Burst: 3}})
	for i := range 3 {
		want(t, "in the burst", b.v5(t, "192.0.2.1", fmt.Sprint(i), "").Connack.Code, packets.CodeSuccess)
	}
	want(t, "beyond", b.v5(t, "192.0.2.1", "x", "").Connack.Code, packets.ErrConnectionRateExceeded)
	want(t, "3.1.1", b.connect(t, "192.0.2.1", "x", "", packets.V311).Connack.Code, packets.ErrServerUnavailable)
	want(t, "another address", b.v5(t, "192.0.2.2", "x", "").Connack.Code, packets.CodeSuccess)
	want(t, "IPv6", b.v5(t, "2001:db8::1", "x", "").Connack.Code, packets.CodeSuccess)
}

// memory starts a server in memory, whose time may be fake.
func memory(t *testing.T, o limits.Options) *mqtttest.Server {
	t.Helper()
	return mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1}, configured{new(limits.Hook), o})
}

// configured is the hook with its options, as mqtttest adds it.
type configured struct {
	*limits.Hook
	o limits.Options
}

func (c configured) Init(any) error { return c.Hook.Init(&c.o) }

func TestThrottle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		o           limits.Options
		least, most time.Duration
	}{
		{"messages", limits.Options{Messages: limits.Rate{PerSecond: 10, Burst: 5}}, 9 * time.Second, 10 * time.Second},
		{"bytes", limits.Options{Bytes: limits.Rate{PerSecond: 100}}, 8 * time.Second, 9 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := memory(t, tt.o)
				sub, pub := mqtttest.Dial(t, s, mqtttest.Connect("sub")), mqtttest.Dial(t, s, mqtttest.Connect("pub"))
				sub.Subscribe("a", 0)
				begin := time.Now()
				for range 100 {
					pub.Publish("a", "x", 1, false)
				}
				if took := time.Since(begin); took < tt.least || took > tt.most {
					t.Errorf("100 messages took %v, want %v to %v", took, tt.least, tt.most)
				}
				for range 100 {
					sub.Message() // none is lost
				}
				sub.Ping() // and nobody else waits
			})
		})
	}
}

func TestRejectTooFast(t *testing.T) {
	t.Parallel()
	s := memory(t, limits.Options{Messages: limits.Rate{PerSecond: 0.0001, Burst: 2}, TooFast: limits.Reject})
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	for i, code := range []packets.Code{packets.CodeNoMatchingSubscribers, packets.CodeNoMatchingSubscribers, packets.ErrQuotaExceeded} {
		c.Send(&packets.Publish{Topic: "a", QoS: 1, PacketID: uint16(i + 1)})
		want(t, "PUBACK", mqtttest.Expect[*packets.Puback](c).Code, code)
	}
	c.Send(&packets.Publish{Topic: "a", QoS: 2, PacketID: 9})
	want(t, "PUBREC", mqtttest.Expect[*packets.Pubrec](c).Code, packets.ErrQuotaExceeded)
	c.Publish("a", "x", 0, false)
	c.Ping()
	old := mqtttest.Dial(t, s, &packets.Connect{Version: packets.V311, ClientID: "old", CleanStart: true})
	old.Publish("a", "x", 1, false)
	old.Publish("a", "x", 1, false)
	old.Send(&packets.Publish{Topic: "a", QoS: 1, PacketID: 9})
	old.ExpectClosed()
}

func TestDisconnectTooFast(t *testing.T) {
	t.Parallel()
	s := memory(t, limits.Options{Bytes: limits.Rate{PerSecond: 0.0001, Burst: 10}, TooFast: limits.Disconnect})
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Publish("a", "123456789", 1, false)
	c.Send(&packets.Publish{Topic: "a", Payload: []byte("1")})
	c.ExpectDisconnect(packets.ErrMessageRateTooHigh)
}

func TestTopicLimits(t *testing.T) {
	t.Parallel()
	s := memory(t, limits.Options{TopicLevels: 3, TopicBytes: 10})
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	for topic, fits := range map[string]bool{"a/b/c": true, "a/b/c/d": false, "//": true, "///": false, "1234567890": true, "12345678901": false} {
		c.Send(&packets.Publish{Topic: topic, QoS: 1, PacketID: c.PacketID()})
		if code := mqtttest.Expect[*packets.Puback](c).Code; code.Failed() == fits || !fits && code != packets.ErrTopicNameInvalid {
			t.Errorf("publish %s: %v", topic, code)
		}
		if code := c.Subscribe("$share/group/"+topic, 0); code.Failed() == fits || !fits && code != packets.ErrTopicFilterInvalid {
			t.Errorf("subscribe %s: %v", topic, code)
		}
	}
}

func TestFlapping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t, limits.Options{Flapping: limits.Flapping{Count: 3, Window: time.Minute, Ban: time.Hour}})
		as := func(id, user string) *packets.Connect {
			pk := mqtttest.Connect(id)
			pk.Username, pk.UsernameFlag = user, true
			return pk
		}
		connect := func(id, user string) packets.Code {
			c := mqtttest.DialRefused(t, s, as(id, user))
			if !c.Connack.Code.Failed() {
				c.Disconnect(packets.CodeSuccess)
			}
			return c.Connack.Code
		}
		for range 3 {
			want(t, "within the limit", connect("c", "ann"), packets.CodeSuccess)
		}
		mqtttest.Dial(t, s, as("c", "ann")).ExpectDisconnect(packets.ErrConnectionRateExceeded)
		want(t, "banned", connect("c", "ann"), packets.ErrBanned)
		want(t, "another client", connect("d", "ann"), packets.CodeSuccess)
		want(t, "another user by that ID", connect("c", "bob"), packets.CodeSuccess)
		hour := time.NewTimer(time.Hour)
		<-hour.C
		want(t, "afterwards", connect("c", "ann"), packets.CodeSuccess)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]any{
		"another type":   3,
		"none":           nil,
		"negative":       &limits.Options{ConnectionsPerUser: -1},
		"negative rate":  &limits.Options{Messages: limits.Rate{PerSecond: -1}},
		"burst alone":    &limits.Options{Connects: limits.Rate{Burst: 3}},
		"small burst":    &limits.Options{Connects: limits.Rate{PerSecond: 1, Burst: 0.5}},
		"unknown policy": &limits.Options{TooFast: 9},
	} {
		if err := mqtt.New(nil).AddHook(new(limits.Hook), config); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// namer names clients as a certificate would.
type namer struct{ name string }

func (n namer) OnConnect(_ *mqtt.Client, pk *packets.Connect) error {
	pk.Username, pk.UsernameFlag = n.name, true
	return nil
}

// A ban and a limit are about the name that a hook before gave the client.
func TestNamesOfHooksBeforeCount(t *testing.T) {
	t.Parallel()
	bans := new(limits.Bans)
	s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
	for _, hook := range []any{namer{"alice"}, new(limits.Hook)} {
		var o any
		if _, ok := hook.(*limits.Hook); ok {
			o = &limits.Options{ConnectionsPerUser: 1, Bans: bans}
		}
		if err := s.AddHook(hook, o); err != nil {
			t.Fatal(err)
		}
	}
	mqtttest.Dial(t, s, mqtttest.Connect("a")).Ping()
	if code := mqtttest.DialRefused(t, s, mqtttest.Connect("b")).Connack.Code; code != packets.ErrQuotaExceeded {
		t.Errorf("the second connection of alice: %v", code)
	}
	if err := bans.Add(limits.Ban{Username: "alice"}); err != nil {
		t.Fatal(err)
	}
	if code := mqtttest.DialRefused(t, s, mqtttest.Connect("c")).Connack.Code; code != packets.ErrBanned {
		t.Errorf("alice after her ban: %v", code)
	}
}
