package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

var pair = Certificates{CertFile: "cert.pem", KeyFile: "key.pem", MinimumVersion: "1.2"}

func TestImportHMQ(t *testing.T) {
	t.Parallel()
	const tls = `"tlsInfo": {"certFile": "cert.pem", "keyFile": "key.pem"}`
	verified := Certificates{CertFile: "cert.pem", KeyFile: "key.pem", CAFile: "ca.pem", VerifyClient: Required, MinimumVersion: "1.2"}
	for _, tt := range []struct {
		name, text string
		want       []Listener
		workers    int
	}{
		{"nothing", `{}`, Default().Listeners, 0},
		{"workers", `{"workerNum": 4096}`, Default().Listeners, 4096},
		{"host alone", `{"host": "127.0.0.1"}`, []Listener{
			{ID: "mqtt", Protocol: TCP, Address: "127.0.0.1:1883"},
			{ID: "websocket", Protocol: WebSocket, Address: "127.0.0.1:8083", Path: "/mqtt"},
		}, 0},
		{"port as a string", `{"port": "1999"}`, []Listener{{ID: "mqtt", Protocol: TCP, Address: "0.0.0.0:1999"}}, 0},
		{"port as a number", `{"port": 1999, "host": "::1"}`, []Listener{{ID: "mqtt", Protocol: TCP, Address: "[::1]:1999"}}, 0},
		{"no plain port", `{"port": "", "tlsPort": "8883", ` + tls + `}`, []Listener{{ID: "mqtts", Protocol: TLS, Address: "0.0.0.0:8883", TLS: pair}}, 0},
		{
			"mutual TLS", `{"tlsPort": "8883", "tlsHost": "10.0.0.1", "tlsInfo": {"verify": true, "caFile": "ca.pem", "certFile": "cert.pem", "keyFile": "key.pem"}}`,
			[]Listener{{ID: "mqtts", Protocol: TLS, Address: "10.0.0.1:8883", TLS: verified}},
			0,
		},
		{
			"a CA that is not used", `{"tlsPort": "8883", "tlsInfo": {"verify": false, "caFile": "ca.pem", "certFile": "cert.pem", "keyFile": "key.pem"}}`,
			[]Listener{{ID: "mqtts", Protocol: TLS, Address: "0.0.0.0:8883", TLS: pair}},
			0,
		},
		{"websocket", `{"wsPort": "1888", "wsPath": "/ws"}`, []Listener{{ID: "websocket", Protocol: WebSocket, Address: "0.0.0.0:1888", Path: "/ws"}}, 0},
		{"websocket without path", `{"wsPort": 1888, "host": "127.0.0.1"}`, []Listener{{ID: "websocket", Protocol: WebSocket, Address: "127.0.0.1:1888", Path: "/mqtt"}}, 0},
		{"websocket over TLS", `{"wsPort": "1888", "wsTLS": true, ` + tls + `}`, []Listener{{ID: "websocket", Protocol: WebSockets, Address: "0.0.0.0:1888", Path: "/mqtt", TLS: pair}}, 0},
		{"ACL off", `{"port": "1999", "acl": false, "aclConf": "acl.conf"}`, []Listener{{ID: "mqtt", Protocol: TCP, Address: "0.0.0.0:1999"}}, 0},
		{"byte order mark", "\ufeff" + `{"port": "1999"}`, []Listener{{ID: "mqtt", Protocol: TCP, Address: "0.0.0.0:1999"}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			if err := c.importHMQ("hmq.json", []byte(tt.text)); err != nil {
				t.Fatal(err)
			}
			for i := range tt.want {
				l := &tt.want[i]
				l.HandshakeTimeout, l.TCPKeepAlive = 10*time.Second, 15*time.Second
				l.TLS.MinimumVersion = "1.2"
			}
			if !reflect.DeepEqual(c.Listeners, tt.want) || c.Workers != tt.workers {
				t.Errorf("have %+v and %d workers, want %+v and %d", c.Listeners, c.Workers, tt.want, tt.workers)
			}
			if err := c.Validate(); err != nil {
				t.Errorf("not valid: %v", err)
			}
		})
	}
}

func TestImportHMQRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"a slip in a key", "{\n \"port\": \"1883\",\n \"wsprot\": \"1888\"}", `hmq.json:3: unknown key "wsprot"; did you mean "wsPort"?`},
		{"another case", `{"PORT": "1883"}`, `did you mean "port"?`},
		{"a slip inside tlsInfo", "{\n\"tlsInfo\": {\n\"verfy\": true}}", `hmq.json:3: unknown key "tlsInfo.verfy"; did you mean "verify"?`},
		{"a strange key", `{"plugins": {}}`, `unknown key "plugins"; known keys: workerNum, port,`},
		{"a key twice", `{"port": "1", "port": "2"}`, `key "port" comes twice`},
		{"a port out of range", `{"port": "65536"}`, `key "port" is "65536", want a port number`},
		{"a port in words", `{"port": "mqtt"}`, `want a port number`},
		{"half a port", `{"port": 18.83}`, `want a port number`},
		{"no port", `{"port": null}`, `want a port number`},
		{"host is a number", `{"host": 1}`, `key "host" is 1, want a string`},
		{"wsTLS in words", `{"wsTLS": "yes"}`, `key "wsTLS" is "yes", want true or false`},
		{"a path without a slash", `{"wsPort": "1", "wsPath": "ws"}`, `key "wsPath" is "ws", want a path like "/ws"`},
		{"workers in words", `{"workerNum": "many"}`, "want a number of workers"},
		{"negative workers", `{"workerNum": -1}`, "want a number of workers"},
		{"TLS without a pair", `{"tlsPort": "8883"}`, "need tlsInfo with certFile and keyFile"},
		{"wss without a pair", `{"wsPort": "1888", "wsTLS": true}`, "need tlsInfo with certFile and keyFile"},
		{"verify without a CA", `{"tlsPort": "8883", "tlsInfo": {"verify": true, "certFile": "c", "keyFile": "k"}}`, "needs tlsInfo.caFile"},
		{"tlsInfo is no object", `{"tlsInfo": "cert.pem"}`, "want an object"},
		{"a list", `[]`, "want an object"},
		{"nothing at all", ``, "ends too early"},
		{"half an object", "{\n\"port\": \"1883\",\n", "hmq.json:2: "},
		{"a trailing comma", `{"port": "1883",}`, "hmq.json:1: "},
		{"something behind", `{} {}`, "behind the closing }"},
		{"YAML", "port: 1883\n", "hmq.json:1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			err := c.importHMQ("hmq.json", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "hmq.json") {
				t.Errorf("error %v, want one of hmq.json with %q", err, tt.want)
			}
		})
	}
}

// The ACL file decides about every client, as in hmq; without one the rule for
// anonymous clients stays the default.
func TestHMQAccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, file, anonymous string }{
		{`{"port": "1"}`, "", ""},
		{`{"port": "1", "acl": false, "aclConf": "a"}`, "", ""},
		{`{"port": "1", "acl": true}`, "conf/acl.conf", Everybody},
		{`{"port": "1", "acl": true, "aclConf": "a"}`, "a", Everybody},
		{`{"port": "1", "aclConf": "a"}`, "a", Everybody},
	} {
		c := Default()
		if err := c.importHMQ("f", []byte(tt.text)); err != nil || c.Access.ACLFile != tt.file || c.Access.Anonymous != tt.anonymous {
			t.Errorf("%s: %+v, %v", tt.text, c.Access, err)
		}
	}
}

func FuzzImportHMQ(f *testing.F) {
	f.Add([]byte(`{"port": "1883", "tlsInfo": {"verify": true}}`))
	f.Add([]byte(`{"workerNum": 1, "wsPort": 1888, "wsTLS": false, "acl": false}`))
	f.Add([]byte("{\"port\"\n:"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Default()
		if c.importHMQ("f", text) == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("accepted %q, but it is not valid: %v", text, err)
			}
		}
	})
}
