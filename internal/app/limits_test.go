package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/limits"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/packets"
)

// Each key of the limits reaches the broker.
func TestLimitsAreKept(t *testing.T) {
	t.Parallel()
	publish := func(topic string) func(t *testing.T, address string) packets.Code {
		return func(t *testing.T, address string) packets.Code {
			c := login(t, address, "c", "", "")
			var last packets.Code
			for range 3 {
				c.Send(&packets.Publish{Topic: topic, QoS: 1, PacketID: c.PacketID(), Payload: []byte("0123456789")})
				switch ack := c.Receive().(type) {
				case *packets.Puback:
					last = ack.Code
				case *packets.Disconnect:
					return ack.Code
				}
			}
			return last
		}
	}
	connect := func(ids ...string) func(t *testing.T, address string) packets.Code {
		return func(t *testing.T, address string) packets.Code {
			var last packets.Code
			for _, id := range ids {
				last = login(t, address, id, "joe", "").Connack.Code
			}
			return last
		}
	}
	fine := packets.CodeNoMatchingSubscribers
	for _, tt := range []struct {
		name, limits string
		own          int // maximum_connections of the listener
		do           func(t *testing.T, address string) packets.Code
		want         packets.Code
	}{
		{"none", "{}", 0, connect("a", "b", "c"), packets.CodeSuccess},
		{"user", "{connections_per_user: 2}", 0, connect("a", "b", "c"), packets.ErrQuotaExceeded},
		{"address", "{connections_per_address: 2}", 0, connect("a", "b", "c"), packets.ErrQuotaExceeded},
		{"listener", "{connections_per_listener: 2}", 0, connect("a", "b", "c"), packets.ErrQuotaExceeded},
		{"this listener", "{connections_per_listener: 9}", 2, connect("a", "b", "c"), packets.ErrQuotaExceeded},
		{"this listener may have more", "{connections_per_listener: 1}", 3, connect("a", "b", "c"), packets.CodeSuccess},
		{"connect rate", "{connect_rate: {per_second: 1, burst: 2}}", 0, connect("a", "b", "c"), packets.ErrConnectionRateExceeded},
		{"messages refused", "{message_rate: {per_second: 1, burst: 2}, publish_too_fast: reject}", 0, publish("a"), packets.ErrQuotaExceeded},
		{"messages end it", "{message_rate: {per_second: 1, burst: 2}, publish_too_fast: disconnect}", 0, publish("a"), packets.ErrMessageRateTooHigh},
		{"bytes refused", "{byte_rate: {per_second: 1B, burst: 25B}, publish_too_fast: reject}", 0, publish("a"), packets.ErrQuotaExceeded},
		{"throttled", "{message_rate: {per_second: 1000, burst: 1}}", 0, publish("a"), fine},
		{"levels", "{topic_levels: 2}", 0, publish("a/b/c"), packets.ErrTopicNameInvalid},
		{"levels that may be", "{topic_levels: 3}", 0, publish("a/b/c"), fine},
		{"bytes of a topic", "{topic_bytes: 4}", 0, publish("a/b/c"), packets.ErrTopicNameInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse("f", []byte("limits: "+tt.limits))
			if err != nil {
				t.Fatal(err)
			}
			cfg.DataDir = t.TempDir()
			cfg.Listeners = []config.Listener{config.NewListener("mqtt", config.TCP, "127.0.0.1:0")}
			cfg.Listeners[0].Connections = tt.own
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			addresses, log := serveConfig(t, cfg)
			if got := tt.do(t, addresses["mqtt"]); got != tt.want {
				t.Errorf("%v, want %v: %s", got, tt.want, log)
			}
		})
	}
}

func TestFlappingIsConfigured(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("f", []byte("limits: {flapping: {count: 3, window: 2m, ban: 1h}}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := limitOptions(cfg).Flapping, (limits.Flapping{Count: 3, Window: 2 * time.Minute, Ban: time.Hour}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Bans are in the data directory, and in force before anybody can log in.
func TestBansOutliveTheBroker(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.Listeners = []config.Listener{config.NewListener("mqtt", config.TCP, "127.0.0.1:0")}
	bans, err := limits.OpenBans(filepath.Join(cfg.DataDir, bansFile))
	if err == nil {
		err = bans.Add(limits.Ban{ClientID: "bad", Network: "127.0.0.1"})
	}
	if err != nil {
		t.Fatal(err)
	}
	addresses, _ := serveConfig(t, cfg)
	if got := login(t, addresses["mqtt"], "bad", "", "").Connack.Code; got != packets.ErrBanned {
		t.Errorf("the banned client: %v", got)
	}
	login(t, addresses["mqtt"], "good", "", "").Ping()
	if err := os.WriteFile(filepath.Join(cfg.DataDir, bansFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newBroker(cfg, slog.New(slog.DiscardHandler), nil); err == nil {
		t.Error("a broker starts without its bans")
	}
}
