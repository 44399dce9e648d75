package auth_test

import (
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Each test of this file tries a known way around access rules, over a real
// socket. docs/security.md lists them.

const denied = packets.ErrNotAuthorized

func TestAttackPrefixMatch(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid * 3 hello/world")
	c := b.dial(t, "", mqtttest.Connect("c"))
	wantCode(t, "publish the topic", publish(t, c, "hello/world"), packets.CodeSuccess)
	wantCode(t, "publish deeper", publish(t, c, "hello/world/deeper"), denied)
	wantCode(t, "publish longer", publish(t, c, "hello/worlds"), denied)
	wantCode(t, "subscribe deeper", c.Subscribe("hello/world/deeper", 0), denied)
	wantCode(t, "subscribe below", c.Subscribe("hello/world/#", 0), denied)
}

func TestAttackWildcardOverlap(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid c 2 hello/world,room/+/temp", "allow clientid boss 3 #")
	c, boss := b.dial(t, "", mqtttest.Connect("c")), b.dial(t, "", mqtttest.Connect("boss"))
	for _, filter := range []string{"+/+", "+/+/#", "hello/+", "hello/#", "#", "+/world", "room/#", "room/+/+", "room/1/#", "/#"} {
		wantCode(t, "subscribe "+filter, c.Subscribe(filter, 0), denied)
	}
	wantCode(t, "subscribe what is covered", c.Subscribe("room/1/temp", 0), packets.CodeSuccess)
	boss.Publish("room/1/door", "x", 1, false)
	boss.Publish("room/1/temp", "x", 1, false)
	wantTopics(t, c, "room/1/temp")
}

func TestAttackIdentityWithWildcards(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid * 3 own/%c/#", "allow clientid * 3 user/%u", "allow clientid * 2 %c/#")
	for _, id := range []string{"#", "+", "a/b", "+/x", "$SYS", "$share"} {
		c := b.dial(t, "", user(id, id, ""))
		for _, filter := range []string{"#", "own/#", "own/+/#", "own/a/b/#", "own/a/b", "own/#/#", "user/+", "user/#", "user/a/b", "$SYS/#", "$SYS/broker/uptime"} {
			if code := c.Subscribe(filter, 0); !code.Failed() {
				t.Errorf("client %q may subscribe %s", id, filter)
			}
		}
		wantCode(t, id+" publishes", publish(t, c, "own/a/b"), denied)
		wantCode(t, id+" publishes to another", publish(t, c, "user/x"), denied)
	}
	c := b.dial(t, "", user("plain", "joe", ""))
	wantCode(t, "a plain identity", c.Subscribe("own/plain/#", 0), packets.CodeSuccess)
	wantCode(t, "a plain user", publish(t, c, "user/joe"), packets.CodeSuccess)
}

func TestAttackTopicAlias(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid * 3 open/#")
	c := b.dial(t, "", mqtttest.Connect("c"))
	alias := func(topic string) packets.Code {
		pk := &packets.Publish{Topic: topic, QoS: 1, PacketID: c.PacketID()}
		pk.Properties.TopicAlias = 1
		c.Send(pk)
		return mqtttest.Expect[*packets.Puback](c).Code
	}
	wantCode(t, "allowed topic gets the alias", alias("open/a"), packets.CodeSuccess)
	wantCode(t, "by the alias", alias(""), packets.CodeSuccess)
	wantCode(t, "the alias moves to a denied topic", alias("secret/a"), denied)
	wantCode(t, "by the alias of the denied topic", alias(""), denied)
}

func TestAttackShare(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "deny clientid * 2 open/secret", "allow clientid * 3 open/#", "allow clientid boss 3 #")
	c, boss := b.dial(t, "", mqtttest.Connect("c")), b.dial(t, "", mqtttest.Connect("boss"))
	for _, filter := range []string{"$share/g/secret/#", "$share/g/#", "$share/g/$SYS/#", "$share/open/#"} {
		wantCode(t, "subscribe "+filter, c.Subscribe(filter, 0), denied)
	}
	wantCode(t, "nested", c.Subscribe("$share/g/$share/g/open/#", 0), packets.ErrTopicFilterInvalid)
	wantCode(t, "what is allowed", c.Subscribe("$share/g/open/#", 1), packets.CodeSuccess)
	boss.Publish("open/secret", "x", 1, false)
	boss.Publish("open/news", "x", 1, false)
	wantTopics(t, c, "open/news")
	wantCode(t, "publish to $share", publish(t, c, "$share/g/open/x"), denied)
}

func TestAttackWill(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid boss 3 #", "allow clientid * 3 open/#")
	boss := b.dial(t, "", mqtttest.Connect("boss"))
	boss.Subscribe("#", 0)
	boss.Subscribe("$SYS/#", 0)
	for _, topic := range []string{"secret/will", "$SYS/broker/uptime", "open/will"} {
		pk := mqtttest.Connect("c")
		pk.WillFlag = true
		pk.Will = packets.Will{Topic: topic, Payload: []byte("x"), Retain: true}
		b.dial(t, "", pk).Disconnect(packets.CodeDisconnectWithWill)
	}
	wantTopics(t, boss, "open/will")
}

func TestAttackRetained(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid boss 3 #", "deny clientid * 2 plan/secret/#", "allow clientid * 2 plan/#")
	boss := b.dial(t, "", mqtttest.Connect("boss"))
	boss.Publish("plan/secret/1", "x", 1, true)
	boss.Publish("plan/open", "x", 1, true)
	c := b.dial(t, "", mqtttest.Connect("c"))
	wantCode(t, "subscribe the secret", c.Subscribe("plan/secret/1", 0), denied)
	wantCode(t, "subscribe around it", c.Subscribe("plan/#", 1), packets.CodeSuccess)
	wantTopics(t, c, "plan/open")
	wantCode(t, "leave a retained message", publishRetained(t, c, "plan/open"), denied)
	late := b.dial(t, "", mqtttest.Connect("boss2"))
	wantCode(t, "the other one", late.Subscribe("plan/open", 0), packets.CodeSuccess)
	if got := late.Message(); string(got.Payload) != "x" {
		t.Errorf("the retained message is %q", got.Payload)
	}
}

func publishRetained(t testing.TB, c *mqtttest.Client, topic string) packets.Code {
	t.Helper()
	c.Send(&packets.Publish{Topic: topic, Payload: []byte("forged"), QoS: 1, Retain: true, PacketID: c.PacketID()})
	return mqtttest.Expect[*packets.Puback](c).Code
}

// A narrower deny holds for every way a message may come.
func TestAttackNarrowerDeny(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid boss 3 #", "deny username joe 2 plan/secret/#", "allow username * 3 #")
	boss, joe, ann := b.dial(t, "", mqtttest.Connect("boss")), b.dial(t, "", user("j", "joe", "")), b.dial(t, "", user("a", "ann", ""))
	for _, filter := range []string{"#", "plan/+/1", "+/secret/+"} {
		wantCode(t, "joe subscribes "+filter, joe.Subscribe(filter, 0), packets.CodeSuccess)
	}
	ann.Subscribe("#", 0)
	for qos := range byte(3) {
		boss.Publish("plan/secret/1", "x", qos, false)
	}
	boss.Publish("plan/open", "x", 0, false)
	wantTopics(t, joe, "plan/open")
	wantTopics(t, ann, "plan/secret/1", "plan/secret/1", "plan/secret/1", "plan/open")
}

func TestAttackSYS(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow ip 127.0.0.1 2 $SYS/#", "allow clientid * 3 #", "allow clientid * 1 $SYS/#")
	far := b.dial(t, "192.0.2.7", mqtttest.Connect("far"))
	for _, filter := range []string{"$SYS/#", "$SYS/broker/uptime", "$share/g/$SYS/#", "$SYS/+/uptime"} {
		wantCode(t, "subscribe "+filter, far.Subscribe(filter, 0), denied)
	}
	wantCode(t, "publish, though a rule allows it", publish(t, far, "$SYS/broker/uptime"), denied)
	wantCode(t, "# is not $SYS", far.Subscribe("#", 0), packets.CodeSuccess)
	far.Ping()
	near := b.dial(t, "", mqtttest.Connect("near"))
	wantCode(t, "near", near.Subscribe("$SYS/broker/uptime", 0), packets.CodeSuccess)
}

// Another user cannot take over a session, with what is queued in it, by its
// ClientID, nor disconnect its client.
func TestAttackTakeover(t *testing.T) {
	t.Parallel()
	b, _ := startBroker(t, &auth.Options{Ledger: &auth.Ledger{
		Users: auth.Users{"ann": {Password: "a"}, "eve": {Password: "e"}},
	}})
	pk := user("device", "ann", "a")
	pk.Properties.SessionExpiryInterval = 3600
	pk.Properties.Set(packets.PropSessionExpiryInterval)
	ann := b.dial(t, "", pk)
	for _, clean := range []bool{false, true} {
		theft := user("device", "eve", "e")
		theft.CleanStart = clean
		wantCode(t, "takeover", b.dialRefused(t, "", theft).Connack.Code, denied)
	}
	wantCode(t, "takeover without a name", b.dialRefused(t, "", mqtttest.Connect("device")).Connack.Code, packets.ErrBadUsernameOrPassword)
	ann.Ping()
}

// The address that counts is the one the PROXY protocol names, so that clients
// behind a proxy on this machine are not taken for local ones.
func TestAttackLocalProxy(t *testing.T) {
	t.Parallel()
	b, _ := startBroker(t, &auth.Options{Ledger: peaches()})
	wantCode(t, "far", b.dialRefused(t, "192.0.2.7", mqtttest.Connect("c")).Connack.Code, packets.ErrBadUsernameOrPassword)
	wantCode(t, "far by IPv6", b.dialRefused(t, "2001:db8::1", mqtttest.Connect("c")).Connack.Code, packets.ErrBadUsernameOrPassword)
	b.dial(t, "127.0.0.1", mqtttest.Connect("c"))
	b.dial(t, "::1", mqtttest.Connect("c"))
	b.dial(t, "192.0.2.7", user("p", "peach", "password1"))
}

// A page in a browser of this machine, and a request that a proxy of this machine
// forwards, come from a loopback address and are not local.
func TestAttackLocalWebsocket(t *testing.T) {
	t.Parallel()
	s := mqtt.New(nil)
	if err := s.AddHook(new(auth.Hook), &auth.Options{Ledger: peaches()}); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewWebsocket("ws", "127.0.0.1:0", &listeners.Config{WebsocketOrigins: []string{"*"}})
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, tt := range []struct {
		name, header string
		want         packets.Code
	}{
		{"a program", "X-Other: 1", packets.CodeSuccess},
		{"a page of this machine", "Origin: http://localhost:8083", packets.CodeSuccess},
		{"a page from elsewhere", "Origin: https://evil.example.com", packets.ErrBadUsernameOrPassword},
		{"a page by DNS rebinding", "Origin: http://evil.example.com:8083", packets.ErrBadUsernameOrPassword},
		{"forwarded", "X-Forwarded-For: 203.0.113.7", packets.ErrBadUsernameOrPassword},
		{"forwarded from here, it says", "X-Forwarded-For: 127.0.0.1", packets.ErrBadUsernameOrPassword},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := ws.Dialer{Protocols: []string{"mqtt"}, Header: ws.HandshakeHeaderString(tt.header + "\r\n")}
			conn, _, _, err := d.Dial(t.Context(), "ws://"+l.Address()+"/mqtt")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			connect, err := mqtttest.Connect("c").Append(nil, packets.V5)
			if err != nil {
				t.Fatal(err)
			}
			if err := wsutil.WriteClientBinary(conn, connect); err != nil {
				t.Fatal(err)
			}
			answer, err := wsutil.ReadServerBinary(conn)
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, "CONNACK", packets.Code(answer[3]), tt.want)
		})
	}
}

// What a refused client is told does not say why.
func TestRefusalLeaksNothing(t *testing.T) {
	t.Parallel()
	b, _ := startBroker(t, &auth.Options{Ledger: &auth.Ledger{Users: auth.Users{"ann": {Password: "a"}, "out": {Disallow: true}}}})
	var first string
	for _, pk := range []*packets.Connect{user("c", "ann", "b"), user("c", "out", "b"), user("c", "nobody", "b"), mqtttest.Connect("c")} {
		c := b.dialRefused(t, "", pk)
		got := c.Connack.Code.Error() + "|" + c.Connack.Properties.ReasonString
		if first == "" {
			first = got
		}
		wantCode(t, "CONNACK", c.Connack.Code, packets.ErrBadUsernameOrPassword)
		if got != first {
			t.Errorf("%q is told %q, others %q", pk.Username, got, first)
		}
	}
}

// 3.x clients are refused as their versions can.
func TestRefusalOfVersion3(t *testing.T) {
	t.Parallel()
	b := aclBroker(t, "allow clientid * 1 open/#")
	for _, v := range []packets.Version{packets.V31, packets.V311} {
		pk := mqtttest.Connect("c")
		pk.Version = v
		c := b.dial(t, "", pk)
		if code := c.Subscribe("open/#", 0); code != packets.ErrUnspecified {
			t.Errorf("%v: SUBACK %v, want 0x80", v, code)
		}
		c.Publish("secret", "x", 1, false) // acknowledged, and goes nowhere
		c.Ping()
	}
}
