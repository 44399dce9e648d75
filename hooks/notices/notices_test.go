package notices_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/hooks/notices"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// configured is the hook with its options, as mqtttest adds it.
type configured struct {
	*notices.Hook
	options notices.Options
}

func (c configured) Init(any) error { return c.Hook.Init(&c.options) }

func server(t *testing.T, o notices.Options) *mqtttest.Server {
	t.Helper()
	return mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1}, configured{new(notices.Hook), o})
}

// watcher subscribes to all notices and has seen its own.
func watcher(t *testing.T, s *mqtttest.Server) *mqtttest.Client {
	t.Helper()
	c := mqtttest.Dial(t, s, mqtttest.Connect("watcher"))
	c.Subscribe(notices.Prefix+"#", 2)
	return c
}

func TestNoticeOnConnectAndDisconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the clock begins at 2000-01-01T00:00:00Z
		s := server(t, notices.Options{})
		w := watcher(t, s)
		c := mqtttest.Dial(t, s, &packets.Connect{Version: packets.V311, ClientID: "client001", CleanStart: true})
		on := w.Message()
		c.Close()
		off := w.Message()
		for _, tt := range []struct {
			got  *packets.Publish
			want string
		}{
			{on, `{"clientID":"client001","online":true,"timestamp":"2000-01-01T00:00:00Z"}`},
			{off, `{"clientID":"client001","online":false,"timestamp":"2000-01-01T00:00:00Z"}`},
		} {
			if tt.got.Topic != "$SYS/broker/connection/clients/client001" || string(tt.got.Payload) != tt.want {
				t.Errorf("%s: %s\nwant %s", tt.got.Topic, tt.got.Payload, tt.want)
			}
			if tt.got.QoS != 0 || tt.got.Retain {
				t.Errorf("QoS %d, retain %v", tt.got.QoS, tt.got.Retain)
			}
		}
	})
}

func TestNoticeFields(t *testing.T) {
	t.Parallel()
	s := server(t, notices.Options{QoS: 1, Username: true, Remote: true, Reason: true})
	w := watcher(t, s)
	pk := mqtttest.Connect("c")
	pk.Username, pk.UsernameFlag, pk.Password, pk.PasswordFlag = "joe", true, []byte("top secret"), true
	for _, end := range []struct {
		name, reason string
		end          func(*mqtttest.Client)
	}{
		{"by the client", "disconnected by the client", func(c *mqtttest.Client) { c.Disconnect(packets.CodeSuccess) }},
		{"lost", "connection lost", func(c *mqtttest.Client) { c.Close() }},
		{"protocol error", packets.ErrProtocolError.Error(), func(c *mqtttest.Client) { c.Send(pk); c.ExpectDisconnect(packets.ErrProtocolError) }},
	} {
		c := mqtttest.Dial(t, s, pk)
		if on := notice(t, w); !on.Online || on.Username != "joe" || on.Remote == "" || on.Reason != "" {
			t.Errorf("%s: online: %+v", end.name, on)
		}
		end.end(c)
		if off := notice(t, w); off.Online || off.Username != "joe" || off.Reason != end.reason {
			t.Errorf("%s: offline: %+v, want reason %q", end.name, off, end.reason)
		}
	}
}

func notice(t *testing.T, w *mqtttest.Client) (n notices.Notice) {
	t.Helper()
	pk := w.Message()
	if err := json.Unmarshal(pk.Payload, &n); err != nil {
		t.Fatalf("%v in %s", err, pk.Payload)
	}
	if strings.Contains(string(pk.Payload), "secret") {
		t.Fatalf("a password is in %s", pk.Payload)
	}
	return n
}

// Client identifiers that are no topics, or no JSON.
func TestNoticeOfStrangeClients(t *testing.T) {
	t.Parallel()
	s := server(t, notices.Options{})
	w := watcher(t, s)
	for _, id := range []string{`a"b`, "a/b", "+", "#", "a+b#c", `\`, "<é>", "%"} {
		mqtttest.Dial(t, s, mqtttest.Connect(id))
		pk := w.Message()
		var n notices.Notice
		if err := json.Unmarshal(pk.Payload, &n); err != nil || n.ClientID != id {
			t.Errorf("client %q: %s, %v", id, pk.Payload, err)
		}
		if pk.Topic != notices.Topic(id) {
			t.Errorf("client %q: topic %s", id, pk.Topic)
		}
	}
}

// A takeover leaves the client online.
func TestNoticeOfTakeover(t *testing.T) {
	t.Parallel()
	s := server(t, notices.Options{Retain: true})
	w := watcher(t, s)
	if own := notice(t, w); own.ClientID != "watcher" {
		t.Fatalf("the retained notice is of %q", own.ClientID)
	}
	old := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	mqtttest.Dial(t, s, mqtttest.Connect("c"))
	old.ExpectDisconnect(packets.ErrSessionTakenOver)
	for range 2 {
		if n := notice(t, w); !n.Online {
			t.Error("offline, though another connection took over")
		}
	}
	w.Ping()
}

// Nobody can forge a notice.
func TestNoticeCannotBeForged(t *testing.T) {
	t.Parallel()
	s := server(t, notices.Options{})
	w := watcher(t, s)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	notice(t, w)
	c.Send(&packets.Publish{Topic: notices.Topic("other"), Payload: []byte(`{"clientID":"other","online":true}`), QoS: 1, PacketID: 1})
	if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != packets.ErrNotAuthorized {
		t.Errorf("PUBACK %v, want not authorized", ack.Code)
	}
	pk := mqtttest.Connect("will")
	pk.WillFlag, pk.Will = true, packets.Will{Topic: notices.Topic("other"), Payload: []byte("x")}
	mqtttest.Dial(t, s, pk).Disconnect(packets.CodeDisconnectWithWill)
	for _, online := range []bool{true, false} {
		if n := notice(t, w); n.ClientID != "will" || n.Online != online {
			t.Errorf("got %+v", n)
		}
	}
	w.Ping()
}

func TestNoticeOptions(t *testing.T) {
	t.Parallel()
	for _, config := range []any{3, &notices.Options{QoS: 3}} {
		if err := mqtt.New(nil).AddHook(new(notices.Hook), config); err == nil {
			t.Errorf("%v is taken", config)
		}
	}
	if err := mqtt.New(nil).AddHook(new(notices.Hook), nil); err != nil {
		t.Error(err)
	}
}
