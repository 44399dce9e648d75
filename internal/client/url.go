package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Target is a parsed URL: where to connect and how.
type Target struct {
	Scheme   string // mqtt, mqtts, ws, wss or unix
	Address  string // host:port, or the path of the Unix socket
	Path     string // what ws and wss ask for; else the URL's path without its slash, a topic for commands
	Username string
	Password string
	HasUser  bool
	HasPass  bool
}

// schemes maps the spellings of a scheme to ours, and to its default port.
var schemes = map[string]struct{ name, port string }{
	"mqtt": {"mqtt", "1883"}, "tcp": {"mqtt", "1883"},
	"mqtts": {"mqtts", "8883"}, "tls": {"mqtts", "8883"}, "ssl": {"mqtts", "8883"},
	"ws": {"ws", "80"}, "wss": {"wss", "443"},
}

// ParseURL understands mqtt:// and tcp://, mqtts://, tls:// and ssl://, ws://
// and wss:// with the path /mqtt unless another is given, and unix:///path. User
// name and password may stand before the host.
func ParseURL(raw string) (Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Target{}, fmt.Errorf("URL %q: %w", redact(raw), withoutURL(err))
	}
	if u.Scheme == "unix" {
		return parseUnix(u, raw)
	}
	scheme, ok := schemes[u.Scheme]
	if !ok || u.Hostname() == "" {
		return Target{}, fmt.Errorf("URL %q: write mqtt://host:1883, mqtts://host:8883, ws://host:8083/mqtt, wss://host/mqtt or unix:///path/to/socket", redact(raw))
	}
	t := Target{Scheme: scheme.name, Address: net.JoinHostPort(u.Hostname(), scheme.port), Path: u.Path}
	if port := u.Port(); port != "" {
		t.Address = net.JoinHostPort(u.Hostname(), port)
	}
	if !t.webSocket() {
		t.Path = strings.TrimPrefix(t.Path, "/")
	} else if t.Path == "" {
		t.Path = "/mqtt"
	}
	if u.RawQuery != "" && t.webSocket() {
		t.Path = u.EscapedPath() + "?" + u.RawQuery
	}
	t.HasUser = u.User != nil
	t.Username = u.User.Username()
	t.Password, t.HasPass = u.User.Password()
	return t, nil
}

func parseUnix(u *url.URL, raw string) (Target, error) {
	path := u.Host + u.Path // unix://relative/path has its first element in Host
	if path == "" {
		path = u.Opaque // unix:path
	}
	if path == "" {
		return Target{}, fmt.Errorf("URL %q: write unix:///path/to/socket", raw)
	}
	return Target{Scheme: "unix", Address: path}, nil
}

func (t *Target) webSocket() bool { return t.Scheme == "ws" || t.Scheme == "wss" }

// withoutURL drops the repetition of the URL, which may hold a password.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// redact hides a password in a URL that is about to be shown.
func redact(raw string) string {
	at := strings.LastIndexByte(raw, '@')
	start := strings.Index(raw, "://")
	if at < 0 || start < 0 || at < start {
		return raw
	}
	return raw[:start+3] + "..." + raw[at:]
}
