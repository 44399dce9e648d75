package client

import (
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, url string
		want      Target
	}{
		{"mqtt", "mqtt://broker", Target{Scheme: "mqtt", Address: "broker:1883"}},
		{"tcp with port", "tcp://10.0.0.1:1999", Target{Scheme: "mqtt", Address: "10.0.0.1:1999"}},
		{"IPv6", "mqtt://[::1]:1999", Target{Scheme: "mqtt", Address: "[::1]:1999"}},
		{"a topic", "mqtt://broker/a/b", Target{Scheme: "mqtt", Address: "broker:1883", Path: "a/b"}},
		{"mqtts", "mqtts://broker", Target{Scheme: "mqtts", Address: "broker:8883"}},
		{"tls", "tls://broker:1", Target{Scheme: "mqtts", Address: "broker:1"}},
		{"ssl", "ssl://broker", Target{Scheme: "mqtts", Address: "broker:8883"}},
		{"ws", "ws://broker:8083", Target{Scheme: "ws", Address: "broker:8083", Path: "/mqtt"}},
		{"wss with path", "wss://broker/ws", Target{Scheme: "wss", Address: "broker:443", Path: "/ws"}},
		{"ws with query", "ws://broker/a%20b?t=1", Target{Scheme: "ws", Address: "broker:80", Path: "/a%20b?t=1"}},
		{"unix", "unix:///run/mqtt.sock", Target{Scheme: "unix", Address: "/run/mqtt.sock"}},
		{"unix relative", "unix://run/mqtt.sock", Target{Scheme: "unix", Address: "run/mqtt.sock"}},
		{"unix without slashes", "unix:mqtt.sock", Target{Scheme: "unix", Address: "mqtt.sock"}},
		{"credentials", "mqtt://me:p%40ss@broker", Target{Scheme: "mqtt", Address: "broker:1883", Username: "me", Password: "p@ss", HasUser: true, HasPass: true}},
		{"user alone", "mqtt://me@broker", Target{Scheme: "mqtt", Address: "broker:1883", Username: "me", HasUser: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseURL(tt.url)
			if err != nil || got != tt.want {
				t.Errorf("have %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url string }{
		{"nothing", ""},
		{"no scheme", "broker:1883"},
		{"another scheme", "http://broker"},
		{"no host", "mqtt://"},
		{"unix without path", "unix://"},
		{"a bad port", "mqtt://u:secret@broker:port"},
		{"a bad escape", "mqtt://u:secret@broker/%zz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseURL(tt.url)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
