package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// All mistakes of a file come at once, in its order, with what is allowed.
func TestMistakesInFiles(t *testing.T) {
	t.Parallel()
	const logKeys = "(known here: compress, file, format, level, maximum_age, maximum_backups, maximum_size, output)"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "log:\n  levell: debug\n", []string{
			"f:2:3: log.levell: there is no such key; did you mean level? " + logKeys,
		}},
		{"unknown key at the top", "log_level: debug", []string{
			"f:1:1: log_level: there is no such key (known here: access, admin, capabilities, data_dir, limits, listeners, log, notices, profile, queues, sessions, shutdown_timeout, store, sys)",
		}},
		{"unknown key of a listener", "listeners:\n  - protocol: tcp\n    address_: :1\n", []string{
			"f:3:5: listeners[0].address_: there is no such key; did you mean address? (known here: address, anonymous, durability, handshake_timeout, id, maximum_connections, origins, path, pprof, protocol, proxy_protocol, proxy_trusted, tcp_keep_alive, tls, unix_mode)",
		}},
		{"merging", "sys: &s {interval: 1s}\nlog: {<<: *s}\n", []string{
			"f:2:7: log.<<: merging with << is not supported: repeat the keys " + logKeys,
		}},
		{"a key twice", "sys:\n  interval: 1s\n  interval: 2s\n", []string{"f:3:3: sys.interval: the key stands in line 2 already: leave one of them"}},
		{"a key that is a list", "[a]: 1", []string{
			"f:1:1: a key that is a list: use data_dir, shutdown_timeout, listeners, access, admin, capabilities, limits, sessions, queues, store, notices, sys, log or profile",
		}},
		{"a word that is not allowed", "log: {level: loud}", []string{`f:1:14: log.level: "loud" is not allowed: use debug, info, warn or error`}},
		{"a number too large", "capabilities: {maximum_qos: 3}", []string{`f:1:29: capabilities.maximum_qos: "3" is not allowed: use a whole number from 0 to 2`}},
		{"a number in quotes", `capabilities: {maximum_qos: "2"}`, []string{`f:1:29: capabilities.maximum_qos: "2" is a text: use a whole number from 0 to 2, without quotes`}},
		{"a number with a fraction", "capabilities: {receive_maximum: 1.5}", []string{`f:1:33: capabilities.receive_maximum: "1.5" is not allowed: use a whole number from 1 to 65535`}},
		{"a boolean of old", "capabilities: {retain_available: yes}", []string{`f:1:34: capabilities.retain_available: "yes" is not allowed: use true or false`}},
		{"a duration without unit", "shutdown_timeout: 10", []string{`f:1:19: shutdown_timeout: "10" is not allowed: use a duration from 0s to 1d, like 10s, 5m or 1h30m`}},
		{"a fraction of a second", "sys: {interval: 1500ms}", []string{`f:1:17: sys.interval: "1500ms" is not allowed: use a duration from 1s to 1d, like 10s, 5m or 1h30m, in whole seconds, or off`}},
		{"a size without sense", "limits: {memory_budget: much}", []string{`f:1:25: limits.memory_budget: "much" is not allowed: use a size from 1MiB to 9223372036854775807B, like 64KiB or 1MiB, or none`}},
		{"no value", "data_dir:\n", []string{"f:1:10: data_dir: there is no value: use a path, or leave the key out"}},
		{"a list instead of a value", "data_dir: [a]", []string{"f:1:11: data_dir: this is a list: use a path"}},
		{"a mapping instead of a value", "data_dir: {a: b}", []string{"f:1:11: data_dir: this is a mapping: use a path"}},
		{"a value instead of a mapping", "sys: 10s", []string{"f:1:6: sys: this is a single value: use a mapping with the keys interval"}},
		{"a value instead of listeners", "listeners: tcp", []string{"f:1:12: listeners: this is a single value: use a list of mappings, one for each listener, each behind a dash"}},
		{"a value instead of a listener", "listeners: [tcp]", []string{
			"f:1:13: listeners[0]: this is a single value: use a mapping with the keys id, protocol, address, anonymous, path, origins, proxy_protocol, proxy_trusted, handshake_timeout, tcp_keep_alive, durability, maximum_connections, unix_mode, pprof or tls",
		}},
		{"a value instead of a list of texts", "listeners: [{proxy_trusted: all}]", []string{
			"f:1:29: listeners[0].proxy_trusted: this is a single value: use a list of networks like 10.0.0.0/8, like [a, b]",
		}},
		{"one bad text of a list", "listeners: [{proxy_trusted: [10.0.0.0/8, all, [x]]}]", []string{
			"2 mistakes in the configuration:",
			`  f:1:42: listeners[0].proxy_trusted[1]: "all" is not allowed: use networks like 10.0.0.0/8`,
			"  f:1:47: listeners[0].proxy_trusted[2]: this is a list: use networks like 10.0.0.0/8",
		}},
		{"many at once", "sys:\n  interval: never\nlog:\n  level: loud\n  fiel: x\ndata_dirr: x\n", []string{
			"4 mistakes in the configuration:",
			`  f:2:13: sys.interval: "never" is not allowed: use a duration from 1s to 1d, like 10s, 5m or 1h30m, in whole seconds, or off`,
			`  f:4:10: log.level: "loud" is not allowed: use debug, info, warn or error`,
			"  f:5:3: log.fiel: there is no such key; did you mean file? " + logKeys,
			"  f:6:1: data_dirr: there is no such key; did you mean data_dir? (known here: access, admin, capabilities, data_dir, limits, listeners, log, notices, profile, queues, sessions, shutdown_timeout, store, sys)",
		}},
		{"not YAML", "sys: [\n", []string{"f:2:1: not YAML: did not find expected node content"}},
		{"tabs", "sys:\n\tinterval: 1s\n", []string{"f:2:1: not YAML: found character that cannot start any token"}},
		{"an unknown alias", "sys: *s", []string{"f:1:6: not YAML: unknown anchor 's' referenced"}},
		{"two documents", "sys: {interval: 1s}\n---\nsys: {interval: 1s}\n", []string{"f: more than one document: leave one, without --- between"}},
		{"UTF-16", "\xff\xfes\x00y\x00s\x00:\x00 \x001\x00", nil},
		{"another broker's", "mqtt:\n  tcp: :1883\n", []string{
			"2 mistakes in the configuration:",
			"  f: this looks like a file of comqtt: linnet config import comqtt f prints the equivalent",
			"  f:1:1: mqtt: there is no such key (known here: access, admin, capabilities, data_dir, limits, listeners, log, notices, profile, queues, sessions, shutdown_timeout, store, sys)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("f", []byte(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if want := strings.Join(tt.want, "\n"); tt.want != nil && err.Error() != want {
				t.Errorf("have\n%s\nwant\n%s", err, want)
			}
		})
	}
}

func TestFilesThatAreFine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		change     func(c *Config)
	}{
		{"empty", "", func(*Config) {}},
		{"comments", "# nothing\n", func(*Config) {}},
		{"everything commented out", "log:\n  # level: debug\nsys:\n", func(*Config) {}},
		{"a part of a mapping", "log: {level: debug}", func(c *Config) { c.Log.Level = "debug" }},
		{"words for zero", "sys: {interval: off}\nlog: {maximum_size: none}", func(c *Config) { c.Sys.Interval, c.Log.MaximumSize = 0, 0 }},
		{"JSON inside", `log: {"level": "debug", "compress": true}`, func(c *Config) { c.Log.Level, c.Log.Compress = "debug", true }},
		{"a version that looks like a number", "capabilities: {minimum_protocol_version: 3.1}", func(*Config) {}},
		{"byte order mark", "\ufeffdata_dir: x", func(c *Config) { c.DataDir = "x" }},
		{"anchors", "listeners:\n- {protocol: tls, tls: &t {cert_file: c, key_file: k}}\n- {protocol: wss, tls: *t}", func(c *Config) {
			c.Listeners = []Listener{NewListener("mqtts", TLS, ""), NewListener("websockets", WebSockets, "")}
			for i := range c.Listeners {
				c.Listeners[i].TLS.CertFile, c.Listeners[i].TLS.KeyFile = "c", "k"
			}
		}},
		{"names of listeners", "listeners: [{}, {id: mqtt, address: ':1'}, {protocol: tcp, address: ':2'}]", func(c *Config) {
			c.Listeners = []Listener{NewListener("mqtt-2", TCP, ""), NewListener("mqtt", TCP, ":1"), NewListener("mqtt-3", TCP, ":2")}
		}},
		{"lists of texts", "listeners: [{protocol: ws, origins: ['*', https://a.example], proxy_protocol: true, proxy_trusted: [10.0.0.0/8]}]", func(c *Config) {
			l := NewListener("websocket", WebSocket, "")
			l.Origins, l.ProxyProtocol, l.ProxyTrusted = []string{"*", "https://a.example"}, true, []string{"10.0.0.0/8"}
			c.Listeners = []Listener{l}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Parse("f", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			tt.change(want)
			c.places = want.places
			if !reflect.DeepEqual(c, want) {
				t.Errorf("have %+v\nwant %+v", c, want)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		environ []string
		change  func(c *Config)
	}{
		{"nothing", []string{"HOME=/", "LINNET_LOG_LEVEL="}, func(*Config) {}},
		{"a key", []string{"LINNET_LOG_LEVEL=debug"}, func(c *Config) { c.Log.Level = "debug" }},
		{"a key with many words", []string{"LINNET_CAPABILITIES_COMPATIBILITIES_OBSCURE_NOT_AUTHORIZED=true"}, func(c *Config) {
			c.Capabilities.Compatibilities.ObscureNotAuthorized = true
		}},
		{"a default listener", []string{"LINNET_LISTENERS_1_ADDRESS=:9", "LINNET_LISTENERS_1_ORIGINS=https://a.example, null"}, func(c *Config) {
			c.Listeners[1].Address, c.Listeners[1].Origins = ":9", []string{"https://a.example", "null"}
		}},
		{"one more listener", []string{"LINNET_LISTENERS_2_TLS_CERT_FILE=c", "LINNET_LISTENERS_2_PROTOCOL=tls"}, func(c *Config) {
			c.Put(NewListener("mqtts", TLS, "")).TLS.CertFile = "c"
		}},
		{"the list as a whole, then a part", []string{"LINNET_LISTENERS_0_ADDRESS=:2", "LINNET_LISTENERS=[{protocol: ws, address: ':1'}]"}, func(c *Config) {
			c.Listeners = []Listener{NewListener("websocket", WebSocket, ":2")}
		}},
		{"a mapping", []string{"LINNET_SYS={interval: 3s}"}, func(c *Config) { c.Sys.Interval = 3 * time.Second }},
		{"many listeners", []string{
			"LINNET_LISTENERS_10_ADDRESS=:1", "LINNET_LISTENERS_9_ADDRESS=:1",
			"LINNET_LISTENERS=[{id: a},{id: b},{id: c},{id: d},{id: e},{id: f},{id: g},{id: h},{id: i}]",
		}, func(c *Config) {
			c.Listeners = nil
			for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
				c.Put(NewListener(id, TCP, ""))
			}
			c.Put(NewListener("mqtt", TCP, ":1"))
			c.Put(NewListener("mqtt-2", TCP, ":1"))
		}},
		{"what Kubernetes says of a service", []string{
			"LINNET_SERVICE_HOST=10.0.0.1", "LINNET_SERVICE_PORT=1883", "LINNET_SERVICE_PORT_MQTT=1883", "LINNET_PORT=tcp://10.0.0.1:1883",
			"LINNET_PORT_1883_TCP=tcp://10.0.0.1:1883", "LINNET_PORT_1883_TCP_ADDR=10.0.0.1", "LINNET_MQTT_SERVICE_HOST=10.0.0.1",
			"LINNET_MQTT_PORT_1883_TCP_PROTO=tcp",
		}, func(*Config) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Load("", tt.environ)
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			tt.change(want)
			c.places = want.places
			if !reflect.DeepEqual(c, want) {
				t.Errorf("have %+v\nwant %+v", c, want)
			}
		})
	}
}

func TestMistakesInTheEnvironment(t *testing.T) {
	t.Parallel()
	const rule = " (the name is LINNET_ and the path of a key of the file, in upper case and with _ between)"
	for _, tt := range []struct{ environ, want string }{
		{"LINNET_LOG_LEVEL=loud", `LINNET_LOG_LEVEL: log.level: "loud" is not allowed: use debug, info, warn or error`},
		{"LINNET_LOG_LEVELL=debug", "LINNET_LOG_LEVELL: there is no such setting; did you mean LINNET_LOG_LEVEL?" + rule},
		{"LINNET_LISTENERS_3_PROTOCOL=tls", "LINNET_LISTENERS_3_PROTOCOL: listeners: there are 2 entries, so the next listener has the number 2"},
		{"LINNET_LISTENERS_2_PROTOKOL=tls", "LINNET_LISTENERS_2_PROTOKOL: there is no such setting; did you mean LINNET_LISTENERS_0_PROTOCOL?" + rule},
		{"LINNET_LISTENERS_01_PROTOCOL=tls", "LINNET_LISTENERS_01_PROTOCOL: there is no such setting; did you mean LINNET_LISTENERS_0_PROTOCOL?" + rule},
		{"LINNET_SYS=10s", "LINNET_SYS: sys: this is a single value: use a mapping with the keys interval"},
		{"LINNET_SYS=[", "LINNET_SYS: sys: not YAML: did not find expected node content"},
		{"LINNET_LISTENERS_0_PROXY_TRUSTED=10.0.0.0/8,all", `LINNET_LISTENERS_0_PROXY_TRUSTED: listeners[0].proxy_trusted[1]: "all" is not allowed: use networks like 10.0.0.0/8`},
	} {
		t.Run(tt.environ, func(t *testing.T) {
			t.Parallel()
			if _, err := Load("", []string{tt.environ}); err == nil || err.Error() != tt.want {
				t.Errorf("have %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Every key has its own variable.
func TestEnvironmentNamesAreUnique(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for _, e := range Reference() {
		if other, twice := keys[e.Environment]; twice {
			t.Errorf("%s is the variable of %s and of %s", e.Environment, other, e.Key)
		}
		keys[e.Environment] = e.Key
		if foreign.MatchString(e.Environment) {
			t.Errorf("%s is not read: it looks like one of Kubernetes", e.Environment)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ours, theirs := file("ours.yaml", "log: {level: warn}\nsys: {interval: 5s}\n"), file("hmq.json", ` {"port": "1999"}`)
	if _, err := Load(filepath.Join(dir, "missing"), nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a missing file: %v", err)
	}
	c, err := Load(ours, []string{"LINNET_LOG_LEVEL=error", FileVariable + "=none"})
	if err != nil || c.Log.Level != "error" || c.Sys.Interval != 5*time.Second {
		t.Errorf("a file below the environment: %v, %+v", err, c)
	}
	if c, err = Load("", []string{FileVariable + "=" + ours}); err != nil || c.Log.Level != "warn" {
		t.Errorf("a file that the environment names: %v, %+v", err, c)
	}
	if c, err = Load(theirs, []string{"LINNET_LISTENERS_0_ADDRESS=:1"}); err != nil || len(c.Listeners) != 1 || c.Listeners[0].Address != ":1" {
		t.Errorf("a file of hmq: %v, %+v", err, c)
	}
	if _, err = Load(file("both", "log: {level: loud}"), []string{"LINNET_SYS_INTERVAL=x"}); err == nil || !strings.HasPrefix(err.Error(), "2 mistakes") {
		t.Errorf("mistakes in file and environment: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(DefaultFile()))
	f.Add([]byte("listeners: [{protocol: tls, tls: &a {cert_file: c}}, {tls: *a}]"))
	f.Add([]byte("listeners: []"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? {a: b}\n: - c\n"))
	f.Add([]byte("log:\n  level: !!binary aGk=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("f", text)
		if err != nil {
			return
		}
		_ = c.Validate() // it may find mistakes, but ends
		again, err := Parse("again", []byte(written(c)))
		if err != nil {
			if _, ok := errors.AsType[Problems](c.Validate()); ok {
				return
			}
			t.Fatalf("what was read is written so that it cannot be read: %v\n%s", err, written(c))
		}
		if changes := Changes(c, again); len(changes) > 0 {
			t.Errorf("%+v changed when written and read again:\n%s", changes, written(c))
		}
	})
}

// written is a configuration as a file.
func written(c *Config) string { return (&Imported{Config: c}).File() }
