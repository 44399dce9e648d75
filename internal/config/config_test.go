package config

import (
	"errors"
	"strings"
	"testing"
)

func TestValidateNamesTheMistake(t *testing.T) {
	t.Parallel()
	tls := func(change func(c *Certificates)) func(*Config) {
		return func(c *Config) {
			l := NewListener("mqtt", TLS, "")
			l.TLS.CertFile, l.TLS.KeyFile = "c", "k"
			change(&l.TLS)
			c.Put(l)
		}
	}
	first := func(change func(l *Listener)) func(*Config) { return func(c *Config) { change(&c.Listeners[0]) } }
	for _, tt := range []struct {
		name   string
		change func(c *Config)
		want   string // "" if there is no mistake
	}{
		{"defaults", func(*Config) {}, ""},
		{"no listener", func(c *Config) { c.Listeners = nil }, "listeners: there is no listener for clients"},
		{"only statistics", func(c *Config) { c.Listeners = []Listener{NewListener("http", HTTP, "")} }, "listeners: there is no listener for clients"},
		{"no data directory", func(c *Config) { c.DataDir = "" }, "data_dir: the name is empty"},
		{"log level", func(c *Config) { c.Log.Level = "loud" }, `log.level: "loud" is not allowed: use debug, info, warn or error`},
		{"log format", func(c *Config) { c.Log.Format = "xml" }, `log.format: "xml" is not allowed: use text or json`},
		{"a log file without a name", func(c *Config) { c.Log.Output = "both" }, "log.output: both needs a file"},
		{"a log file without use", func(c *Config) { c.Log.Output, c.Log.File = "stderr", "f" }, "log.file: nothing is written to it"},
		{"timeout", func(c *Config) { c.ShutdownTimeout = -1 }, `shutdown_timeout: "-1ns" is not allowed`},
		{"address", first(func(l *Listener) { l.Address = "1883" }), `listeners[0].address: "1883" is not allowed: use host:port`},
		{"port", first(func(l *Listener) { l.Address = ":99999" }), "listeners[0].address: port"},
		{"unix", func(c *Config) { c.Put(NewListener("unix", Unix, "s.sock")) }, ""},
		{"unix without a path", func(c *Config) { c.Put(NewListener("unix", Unix, "")) }, "listeners[2].address: there is none"},
		{"an ID twice", func(c *Config) { c.Listeners[1].ID = "mqtt" }, "listeners[1].id: mqtt is the name of listeners[0] already"},
		{"TLS", tls(func(*Certificates) {}), ""},
		{"TLS without a certificate", tls(func(c *Certificates) { c.CertFile = "" }), "listeners[0].tls.cert_file: TLS needs"},
		{"TLS without a key", tls(func(c *Certificates) { c.KeyFile = "" }), "listeners[0].tls.key_file: TLS needs"},
		{"identity alone", tls(func(c *Certificates) { c.Identity = CommonName }), "listeners[0].tls.identity: it has no effect without verify_client"},
		{"a further certificate alone", tls(func(c *Certificates) { c.Others = []CertificatePair{{CertFile: "a"}} }), "listeners[0].tls.certificates[0]: a certificate needs both"},
		{"verify without CA", tls(func(c *Certificates) { c.VerifyClient = Required }), "listeners[0].tls.client_ca_file: verifying"},
		{"CA without verify", tls(func(c *Certificates) { c.CAFile = "a" }), "listeners[0].tls.client_ca_file: it has no effect"},
		{"certificates without TLS", first(func(l *Listener) { l.TLS.CertFile = "c" }), "listeners[0].tls: certificates have no effect with the protocol tcp"},
		{"path without WebSocket", first(func(l *Listener) { l.Path = "/x" }), "listeners[0].path: it has no effect with the protocol tcp"},
		{"origins without WebSocket", first(func(l *Listener) { l.Origins = []string{"*"} }), "listeners[0].origins: it has no effect"},
		{"mode without unix", first(func(l *Listener) { l.UnixMode = "0600" }), "listeners[0].unix_mode: it has no effect"},
		{"connections of statistics", func(c *Config) {
			l := NewListener("http", HTTP, "")
			l.Connections = 1
			c.Listeners = append(c.Listeners, l)
		}, "listeners[2].maximum_connections: it has no effect"},
		{"burst alone", func(c *Config) { c.Limits.Bytes.Burst = 1 }, "limits.byte_rate.burst: it has no effect without per_second"},
		{"pprof for clients", first(func(l *Listener) { l.PProf = true }), "listeners[0].pprof: it has no effect"},
		{"pprof for everybody", func(c *Config) {
			l := NewListener("http", HTTP, ":8080")
			l.PProf = true
			c.Put(l)
		}, "listeners[2].pprof: profiles are offered on a loopback address only"},
		{"pprof", func(c *Config) {
			l := NewListener("http", HTTP, "")
			l.PProf = true
			c.Put(l)
		}, ""},
		{"anonymous statistics", func(c *Config) {
			l := NewListener("http", HTTP, "")
			l.Anonymous = Nobody
			c.Put(l)
		}, "listeners[2].anonymous: it has no effect"},
		{"Redis without a place", func(c *Config) { c.Store.Engine = Redis }, "store.redis_url: engine redis needs it"},
		{"a place without Redis", func(c *Config) { c.Store.RedisURL.text = "redis://h" }, "store.redis_url: it has no effect with engine pebble"},
		{"a rule without a filter", func(c *Config) { c.Store.Topics = []TopicDurability{{Durability: OS}} }, "store.topics[0].filter: there is none"},
		{"durability of statistics", func(c *Config) {
			l := NewListener("http", HTTP, "")
			l.Durability = OS
			c.Put(l)
		}, "listeners[2].durability: it has no effect"},
		{"proxies that nobody asks for", first(func(l *Listener) { l.ProxyTrusted = []string{"10.0.0.0/8"} }), "listeners[0].proxy_trusted: it has no effect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			tt.change(c)
			err := c.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// A mistake that several keys make together is told where they stand.
func TestValidateKnowsThePlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"the key", "listeners:\n  - protocol: tcp\n    path: /x\n", "f:3:11: listeners[0].path: it has no effect"},
		{"the nearest one around", "listeners:\n  - protocol: tls\n    address: :1\n", "f:2:5: listeners[0].tls.cert_file: TLS needs"},
		{"a default", "log: {output: file}", "f:1:15: log.output: file needs a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Parse("f", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if _, ok := errors.AsType[Problems](c.Validate()); !ok {
				t.Error("no Problems")
			}
		})
	}
}

func TestSetHostMovesListenersForClients(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Put(NewListener("unix", Unix, "s.sock"))
	c.Put(NewListener("http", HTTP, ""))
	c.SetHost("::1")
	for id, want := range map[string]string{"mqtt": "[::1]:1883", "websocket": "[::1]:8083", "unix": "s.sock", "http": "127.0.0.1:8080"} {
		if got := c.Listener(id).Address; got != want {
			t.Errorf("%s at %s, want %s", id, got, want)
		}
	}
	c.Remove("mqtt")
	if c.Listener("mqtt") != nil || c.Put(Listener{ID: "unix", Address: "t.sock"}).Address != "t.sock" || len(c.Listeners) != 3 {
		t.Errorf("after Remove and Put: %+v", c.Listeners)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ word, want string }{
		{"wsprot", "wsPort"}, {"tlshost", "tlsHost"}, {"zzzzzzzzzzzz", ""}, {"workers", "workerNum"}, {"", ""},
	} {
		if got := nearest(tt.word, hmqKeys); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
