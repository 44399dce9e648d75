package config

import (
	"strings"
	"testing"
)

func TestValidateNamesTheMistake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(c *Config)
		want   string
	}{
		{"defaults", func(*Config) {}, ""},
		{"no listener", func(c *Config) { c.Listeners = nil }, "no listener"},
		{"only statistics", func(c *Config) { c.Listeners = []Listener{{ID: "http", Protocol: HTTP, Address: ":80"}} }, "no listener"},
		{"no data directory", func(c *Config) { c.DataDir = "" }, "data directory"},
		{"log level", func(c *Config) { c.Log.Level = "loud" }, `log level "loud"`},
		{"log format", func(c *Config) { c.Log.Format = "xml" }, `log format "xml"`},
		{"timeout", func(c *Config) { c.ShutdownTimeout = -1 }, "shutdown timeout"},
		{"address", func(c *Config) { c.Listeners[0].Address = "1883" }, "listener mqtt: address"},
		{"port", func(c *Config) { c.Listeners[0].Address = ":99999" }, "listener mqtt: port"},
		{"unix path", func(c *Config) { c.Put(Listener{ID: "unix", Protocol: Unix, Address: "s.sock"}) }, ""},
		{"TLS without a certificate", func(c *Config) { c.Listeners[0].Protocol = TLS }, "needs a certificate"},
		{"TLS without a key", func(c *Config) { c.Listeners[0].TLS = &Certificates{CertFile: "c"} }, "both"},
		{"verify without CA", func(c *Config) {
			c.Listeners[0].TLS = &Certificates{CertFile: "c", KeyFile: "k", VerifyClient: true}
		}, "CA file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			tt.change(c)
			err := c.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSetHostMovesListenersForClients(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Put(Listener{ID: "unix", Protocol: Unix, Address: "s.sock"})
	c.Put(Listener{ID: "http", Protocol: HTTP, Address: "127.0.0.1:8080"})
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
