package mqtt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// archive is a hook that brings an earlier run back.
type archive struct {
	clients  []mqtt.StoredClient
	subs     []mqtt.StoredSubscription
	inflight []mqtt.StoredMessage
	retained []mqtt.StoredMessage
	stats    *mqtt.Stats
}

func (a *archive) StoredClients() ([]mqtt.StoredClient, error)             { return a.clients, nil }
func (a *archive) StoredSubscriptions() ([]mqtt.StoredSubscription, error) { return a.subs, nil }
func (a *archive) StoredInflightMessages() ([]mqtt.StoredMessage, error)   { return a.inflight, nil }

func (a *archive) StoredRetainedMessages() ([]mqtt.StoredMessage, error) { return a.retained, nil }
func (a *archive) StoredSysInfo() (*mqtt.Stats, error)                   { return a.stats, nil }

func storedClient(id string) mqtt.StoredClient {
	return mqtt.StoredClient{ClientID: id, Version: packets.V5, SessionExpiryInterval: 3600, DisconnectedAt: time.Now()}
}

func storedSub(id, filter string, qos byte) mqtt.StoredSubscription {
	return mqtt.StoredSubscription{ClientID: id, Subscription: packets.Subscription{Filter: filter, QoS: qos}}
}

func TestRestoredSubscriptions(t *testing.T) {
	t.Parallel()
	v3 := storedClient("v3")
	v3.Version = 0
	identified := storedSub("c", "id/#", 2)
	identified.SubscriptionID = 77
	shared := storedSub("c", "$share/g/shared", 1)
	s := newServer(t, &archive{
		clients: []mqtt.StoredClient{storedClient("c"), v3},
		subs:    []mqtt.StoredSubscription{storedSub("c", "a/+", 1), identified, shared, storedSub("v3", "a/b", 2), storedSub("c", "old", 0)},
		retained: []mqtt.StoredMessage{
			{Topic: "old", Payload: []byte("kept"), Properties: packets.Properties{ContentType: "text/plain"}},
		},
	})
	if st := s.Stats(); st.Subscriptions != 5 || st.ClientsDisconnected != 2 || st.Retained != 1 {
		t.Errorf("%d subscriptions, %d offline clients, %d retained", st.Subscriptions, st.ClientsDisconnected, st.Retained)
	}
	for _, topic := range []string{"a/b", "id/1", "shared"} {
		if err := s.Publish(topic, []byte(topic), false, 2); err != nil {
			t.Fatal(err)
		}
	}
	c := mqtttest.Dial(t, s, durable("c"))
	if !c.Connack.SessionPresent {
		t.Error("no session present")
	}
	for _, want := range []struct {
		topic string
		qos   byte
		ids   string
	}{{"a/b", 1, "[]"}, {"id/1", 2, "[77]"}, {"shared", 1, "[]"}} {
		m := receivePublish(t, c)
		if m.Topic != want.topic || m.QoS != want.qos || fmt.Sprint(m.Properties.SubscriptionIDs) != want.ids {
			t.Errorf("got %s with QoS %d and %v, want %+v", m.Topic, m.QoS, m.Properties.SubscriptionIDs, want)
		}
	}
	mqtttest.Expect[*packets.Pubrel](c)
	c.Ping() // the retained message was sent when the subscription was new
	other := mqtttest.Dial(t, s, &packets.Connect{Version: packets.V311, ClientID: "v3"})
	if m := other.Message(); m.QoS != 2 {
		t.Errorf("QoS %d, want 2", m.QoS)
	}
	c.Subscribe("old", 0)
	if m := c.Message(); string(m.Payload) != "kept" || !m.Retain || m.Properties.ContentType != "text/plain" {
		t.Errorf("got %+v", m)
	}
}

// Every receiver gets its own messages, first what was in flight, in the order
// of sending [MQTT-4.4.0-1] [MQTT-4.6.0-1].
func TestRestoredMessages(t *testing.T) {
	t.Parallel()
	message := func(id, payload string, qos byte, packetID uint16, released bool) mqtt.StoredMessage {
		return mqtt.StoredMessage{ClientID: id, Topic: "t", Payload: []byte(payload), QoS: qos, PacketID: packetID, Released: released, Origin: "p"}
	}
	one := storedClient("one")
	one.Received = []uint16{41}
	s := newServer(t, &archive{
		clients: []mqtt.StoredClient{one, storedClient("two")},
		inflight: []mqtt.StoredMessage{
			message("one", "a", 1, 60000, false), message("two", "x", 1, 7, false), message("one", "b", 2, 3, false),
			message("one", "c", 2, 9, true), message("one", "d", 1, 0, false), message("one", "e", 2, 0, false),
			message("two", "y", 1, 0, false), message("nobody", "z", 1, 0, false), message("one", "again", 1, 3, false),
		},
	})
	if st := s.Stats(); st.Inflight != 4 || st.Queued != 3 {
		t.Errorf("%d in flight, %d queued; want 4 and 3", st.Inflight, st.Queued)
	}
	c := mqtttest.Dial(t, s, durable("one"))
	a, b := mqtttest.Expect[*packets.Publish](c), mqtttest.Expect[*packets.Publish](c)
	if string(a.Payload) != "a" || a.PacketID != 60000 || !a.Dup || string(b.Payload) != "b" || b.PacketID != 3 || !b.Dup || b.QoS != 2 {
		t.Errorf("got %+v and %+v", a, b)
	}
	if rel := mqtttest.Expect[*packets.Pubrel](c); rel.PacketID != 9 {
		t.Errorf("PUBREL for %d, want 9", rel.PacketID)
	}
	d, e := mqtttest.Expect[*packets.Publish](c), mqtttest.Expect[*packets.Publish](c)
	if string(d.Payload) != "d" || d.Dup || string(e.Payload) != "e" {
		t.Errorf("got %+v and %+v", d, e)
	}
	c.Send(&packets.Puback{PacketID: a.PacketID}, &packets.Pubcomp{PacketID: 9}, &packets.Puback{PacketID: d.PacketID})
	c.Ping()
	// The client's own QoS 2 message 41 was received: its second sending is none [MQTT-4.3.3-10].
	c.Subscribe("mine", 0)
	c.Send(&packets.Publish{Topic: "mine", QoS: 2, PacketID: 41, Dup: true})
	mqtttest.Expect[*packets.Pubrec](c)
	c.Send(&packets.Pubrel{PacketID: 41})
	if comp := mqtttest.Expect[*packets.Pubcomp](c); comp.Code != packets.CodeSuccess {
		t.Errorf("PUBCOMP %v", comp.Code)
	}
	if st := s.Stats(); st.Inflight != 3 || st.Queued != 1 {
		t.Errorf("%d in flight, %d queued; want 3 and 1", st.Inflight, st.Queued)
	}
	other := mqtttest.Dial(t, s, durable("two"))
	for _, want := range []string{"x", "y"} {
		if m := other.Message(); string(m.Payload) != want {
			t.Errorf("got %s, want %s", m.Payload, want)
		}
	}
}

// The time for which the server was down counts: for sessions, wills and messages.
func TestRestoredExpiries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		hourAgo := time.Now().Add(-time.Hour)
		client := func(id string, expiry uint32, delay uint32) mqtt.StoredClient {
			return mqtt.StoredClient{
				ClientID: id, Version: packets.V5, SessionExpiryInterval: expiry, DisconnectedAt: hourAgo,
				Will: &packets.Will{Topic: "will/" + id, Payload: []byte("x"), Properties: packets.Properties{WillDelayInterval: delay}},
			}
		}
		message := func(topic string, left time.Duration) mqtt.StoredMessage {
			return mqtt.StoredMessage{ClientID: "lives", Topic: topic, Payload: []byte("x"), QoS: 1, ExpiresAt: time.Now().Add(left)}
		}
		s := newServer(t, &archive{
			clients: []mqtt.StoredClient{
				client("lives", 3600+100, 3600+50), client("over", 3599, 5000), client("zero", 0, 0), client("ever", 0xFFFFFFFF, 3600+10),
			},
			subs:     []mqtt.StoredSubscription{storedSub("over", "#", 1), storedSub("ever", "will/#", 1)},
			inflight: []mqtt.StoredMessage{message("old", -time.Second), message("brief", 10*time.Second), message("long", time.Hour)},
			retained: []mqtt.StoredMessage{message("r/old", -time.Second), message("r/brief", 20*time.Second)},
		}, fnExpired(func(c *mqtt.Client) { log.add("expired %s", c.ID()) }),
			fnWillSent(func(c *mqtt.Client, p *packets.Publish) { log.add("will %s", c.ID()) }),
			fnRetainedGone(func(topic string) { log.add("gone %s", topic) }))
		log.expect(t, "will over", "expired over", "will zero", "expired zero")
		if st := s.Stats(); st.ClientsDisconnected != 2 || st.Subscriptions != 1 || st.Retained != 1 || st.Dropped["expired"] != 2 {
			t.Errorf("%+v", st)
		}
		advance(15 * time.Second)
		synctest.Wait()
		log.expect(t, "will ever")
		advance(10 * time.Second)
		synctest.Wait()
		log.expect(t, "gone r/brief")
		c := mqtttest.Dial(t, s, durable("lives"))
		if m := c.Message(); m.Topic != "long" || m.Properties.MessageExpiryInterval != 3600-25 {
			t.Errorf("got %s with %d s left", m.Topic, m.Properties.MessageExpiryInterval)
		}
		c.Ping()
		advance(time.Minute)
		log.expect(t) // who has come back has neither will nor end
	})
}

// The first hook that has anything counts; errors stop Serve and change nothing.
func TestStoredHooksInOrder(t *testing.T) {
	t.Parallel()
	broken := true
	s := mqtt.New(quiet())
	for _, hook := range []any{
		&archive{},
		&archive{clients: []mqtt.StoredClient{storedClient("c")}},
		&archive{clients: []mqtt.StoredClient{storedClient("unseen")}, retained: []mqtt.StoredMessage{{Topic: "r", Payload: []byte("x")}}},
		fnSysInfo(func() (*mqtt.Stats, error) {
			if broken {
				return nil, errors.New("disk is on fire")
			}
			return nil, nil
		}),
		new(auth.AllowHook),
	} {
		if err := s.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Serve(); err == nil || !strings.Contains(err.Error(), "StoredSysInfo: disk is on fire") {
		t.Fatalf("Serve: %v", err)
	}
	if st := s.Stats(); st.ClientsDisconnected != 0 || st.Retained != 0 {
		t.Errorf("restored %d clients and %d retained messages", st.ClientsDisconnected, st.Retained)
	}
	broken = false
	start(t, s, listeners.NewMemory("m"))
	if st := s.Stats(); st.ClientsDisconnected != 1 || st.Retained != 1 {
		t.Errorf("restored %d clients and %d retained messages, want 1 and 1", st.ClientsDisconnected, st.Retained)
	}
}

func TestRestoredTotals(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		opts := quiet()
		opts.Capabilities.Compatibilities.RestoreSysInfoOnRestart = on
		s := mqtttest.NewServerWith(t, opts, &archive{stats: &mqtt.Stats{MessagesReceived: 1000, BytesSent: 5000, ClientsMaximum: 50, ClientsConnected: 49}})
		mqtttest.Dial(t, s, mqtttest.Connect("c")).Publish("a", "x", 1, false)
		st := s.Stats()
		want, clients := int64(1001), int64(50)
		if !on {
			want, clients = 1, 1
		}
		if st.MessagesReceived != want || st.ClientsMaximum != clients || st.ClientsConnected != 1 {
			t.Errorf("restore %t: %d messages, at most %d clients, %d now", on, st.MessagesReceived, st.ClientsMaximum, st.ClientsConnected)
		}
	}
}

// Records that do not fit together are left out, and nothing else.
func TestRestoredNonsense(t *testing.T) {
	t.Parallel()
	bad := packets.Properties{ContentType: "\xff"}
	s := newServer(t, &archive{
		clients: []mqtt.StoredClient{{}, storedClient("c"), storedClient("c")},
		subs:    []mqtt.StoredSubscription{storedSub("nobody", "a", 1), storedSub("c", "a/#/b", 1), storedSub("c", "a", 3), storedSub("c", "good", 1)},
		inflight: []mqtt.StoredMessage{
			{ClientID: "c", Topic: "#", QoS: 1},
			{ClientID: "c", Topic: "t", QoS: 7},
			{ClientID: "c", Topic: "t", QoS: 1, PacketID: 1, Released: true},
			{ClientID: "c", Topic: "t", QoS: 1, Properties: bad},
			{ClientID: "c", Topic: "good", QoS: 1},
		},
		retained: []mqtt.StoredMessage{{Topic: "+", Payload: []byte("x")}, {Topic: "empty"}, {Topic: "good", Payload: []byte("x")}},
	})
	if st := s.Stats(); st.ClientsDisconnected != 1 || st.Subscriptions != 1 || st.Queued != 1 || st.Inflight != 0 || st.Retained != 1 {
		t.Errorf("%+v", st)
	}
}
