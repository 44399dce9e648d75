package app

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// summary is what a user needs to know after the start.
type summary struct {
	version   string
	places    [][2]string // what is spoken, and at which URL
	urls      []string
	try       []string // commands
	access    string
	open      []string // listeners that admit everybody
	users     bool     // those of files are admitted and nobody else
	local     bool     // clients of this machine are admitted and nobody else
	admin     string   // the management API, "" if it is off
	adminURL  string
	dataDir   string
	openFiles uint64
}

// spoken says in words what a protocol is.
var spoken = map[string]string{
	config.TCP: "MQTT", config.TLS: "MQTT over TLS", config.WebSocket: "WebSocket", config.WebSockets: "WebSocket over TLS",
	config.Unix: "MQTT on a Unix socket", config.HTTP: "statistics, health",
}

// urlSchemes are the schemes of the URLs that the commands understand.
var urlSchemes = map[string]string{
	config.TCP: "mqtt", config.TLS: "mqtts", config.WebSocket: "ws", config.WebSockets: "wss", config.Unix: "unix", config.HTTP: "http",
}

func summarise(cfg *config.Config, srv *mqtt.Server) summary {
	s := summary{version: version(), dataDir: cfg.DataDir}
	s.openFiles, _ = openFiles()
	for _, l := range srv.Listeners() {
		c := cfg.Listener(l.ID())
		if c == nil {
			continue // of nobody's configuration
		}
		address, everywhere := reachableAt(l.Address())
		path := c.Path
		if path == "*" {
			path = config.DefaultWSPath // as good as any
		}
		url := urlSchemes[c.Protocol] + "://" + address + path
		s.urls = append(s.urls, url)
		if everywhere {
			url += "   (at every address of this machine)"
		}
		s.places = append(s.places, [2]string{spoken[c.Protocol], url})
		if s.try == nil && (c.Protocol == config.TCP || c.Protocol == config.WebSocket || c.Protocol == config.Unix) {
			target := connectArgs(c.Protocol, l.Address(), path)
			s.try = []string{
				"linnet sub" + target + " -t 'hello/#' -v",
				"linnet pub" + target + " -t hello/world -m hi",
			}
		}
	}
	s.admitted(cfg)
	return s
}

// admitted fills in who is let in.
func (s *summary) admitted(cfg *config.Config) {
	local, all := false, true
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		switch rule := cfg.AnonymousAt(l); {
		case !l.ForClients():
		case rule == config.Everybody:
			s.open = append(s.open, l.ID)
		default:
			all = false
			local = local || rule == config.Loopback
		}
	}
	switch {
	case cfg.KnowsUsers() && len(s.open) == 0 && !local:
		known := []string{cfg.Access.PasswordFile, cfg.Access.LedgerFile}
		if cfg.KnowsCertificates() {
			known = append(known, "certificates")
		}
		s.access = "users of " + strings.Join(slices.DeleteFunc(known, func(f string) bool { return f == "" }), " and ")
		s.users = true
	case all:
		s.access = "EVERYBODY, without asking who it is"
	case len(s.open) > 0:
		s.access = "EVERYBODY at " + strings.Join(s.open, ", ") + ", without asking who it is"
	case local:
		s.local = true
		s.access = "clients of this machine only; --allow-anonymous admits everybody"
	default:
		s.access = "nobody: access.anonymous says so, and there are no other rules"
	}
}

// connectArgs are the arguments that lead pub and sub to a listener.
func connectArgs(protocol, address, path string) string {
	if protocol == config.Unix {
		return " -L unix://" + address
	}
	address, _ = reachableAt(address)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	switch {
	case protocol == config.WebSocket:
		return " -L ws://" + net.JoinHostPort(host, port) + path
	case host == "localhost" && port == "1883":
		return ""
	case host == "localhost" || host == "127.0.0.1":
		return " -p " + port
	}
	return " -h " + host + " -p " + port
}

// reachableAt is an address for this machine's programs: localhost for a
// listener at every address.
func reachableAt(address string) (reachable string, everywhere bool) {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port), true
	}
	return address, false
}

// block is the summary for people.
func (s *summary) block() string {
	var b strings.Builder
	width := 0
	for _, p := range s.places {
		width = max(width, len(p[0]))
	}
	line := func(name, value string) { fmt.Fprintf(&b, "  %-*s  %s\n", max(width, 10), name, value) }
	fmt.Fprintf(&b, "\nLinnet %s is ready.\n\n", s.version)
	for _, p := range s.places {
		line(p[0], p[1])
	}
	line("admitted", s.access)
	if s.admin != "" {
		line("management", s.admin)
	}
	line("data", s.dataDir)
	if s.openFiles > 0 {
		line("open files", "at most "+strconv.FormatUint(s.openFiles, 10))
	}
	if len(s.try) > 0 {
		b.WriteString("\nTry it in two other terminals:\n\n")
		for _, command := range s.try {
			b.WriteString("  " + command + "\n")
		}
	}
	b.WriteString("\nStop it with Ctrl-C.\n\n")
	return b.String()
}
