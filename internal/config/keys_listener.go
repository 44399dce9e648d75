package config

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func (l *Listener) keys() keys {
	return keys{
		{"id", restart, anyText(&l.ID, "", "a unique name"), "Its name in log lines and figures. Not given: the protocol's, mqtt for the first of tcp."},
		{
			"protocol", restart, choice(&l.Protocol, TCP, TCP, TLS, WebSocket, WebSockets, Unix, HTTP),
			"What is spoken: MQTT over TCP, TLS, WebSocket (ws, wss) or a Unix socket; or http, statistics in JSON whose answer 200 is also a sign of health.",
		},
		{
			"address", restart, anyText(&l.Address, "", "host:port, or a path for protocol unix"),
			"Address of this machine and port, :1883 for every address, port 0 for a free one; of a Unix socket its path. " +
				"Not given: 0.0.0.0:1883 for tcp, 0.0.0.0:8883 for tls, 0.0.0.0:8083 for ws, 0.0.0.0:8084 for wss, 127.0.0.1:8080 for http.",
		},
		{
			"anonymous", reload, choice(&l.Anonymous, "", Everybody, Loopback, Nobody),
			"Who is admitted here without credentials. Not given: as access.anonymous says.",
		},
		{"path", restart, checked(&l.Path, "", "a path like /mqtt, or * for every path", validPath), "Of ws and wss: the path that clients ask for. Not given: /mqtt. * stands for every path."},
		{
			"origins", restart, &words{&l.Origins, `scheme and host like https://app.example.com, "*" or "null"`, validOrigin},
			`Of ws and wss: web origins whose pages may connect, besides those of the host that was asked. "*" lets every page in, "null" those without an origin.`,
		},
		{"proxy_protocol", restart, boolean(&l.ProxyProtocol, false), "Whether every connection begins with a PROXY protocol header, whose address counts as the client's."},
		{
			"proxy_trusted", restart, &words{&l.ProxyTrusted, "networks like 10.0.0.0/8", validNetwork},
			"Networks of the proxies; others are closed. Not given: every peer is believed, which is right only where nobody else reaches the listener.",
		},
		{"handshake_timeout", restart, duration(&l.HandshakeTimeout, 10*time.Second, time.Millisecond, time.Hour, 1), "Time for the PROXY header, the TLS handshake and the WebSocket upgrade, each."},
		{
			"tcp_keep_alive", restart, or(duration(&l.TCPKeepAlive, 15*time.Second, time.Second, day, 1), &l.TCPKeepAlive, "off"),
			"Idle time before and between the TCP probes that find dead peers.",
		},
		{
			"durability", restart, choice(&l.Durability, "", Fsync, OS, None),
			"What acknowledgements to clients of this listener wait for. Not given: as store.durability says.",
		},
		{
			"maximum_connections", restart, or(number(&l.Connections, 0, 1, math.MaxInt32), &l.Connections, "default").defaulting("default"),
			"Connections at a time; default: as limits.connections_per_listener says.",
		},
		{"unix_mode", restart, checked(&l.UnixMode, "", "permission bits like 0660", validMode), "Of unix: permission of the socket's file. Not given: as the process's umask says."},
		{"pprof", restart, boolean(&l.PProf, false), "Of http on a loopback address: whether Go's profiles are below /debug/pprof/."},
		{"tls", reload, &group{l.TLS.keys()}, "Certificates, for tls, wss and, where wanted, http."},
	}
}

func (c *Certificates) keys() keys {
	return keys{
		{"cert_file", reload, file(&c.CertFile, ""), "PEM file with the server's certificate and those that lead to its authority."},
		{"key_file", reload, file(&c.KeyFile, ""), "PEM file with the certificate's private key."},
		{"client_ca_file", reload, file(&c.CAFile, ""), "PEM file with the authorities of clients' certificates."},
		{"verify_client", reload, choice(&c.VerifyClient, "", Optional, Required), "Whether clients must show a certificate of those authorities, or may. Not given: they are not asked for one."},
		{
			"identity", restart, choice(&c.Identity, "", CommonName, SANDNS, SANEmail, SANURI),
			"What of a client's certificate is its user name, by which it is admitted: the common name, or the first alternative name of a kind. " +
				"A CONNECT with another user name is refused. Not given: a certificate says nothing about the user.",
		},
		{"crl_file", reload, file(&c.CRLFile, ""), "File with those authorities' lists of revoked certificates, in PEM or DER. Clients whose issuer has no list there, or an outdated one, are refused."},
		{"minimum_version", reload, choice(&c.MinimumVersion, "1.2", "1.2", "1.3"), "The oldest version of TLS that is accepted."},
		{
			"certificates", reload, listOf("certificate", &c.Others, (*CertificatePair).keys, func() []CertificatePair { return nil }),
			"Further certificates, each with cert_file and key_file, offered by the server name that a client asks for; who asks for none, or for one that no certificate has, gets cert_file.",
		},
	}
}

func (p *CertificatePair) keys() keys {
	return keys{
		{"cert_file", reload, file(&p.CertFile, ""), "PEM file with the certificate and those that lead to its authority."},
		{"key_file", reload, file(&p.KeyFile, ""), "PEM file with its private key."},
	}
}

var (
	errPath    = errors.New("not a path")
	errOrigin  = errors.New("not an origin")
	errNetwork = errors.New("not a network")
	errMode    = errors.New("not a file mode")
)

func validPath(text string) error {
	if text != "*" && !strings.HasPrefix(text, "/") {
		return errPath
	}
	return nil
}

func validOrigin(text string) error {
	u, err := url.Parse(text)
	if text == "*" || text == "null" || err == nil && u.Scheme != "" && u.Host != "" && u.User == nil && strings.EqualFold(u.Scheme+"://"+u.Host, text) {
		return nil
	}
	return errOrigin
}

func validNetwork(text string) error {
	if _, err := netip.ParsePrefix(text); err != nil {
		return errNetwork
	}
	return nil
}

func validMode(text string) error {
	if n, err := strconv.ParseUint(text, 8, 32); err != nil || n > 0o777 {
		return errMode
	}
	return nil
}

// loopback reports whether an address is reached by this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
