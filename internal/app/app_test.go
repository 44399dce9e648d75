package app

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// stuck is a hook that does not let the server stop.
type stuck struct{ release chan struct{} }

func (s stuck) OnStopped() { <-s.release }

// TestSecondSignalEndsAtOnce gives a second signal to a server that hangs.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	srv := mqtt.New(nil)
	hook := stuck{make(chan struct{})}
	if err := srv.AddHook(hook, nil); err != nil {
		t.Fatal(err)
	}
	if err := srv.Serve(); err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	cfg := &config.Config{ShutdownTimeout: time.Hour}
	if err := shutdown(srv, cfg, slog.New(slog.DiscardHandler), signals); !errors.Is(err, errImpatient) {
		t.Errorf("error %v, want %v", err, errImpatient)
	}
	close(hook.release)
}

// TestContextEndsTheBroker runs the broker as an embedding program could.
func TestContextEndsTheBroker(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Listeners = []config.Listener{config.NewListener("unix", config.Unix, filepath.Join(t.TempDir(), "s"))}
	cfg.DataDir = filepath.Join(t.TempDir(), "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runBroker(ctx, func() (*config.Config, error) { return cfg, nil }, streams{err: io.Discard}); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(cfg.DataDir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v", info, err)
	}
}

func TestNewBrokerLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	for _, tt := range []struct {
		name string
		bad  config.Listener
		want string
	}{
		{"protocol", config.Listener{ID: "x", Protocol: "quic", Address: ":0"}, `protocol "quic"`},
		{"trusted proxy", config.Listener{ID: "x", Protocol: config.TCP, Address: ":0", ProxyTrusted: []string{"all"}}, `trusted proxy "all"`},
		{"origin", config.Listener{ID: "x", Protocol: config.WebSocket, Address: ":0", Origins: []string{"example.com"}}, "WebsocketOrigins"},
		{"the same ID", config.Listener{ID: "good", Protocol: config.TCP, Address: ":0"}, "exists already"},
		{"authorities", config.Listener{ID: "x", Protocol: config.TLS, Address: ":0", TLS: config.Certificates{CertFile: "none", KeyFile: "none"}}, "load certificate none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Listeners = []config.Listener{{ID: "good", Protocol: config.Unix, Address: socket}, tt.bad}
			_, err := newBroker(cfg, slog.New(slog.DiscardHandler), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket is still there: %v", err)
			}
		})
	}
}

func TestServerTLSErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := writeCertificates(dir); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name  string
		files config.Certificates
		want  string
	}{
		{"the wrong key", config.Certificates{CertFile: file("cert.pem"), KeyFile: file("client.key")}, "private key does not match"},
		{"no authorities", config.Certificates{CertFile: file("cert.pem"), KeyFile: file("key.pem"), CAFile: file("none"), VerifyClient: config.Required}, "no such file"},
		{"a key as authority", config.Certificates{CertFile: file("cert.pem"), KeyFile: file("key.pem"), CAFile: file("ca.key"), VerifyClient: config.Required}, "holds no certificate"},
	} {
		l := &config.Listener{ID: "l", Protocol: config.TLS, TLS: tt.files}
		if _, err := loadCertificates(l, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestCapabilitiesReachTheBroker(t *testing.T) {
	t.Parallel()
	text := `
capabilities:
  maximum_session_expiry_interval: 1h
  maximum_message_expiry_interval: 2d
  receive_maximum: 3
  maximum_inflight: 4
  maximum_qos: 0
  maximum_packet_size: 5KiB
  topic_alias_maximum: 0
  retain_available: false
  wildcard_subscription_available: false
  subscription_identifiers_available: false
  shared_subscription_available: false
  minimum_protocol_version: 3.1.1
  server_keep_alive: 6s
  response_information: info
  server_reference: other
  compatibilities: {obscure_not_authorized: true, passive_client_disconnect: true, always_return_response_info: true, restore_sys_info: true}
limits:
  maximum_clients: 7
  maximum_subscriptions_per_client: 19
  memory_budget: 8MiB
  connect_timeout: 9s
  maximum_connect_packet_size: 10KiB
  maximum_client_writes_pending: 11KiB
  read_buffer_size: 12KiB
  write_buffer_size: 13KiB
sessions: {open_to_any_user: true, shared_strategy: hash_topic, retry_interval: 14s}
queues:
  maximum_messages: 15
  maximum_bytes: 16KiB
  durable_maximum_messages: 17
  durable_maximum_bytes: 18KiB
  policy: reject_publish
  qos0_messages: true
sys: {interval: off}
store:
  durability: os
  announce_durability: true
  topics: [{filter: a/#, durability: none}]
listeners: [{id: one, durability: none}, {id: two}]
`
	cfg, err := config.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := mqtt.Options{
		SysTopicResendInterval: -1, ClientNetReadBufferSize: 12 << 10, ClientNetWriteBufferSize: 13 << 10, ConnectTimeout: 9 * time.Second,
		MaximumConnectPacketSize: 10 << 10, RetryInterval: 14 * time.Second, ServerKeepAlive: 6, SharedStrategy: mqtt.HashTopic,
		SessionsOpenToAnyUser: true, Durability: mqtt.DurabilityOS, AnnounceDurability: true,
		TopicDurability:    []mqtt.TopicDurability{{Filter: "a/#", Durability: mqtt.DurabilityNone}},
		ListenerDurability: map[string]mqtt.Durability{"one": mqtt.DurabilityNone},
		MemoryBudget:       8 << 20, ResponseInformation: "info", ServerReference: "other",
		Capabilities: mqtt.Capabilities{
			MaximumSessionExpiryInterval: 3600, MaximumMessageExpiryInterval: 172_800, ReceiveMaximum: 3, MaximumInflight: 4, MaximumQos: mqtt.QoS0Only,
			MaximumPacketSize: 5 << 10, NoTopicAliases: true, RetainAvailable: mqtt.Unavailable, WildcardSubAvailable: mqtt.Unavailable,
			SubIDAvailable: mqtt.Unavailable, SharedSubAvailable: mqtt.Unavailable, MinimumProtocolVersion: 4, MaximumClients: 7, MaximumSubscriptionsPerClient: 19,
			MaximumClientWritesPending: 11 << 10, MaximumQueueMessages: 15, MaximumQueueBytes: 16 << 10, MaximumDurableQueueMessages: 17,
			MaximumDurableQueueBytes: 18 << 10, QueuePolicy: mqtt.RejectPublish, QueueQoS0Messages: true,
			Compatibilities: mqtt.Compatibilities{ObscureNotAuthorized: true, PassiveClientDisconnect: true, AlwaysReturnResponseInfo: true, RestoreSysInfoOnRestart: true},
		},
	}
	got := mqtt.New(options(cfg, nil)).Options()
	got.Logger, got.Version = nil, ""
	if !reflect.DeepEqual(got, want) {
		t.Errorf("have %+v\nwant %+v", got, want)
	}
}

// The defaults of the configuration are those of the library.
func TestDefaultsAreTheLibrarys(t *testing.T) {
	t.Parallel()
	got, want := mqtt.New(options(config.Default(), nil)).Options(), mqtt.New(nil).Options()
	got.Logger, want.Logger, got.Version = nil, nil, ""
	if !reflect.DeepEqual(got, want) {
		t.Errorf("have %+v\nwant %+v", got, want)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, version string
		settings      []debug.BuildSetting
		want          string
	}{
		{"a release", "v1.2.3", nil, "v1.2.3"},
		{"no version", "", nil, "devel"},
		{"a work tree", "(devel)", []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}, "devel-0123456789ab-modified"},
		{"a clean work tree", "(devel)", []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "false"}}, "devel-0123456789ab"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: tt.version}, Settings: tt.settings}
		if got := describe(info); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	full := &packets.Publish{Topic: "a/b", Payload: []byte("x\x01"), QoS: 2, Dup: true, Retain: true, PacketID: 9, Properties: packets.Properties{
		TopicAlias: 1, ContentType: "text", CorrelationData: []byte("c"), MessageExpiryInterval: 60, PayloadFormatIndicator: 1,
		ResponseTopic: "r", SubscriptionIDs: []uint32{3, 4}, User: []packets.UserProperty{{Key: "k", Value: "v"}, {Key: "l", Value: "w"}},
	}}
	bare := &packets.Publish{Topic: "t", Payload: []byte("no json")}
	for _, tt := range []struct {
		format string
		pk     *packets.Publish
		want   string
	}{
		{"%t %p %q %r %d %m %l", full, "a/b x\x01 2 1 1 9 2"},
		{"%x %X%%", full, "7801 7801%"},
		{"%A %C %D %E %F %R %S %P", full, "1 text c 60 1 r 3 4 k:v l:w"},
		{"%A|%C|%D|%E|%F|%R|%S|%P|%r|%d", bare, "||||||||0|0"},
		{"%I %U", bare, "2026-01-02T03:04:05+0000 1767323045.000000006"},
		{`\n\t\r\a\e\0\\`, bare, "\n\t\r\a\033\000\\"},
		{"%J", bare, `{"tst":"2026-01-02T03:04:05.000000Z","topic":"t","qos":0,"retain":0,"payloadlen":7,"payload":"no json"}`},
		{"%j", &packets.Publish{Topic: "t", Payload: []byte(`{}`)}, `{"tst":"2026-01-02T03:04:05.000000Z","topic":"t","qos":0,"retain":0,"payloadlen":2,"payload":"{}"}`},
		{"plain", bare, "plain"},
	} {
		t.Run(tt.format, func(t *testing.T) {
			t.Parallel()
			f, err := parseFormat(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			out := bufio.NewWriter(&b)
			f.write(out, tt.pk, now)
			if err := out.Flush(); err != nil || b.String() != tt.want {
				t.Errorf("have %q, %v, want %q", b.String(), err, tt.want)
			}
		})
	}
}

func TestJoinProperties(t *testing.T) {
	t.Parallel()
	flags := newPub(streams{}).Flags()
	for _, tt := range []struct{ args, want string }{
		{"-t a -m b", "-t a -m b"},
		{"-D publish content-type text -t a", "--property=publish\x00content-type\x00text -t a"},
		{"--property publish user-property -D -D", "--property=publish\x00user-property\x00-D\x00-D"},
		{"-m -D -t a", "-m -D -t a"},
		{"-rm -D -t a", "-rm -D -t a"},
		{"-m=x -D connect receive-maximum 1", "-m=x --property=connect\x00receive-maximum\x001"},
		{"--message -D", "--message -D"},
		{"-r -l -D will user-property a b", "-r -l --property=will\x00user-property\x00a\x00b"},
		{"-- -D a", "-- -D a"},
	} {
		got, err := joinProperties(flags, strings.Fields(tt.args))
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: have %q, %v, want %q", tt.args, got, err, tt.want)
		}
	}
}

// TestEveryPropertyCanBeSet sets each property in a packet that may carry it.
func TestEveryPropertyCanBeSet(t *testing.T) {
	t.Parallel()
	for name, id := range propertyNames {
		placed := false
		for place, typ := range propertyPlaces {
			var p packets.Properties
			err := applyProperties([]string{strings.Join([]string{place, name, "1", "1"}, separator)}, place, &p, packets.V5)
			if err == nil {
				placed = true
				if b, err := p.Append(nil, typ); err != nil || len(b) < 2 || !p.Has(id) {
					t.Errorf("%s %s is not sent: %x, %v", place, name, b, err)
				}
			}
		}
		if !placed {
			t.Errorf("%s fits no packet", name)
		}
	}
}
