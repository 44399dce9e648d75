package config

import (
	"bufio"
	"bytes"
	"cmp"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// mosquittoFile is what is gathered from a mosquitto.conf.
type mosquittoFile struct {
	im       *Imported
	problems Problems
	at       place // of the line being read

	listeners []mosquittoListener // the default listener first
	explicit  bool                // there is a line "listener"
	anonymous string              // allow_anonymous, "" if not given
	locked    string              // the setting that brings rules we do not have
	log       []string            // log_dest
	levels    []string            // log_type
}

type mosquittoListener struct {
	port, host, socket string
	protocol           string
	tls                Certificates
	anonymous          string
	connections        int
}

// mosquittoSetting handles one setting: l is the listener that it belongs to.
type mosquittoSetting func(m *mosquittoFile, l *mosquittoListener, value string)

// mosquitto reads a mosquitto.conf.
func (im *Imported) mosquitto(text []byte) error {
	m := &mosquittoFile{im: im, listeners: make([]mosquittoListener, 1)}
	im.Config.Capabilities.MaximumInflight = 20
	im.Config.Queues.DurableMaximumMessages = 1000
	if !utf8.Valid(text) {
		return Problems{{At: im.name, Text: "the file is not in UTF-8: convert it"}}
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for n := 1; lines.Scan(); n++ {
		m.at = place{file: im.name, line: n, column: 1}
		m.line(strings.TrimSpace(lines.Text()))
	}
	if err := m.problems.err(); err != nil {
		return err
	}
	m.finish()
	return nil
}

// line handles one line.
func (m *mosquittoFile) line(line string) {
	if line == "" || strings.HasPrefix(line, "#") {
		return
	}
	name, value, _ := strings.Cut(line, " ")
	value = strings.TrimSpace(value)
	set, known := mosquittoSettings[name]
	why, refused := mosquittoMisses[name]
	switch {
	case known && value == "":
		m.problems.add(m.at, name, "there is no value")
	case known:
		set(m, &m.listeners[len(m.listeners)-1], value)
	case refused:
		m.im.miss("line %d, %s: %s.", m.at.line, name, why)
	default:
		m.im.miss("line %d, %s: Linnet has no such setting.", m.at.line, name)
	}
}

// bool reads true or false.
func (m *mosquittoFile) bool(name, value string) bool {
	if value != "true" && value != "false" {
		m.problems.add(m.at, name, "%q is not allowed: use true or false", value)
	}
	return value == "true"
}

// number reads a whole number.
func (m *mosquittoFile) number(name, value string, most int64) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 || n > most {
		m.problems.add(m.at, name, "%q is not allowed: use a whole number from 0 to %d", value, most)
		return 0
	}
	return n
}

// finish makes listeners and access of what was gathered.
func (m *mosquittoFile) finish() {
	c := m.im.Config
	first := &m.listeners[0]
	local := !m.explicit && first.port == ""
	c.Listeners = nil
	for i := range m.listeners {
		if l := &m.listeners[i]; i > 0 || !m.explicit || l.port != "" {
			m.listener(l, local)
		}
	}
	switch {
	case m.locked != "":
		for i := range c.Listeners {
			c.Listeners[i].Anonymous = ""
		}
		m.im.miss("%s: there is no equivalent of these rules. Write them into an ACL file or ledger of Linnet's. Until then this file admits clients of this machine, without a password, and nobody else.", m.locked)
		c.Access.PasswordFile = ""
	case c.Access.PasswordFile != "" && m.anonymous != "true": // as Linnet's default
	case m.anonymous == "" && local: // as Linnet's default
	case m.anonymous == "true":
		c.Access.Anonymous = Everybody
		m.im.note("access.anonymous", "Mosquitto admits everybody here. Linnet's default is loopback: clients of this machine only.")
	default:
		c.Access.Anonymous = Nobody
		m.im.note("access.anonymous", "Mosquitto 2 admits nobody without allow_anonymous or other means of access.")
	}
	m.logging()
}

func (m *mosquittoFile) listener(l *mosquittoListener, local bool) {
	host := l.host
	if local {
		host = cmp.Or(host, "127.0.0.1")
	}
	secure := l.tls.CertFile != ""
	protocol := map[[2]bool]string{{false, false}: TCP, {false, true}: TLS, {true, false}: WebSocket, {true, true}: WebSockets}[[2]bool{l.protocol == "websockets", secure}]
	out := NewListener("", protocol, net.JoinHostPort(host, cmp.Or(l.port, "1883")))
	if l.socket != "" {
		out = NewListener("", Unix, l.socket)
	}
	out.Anonymous, out.Connections = l.anonymous, l.connections
	path := element("listeners", len(m.im.Config.Listeners))
	if secure && l.socket == "" {
		out.TLS = l.tls
		out.TLS.MinimumVersion = cmp.Or(l.tls.MinimumVersion, "1.2")
		if l.tls.VerifyClient == "" {
			out.TLS.CAFile, out.TLS.CRLFile, out.TLS.Identity = "", "", ""
		}
	}
	if out.isWebSocket() {
		m.im.openWebSocket(&out, path)
	}
	m.im.listen(out)
}

// logging makes the log of log_dest and log_type.
func (m *mosquittoFile) logging() {
	l := &m.im.Config.Log
	for _, dest := range m.log {
		switch kind, file, _ := strings.Cut(dest, " "); kind {
		case "file":
			l.File = file
		case "none":
			l.Output = "off"
		case "stdout", "stderr":
		default:
			m.im.miss("log_dest %s: the log goes to standard error or to a file.", dest)
		}
	}
	if l.File != "" && (strings.Contains(strings.Join(m.log, " "), "stdout") || strings.Contains(strings.Join(m.log, " "), "stderr")) {
		l.Output = "both"
	}
	for _, kind := range m.levels {
		if kind == "all" || kind == "debug" {
			l.Level = "debug"
		}
	}
}

func (m *mosquittoFile) queue(messages *int, name, value string) {
	*messages = int(m.number(name, value, math.MaxInt32))
	if *messages == 0 {
		*messages = math.MaxInt32
		m.im.note("queues.durable_maximum_messages", "Mosquitto has no limit with 0; here durable_maximum_bytes bounds the queue too.")
	}
}

// expiry reads 14d, 1m and the like of persistent_client_expiration.
func (m *mosquittoFile) expiry(value string) time.Duration {
	units := map[byte]time.Duration{'h': time.Hour, 'd': day, 'w': 7 * day, 'm': 30 * day, 'y': 365 * day}
	unit := units[value[len(value)-1]]
	n, err := strconv.ParseInt(value[:len(value)-1], 10, 16)
	if unit == 0 || err != nil || n < 1 || time.Duration(n) > math.MaxUint32*time.Second/unit {
		m.problems.add(m.at, "persistent_client_expiration", "%q is not allowed: use a number with h, d, w, m or y", value)
		return 0
	}
	return time.Duration(n) * unit
}
