package mqtt_test

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

type (
	noEvents        struct{}
	misspelledACL   struct{}
	unknownEvent    struct{}
	misspelledStore struct{}
	wrongPublish    struct{}
	wrongClose      struct{}
	wrongAuth       struct{}
	wrongStored     struct{}
	configured      struct {
		fnStarted
		got any
		err error
	}
)

func (noEvents) ID() string                                               { return "no-events" }
func (misspelledACL) OnAclCheck(*mqtt.Client, string, bool) bool          { return true }
func (unknownEvent) OnPublishing()                                        {}
func (misspelledStore) StoredClient() ([]mqtt.StoredClient, error)        { return nil, nil }
func (wrongPublish) OnPublish(*mqtt.Client, *packets.Publish) error       { return nil }
func (wrongClose) OnClose(*mqtt.Client)                                   {}
func (wrongAuth) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (wrongStored) StoredClients() []mqtt.StoredClient                    { return nil }
func (c *configured) Init(config any) error {
	c.got = config
	return c.err
}

func TestAddHookRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		hook   any
		config any
		want   []string // in the error
	}{
		{"nil", nil, nil, []string{"nil"}},
		{"no event", noEvents{}, nil, []string{"no-events", "none of the On..."}},
		{"another case", misspelledACL{}, nil, []string{"misspelledACL", "no event OnAclCheck", "OnACLCheck", "func(*mqtt.Client, string, bool) (mqtt.Decision, error)"}},
		{"no such event", unknownEvent{}, nil, []string{"no event OnPublishing", "OnPublish ", "StoredSysInfo"}},
		{"misspelled Stored", misspelledStore{}, nil, []string{"no event StoredClient;", "StoredClients"}},
		{"wrong signature", wrongPublish{}, nil, []string{"OnPublish has the wrong signature", "func(*mqtt.Client, *packets.Publish) (*packets.Publish, error)"}},
		{"wrong signature of a second name", wrongClose{}, nil, []string{"OnClose", "func(*mqtt.Client, error)"}},
		{"wrong signature of two forms", wrongAuth{}, nil, []string{"func(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) or func(*mqtt.Client, *packets.Connect) bool"}},
		{"wrong signature of Stored", wrongStored{}, nil, []string{"StoredClients", "func() ([]mqtt.StoredClient, error)"}},
		{"configuration without Init", fnStarted(func() {}), "config", []string{"takes no configuration"}},
		{"Init fails", &configured{err: errors.New("path is missing")}, "config", []string{"init hook", "configured", "path is missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mqtt.New(quiet())
			err := s.AddHook(tt.hook, tt.config)
			if err == nil {
				t.Fatal("it was added")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
		})
	}
}

// A refused hook must not be asked: one good method beside a bad one.
func TestRefusedHookIsNotAsked(t *testing.T) {
	t.Parallel()
	s := mqtt.New(quiet())
	type half struct {
		fnAuth
		misspelledACL
	}
	if err := s.AddHook(half{fnAuth: func(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) { return mqtt.Allow, nil }}, nil); err == nil {
		t.Fatal("it was added")
	}
	memory := listeners.NewMemory("m")
	start(t, s, memory)
	c := dialMemory(t, memory, packets.V5)
	c.Send(mqtttest.Connect("c"))
	if ack := mqtttest.Expect[*packets.Connack](c); ack.Code != packets.ErrNotAuthorized {
		t.Errorf("CONNACK %v, want not authorized", ack.Code)
	}
}

func TestHookGetsItsConfig(t *testing.T) {
	t.Parallel()
	hook := &configured{}
	if err := mqtt.New(quiet()).AddHook(hook, 17); err != nil || hook.got != 17 {
		t.Errorf("Init got %v, error %v", hook.got, err)
	}
	if err := mqtt.New(quiet()).AddHook(hook, nil); err != nil || hook.got != nil {
		t.Errorf("Init got %v, error %v", hook.got, err)
	}
}

type stopper struct {
	fnStopped
	name string
	log  *diary
	err  error
}

func (s *stopper) ID() string { return s.name }
func (s *stopper) Stop() error {
	s.log.add("Stop %s", s.name)
	return s.err
}

func TestHooksStopInReverseOrder(t *testing.T) {
	t.Parallel()
	var log diary
	var out bytes.Buffer
	s := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	for _, name := range []string{"first", "second", "third"} {
		hook := &stopper{fnStopped: func() { log.add("OnStopped %s", name) }, name: name, log: &log}
		if name == "second" {
			hook.err = errors.New("disk is full")
		}
		if err := s.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	log.expect(t, "OnStopped first", "OnStopped second", "OnStopped third", "Stop third", "Stop second", "Stop first")
	if line := out.String(); !strings.Contains(line, "second") || !strings.Contains(line, "disk is full") {
		t.Errorf("log %q does not tell of the error", line)
	}
	late := &stopper{fnStopped: func() {}, name: "late", log: &log}
	if err := s.AddHook(late, nil); !errors.Is(err, mqtt.ErrServerClosed) {
		t.Errorf("AddHook after Close: %v, want ErrServerClosed", err)
	}
	log.expect(t)
}

// Every interface of package mqtt that is an event has a row in the table: each
// func type above is accepted and joins.
func TestEveryEventIsAccepted(t *testing.T) {
	t.Parallel()
	for _, hook := range everyHook(false, func(string, *mqtt.Client) {}) {
		if err := mqtt.New(quiet()).AddHook(hook, nil); err != nil {
			t.Errorf("%T: %v", hook, err)
		}
	}
}

// A hook may be added while clients are connected; it sees what comes after.
func TestAddHookWhileServing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Subscribe("#", 0)
	c.Publish("a", "before", 0, false)
	c.Message()
	var seen []string
	if err := s.AddHook(fnPublished(func(_ *mqtt.Client, p *packets.Publish) { seen = append(seen, string(p.Payload)) }), nil); err != nil {
		t.Fatal(err)
	}
	c.Send(&packets.Publish{Topic: "a", Payload: []byte("after")})
	c.Message()
	c.Ping()
	if !slices.Equal(seen, []string{"after"}) {
		t.Errorf("the hook saw %q", seen)
	}
}

// methodOf names the one event of a func type above.
func methodOf(hook any) string { return reflect.TypeOf(hook).Method(0).Name }
