package debug_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/hooks/debug"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// lines is a log that several goroutines write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// talk has a client do a little of everything and returns the log.
func talk(t *testing.T, opts *debug.Options, level slog.Level) string {
	t.Helper()
	var log lines
	synctest.Test(t, func(t *testing.T) {
		opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
		if err := s.AddHook(new(debug.Hook), opts); err != nil {
			t.Fatal(err)
		}
		c := mqtttest.Dial(t, s, &packets.Connect{
			Version: packets.V5, ClientID: "c", CleanStart: true, Username: "ann", UsernameFlag: true,
			Password: []byte("swordfish"), PasswordFlag: true, WillFlag: true, Will: packets.Will{Topic: "w", Payload: []byte("gone")},
			Properties: packets.Properties{ReceiveMaximum: 9},
		})
		c.Subscribe("a/#", 1)
		c.Publish("a/b", "sesame", 0, true)
		c.Message()
		c.Send(&packets.Unsubscribe{PacketID: 8, Filters: []string{"a/#"}})
		mqtttest.Expect[*packets.Unsuback](c)
		c.Ping()
		c.Send(&packets.Publish{Topic: "x", Properties: packets.Properties{TopicAlias: 999}})
		c.ExpectDisconnect(packets.ErrTopicAliasInvalid)
		synctest.Wait()
	})
	return log.String()
}

func TestDebugShows(t *testing.T) {
	t.Parallel()
	const ping, payload, password = "PINGREQ", "sesame", "swordfish"
	tests := []struct {
		name string
		opts debug.Options
		want []string
		not  []string
	}{
		{"nothing secret", debug.Options{}, []string{
			`msg="packet received" client_id=c type=CONNECT version=5.0 clean_start=true keep_alive=0 username=ann will=true`,
			`msg="packet sent" client_id=c type=CONNACK reason_code=0x00 session_present=false`,
			`msg="client connected" client_id=c remote=`, `msg="packet received" client_id=c type=SUBSCRIBE packet_id=1`, "a/#",
			`msg=subscribed client_id=c filter=a/# reason_code=1`, "type=SUBACK", "[0x01]",
			`type=PUBLISH topic=a/b qos=0 retain=true dup=false packet_id=0 payload_bytes=6`,
			`msg="packet sent" client_id=c type=PUBLISH topic=a/b qos=0 retain=false`,
			`msg="retained message" client_id=c topic=a/b result=1`, `msg=unsubscribed client_id=c filters=[a/#]`,
			`msg="packet refused" client_id=c type=PUBLISH err="topic alias invalid`, `type=DISCONNECT reason_code=0x94`,
			`msg="will sent" client_id=c topic=w`, `msg="client disconnected" client_id=c session_ended=true err="topic alias invalid`,
			"msg=stopped",
		}, []string{ping, payload, password, "gone"}},
		{"pings", debug.Options{ShowPings: true}, []string{ping, "PINGRESP"}, []string{payload, password}},
		{"data", debug.Options{ShowPacketData: true}, []string{
			`Payload:\"sesame\"`, `Password:(hidden)`, `Will:{Topic:\"w\" Payload:\"gone\"}`, `ReceiveMaximum:9`, `Subscriptions:[{Filter:\"a/#\" QoS:1}]`,
		}, []string{ping, password}},
		{"passwords", debug.Options{ShowPasswords: true}, []string{"password=" + password}, []string{payload}},
		{"all", debug.Options{ShowPacketData: true, ShowPings: true, ShowPasswords: true}, []string{
			ping, payload, "password=" + password, `Password:\"` + password + `\"`,
		}, []string{"hidden"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := talk(t, &tt.opts, slog.LevelDebug)
			for _, want := range tt.want {
				if !strings.Contains(log, want) {
					t.Errorf("the log has no %q", want)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(log, not) {
					t.Errorf("the log has %q", not)
				}
			}
			if t.Failed() {
				t.Log(log)
			}
		})
	}
}

func TestDebugIsSilentAboveDebug(t *testing.T) {
	t.Parallel()
	if log := talk(t, &debug.Options{ShowPacketData: true, ShowPings: true, ShowPasswords: true}, slog.LevelInfo); log != "" {
		t.Errorf("it logged %s", log)
	}
}

func TestDebugShowsEveryPacket(t *testing.T) {
	t.Parallel()
	var log lines
	h := new(debug.Hook)
	if err := h.Init(&debug.Options{ShowPacketData: true, ShowPasswords: true, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}); err != nil {
		t.Fatal(err)
	}
	cl := mqtt.New(nil).NewClient(nil, "local", "c", true)
	secret := packets.Properties{AuthenticationMethod: "m", AuthenticationData: []byte("sesame")}
	for _, pk := range []packets.Packet{
		&packets.Connect{Properties: secret}, &packets.Puback{PacketID: 1}, &packets.Pubrec{PacketID: 2}, &packets.Pubrel{PacketID: 3},
		&packets.Pubcomp{PacketID: 4, Code: packets.ErrPacketIDNotFound}, &packets.Auth{Code: packets.CodeContinueAuthentication, Properties: secret},
		&packets.Unsuback{PacketID: 5, Codes: []packets.Code{0x11}}, &packets.Publish{Topic: "t", Properties: packets.Properties{User: []packets.UserProperty{{Key: "k", Value: "v"}}}},
	} {
		h.OnPacketSent(cl, pk, nil)
	}
	for _, want := range []string{
		"PUBACK packet_id=1", "PUBREC packet_id=2", "PUBREL packet_id=3", "PUBCOMP packet_id=4 reason_code=0x92",
		"AUTH reason_code=0x18 method=m", "authentication_data=sesame", "[0x11]", `User:[{Key:\"k\" Value:\"v\"}]`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log.String())
		}
	}
}

func TestDebugOptions(t *testing.T) {
	t.Parallel()
	s := mqtt.New(nil)
	for _, good := range []any{nil, (*debug.Options)(nil), &debug.Options{}} {
		if err := s.AddHook(new(debug.Hook), good); err != nil {
			t.Errorf("%T: %v", good, err)
		}
	}
	if err := s.AddHook(new(debug.Hook), debug.Options{}); err == nil || !strings.Contains(err.Error(), "want *debug.Options, got debug.Options") {
		t.Errorf("a struct instead of a pointer: %v", err)
	}
}
