package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file.
func golden(t *testing.T, name, have string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(have), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if have != string(want) {
		t.Errorf("have\n%s\nwant, in %s,\n%s", have, name, want)
	}
}

// Each file of testdata/import leads to the file beside it, which can be read
// and says the same.
func TestImport(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/import/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".golden") {
			continue
		}
		base := filepath.Base(name)
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			broker, _, _ := strings.Cut(strings.TrimSuffix(base, filepath.Ext(base)), "-")
			imported, err := Import(broker, base, text)
			if err != nil {
				t.Fatal(err)
			}
			file := imported.File()
			golden(t, name+".golden", file)
			again, err := Parse("file", []byte(file))
			if err != nil {
				t.Fatal(err)
			}
			if changes := Changes(imported.Config, again); len(changes) > 0 {
				t.Errorf("%v differ in the file", changes)
			}
			if err := again.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ broker, text, want string }{
		{"emqx", "", `there is no import from "emqx": use hmq, gmqtt, comqtt or mosquitto`},
		{HMQ, `{"prot": "1"}`, `f:1: unknown key "prot"; did you mean "port"?`},
		{HMQ, `{"tlsPort": "1"}`, "f: tlsPort and wsTLS need tlsInfo"},
		{GMQTT, "max_inflight_message: 1", "f:1:1: max_inflight_message: there is no such key; did you mean max_inflight_messages?"},
		{GMQTT, "logging: false\nDefaults to 20. Set to 0 for no maximum.\nlistener: []\n", "f:3:1: not YAML: could not find expected ':'"},
		{GMQTT, "listener: [{protocol: coap}]", `f:1:23: listener[0].protocol: "coap" is not allowed: use mqtt, websocket or websockets`},
		{GMQTT, "listener: [{addr: ':1', certfile: c}]", "f leads to a configuration that is not valid: listeners[0].tls.key_file"},
		{Comqtt, "mqtt: {tpc: ':1'}", "f:1:8: mqtt.tpc: there is no such key; did you mean tcp?"},
		{Comqtt, "log: {level: info}", `f:1:14: log.level: "info" is not allowed: use a whole number from -100 to 100`},
		{Mosquitto, "port x\nport\nallow_anonymous perhaps\n", "3 mistakes in the configuration:\n  f:1:1: port: \"x\" is not allowed: use a whole number from 0 to 65535\n  f:2:1: port: there is no value\n"},
		{Mosquitto, "persistent_client_expiration 3\n", `f:1:1: persistent_client_expiration: "3" is not allowed`},
		{Mosquitto, "listener 1883\nprotocol http\n", `f:2:1: protocol: "http" is not allowed`},
	} {
		t.Run(tt.broker+" "+tt.text, func(t *testing.T) {
			t.Parallel()
			if _, err := Import(tt.broker, "f", []byte(tt.text)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzImport(f *testing.F) {
	for i, text := range []string{`{"port": "1", "wsPort": "2"}`, "listener: [{addr: ':1'}]", "mqtt: {tcp: ':1'}\nlog: {enable: true, output: 1}", "listener 1\ncertfile c\n"} {
		f.Add(i, []byte(text))
	}
	f.Fuzz(func(t *testing.T, broker int, text []byte) {
		kinds := Importers()
		imported, err := Import(kinds[uint(broker)%uint(len(kinds))], "f", text)
		if err != nil {
			return
		}
		again, err := Parse("file", []byte(imported.File()))
		if err != nil {
			t.Fatalf("%v\n%s", err, imported.File())
		}
		if changes := Changes(imported.Config, again); len(changes) > 0 {
			t.Errorf("%v differ in\n%s", changes, imported.File())
		}
	})
}
